# make demo | test | lint | docs | train. The environment .venv is made once and renewed when its inputs change.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
TAKES ?= takes
BACKINGS ?= $(wildcard examples/*.flac)
# two workers, one thread each, suit two cores; make test PYTEST_FLAGS="-x -k codec" for a part
PYTEST_FLAGS ?= -n 2

.PHONY: demo test lint docs runtime clean train

demo: .venv/.demo
	@for backing in $(BACKINGS); do \
	  $(BIN)/saxsolo improvise $$backing --out $(TAKES)/$$(basename $$backing .flac) || exit; \
	done

test: .venv/.test
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

lint: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

# the site in build/site; a warning is an error
docs: .venv/.test
	NO_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict --quiet -f .ci/mkdocs.yml

# saxsolo-runtime, the wheel that plays exported graphs without torch, in dist/
runtime: .venv/.demo
	$(BIN)/python -m pip wheel --quiet --no-deps -w dist packaging/runtime

clean:
	rm -rf .venv

# The stamps are touched last: an install that broke off is taken up again.
.venv/.demo: pyproject.toml constraints.txt | .venv/.made
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	@touch $@

.venv/.test: pyproject.toml constraints.txt | .venv/.made
	$(BIN)/python -m pip install --quiet -c constraints.txt \
	  -e ".[corpus,recordings,train,evaluate,listen,notes,onnx,app,docs,dev]"
	@touch $@ .venv/.demo

.venv/.made:
	$(PYTHON) -m venv .venv
	@touch $@

# make train MIRROR=http://...: data fetched, weights trained; see docs/engineers/training.md
include train.mk
train: $(RUNS)/checkpoints/.planner
