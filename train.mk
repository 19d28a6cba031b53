# make train: the default weights from open data, command by command; SMALL=1 in minutes, for a test.
# What is done is not done again. The shipped weights came in longer runs that went on from each
# other, on earlier renders too (docs/LOG.md): this repeats their steps and sizes, not their bits.
DATA ?= data
RUNS ?= runs
SAXSOLO ?= $(BIN)/saxsolo
SEED ?= 0

WEIMAR := --weimar-dir $(DATA)/weimar_sax
SAMPLES := --samples-dir $(DATA)
OTHERS := --other-horns $(DATA)/weimar_other --quantised $(DATA)/parker_omnibook
FETCH := corpus fetch --out $(DATA) $(if $(MIRROR),--mirror $(MIRROR))
SOLOS := corpus solos $(WEIMAR) $(SAMPLES)
ACCOMPANY := corpus accompany $(WEIMAR) $(SAMPLES) --charts-dir $(DATA)/chord_charts \
  --out $(RUNS)/accompany --seed $(SEED)
TRANSCRIBED := corpus accompany --arranger transcribed $(WEIMAR) $(SAMPLES) \
  --out $(RUNS)/transcribed --seed $(SEED)

# The shipped ear and solo model learnt on a GPU: DEVICE=cuda. The ear's size would take a core two
# days, so a core trains the smaller ear that was shipped before (docs/engineers/ear.md).
DEVICE ?= cpu

ifdef SMALL
LESSONS := --hours 0.02 --held-out 1 --seconds 12
VOICES := --hours 0.02 --held-out 1 --seconds 12
ACCOMPANY += --hours 0.05 --workers 1
TRANSCRIBED += --hours 0.03 --workers 1
EAR := --minutes 0.3 --batch-size 1
CODEC := configs/codec-tiny.yaml --minutes 1
TINY := configs/tiny.yaml --max-steps 4 --set model.codec_dim=8 --set model.listen=labels
SCORES := $(TINY)
SOLO := $(TINY) --set model.hears=spectrum
PLANNER := --minutes 0.2
REFINE := --set rounds=1 --set windows=2 --set lines=2
else
LESSONS := --hours 3.5 --held-out 10 --seconds 45
VOICES := --hours 11 --held-out 10 --seconds 60
ACCOMPANY += --hours 16
TRANSCRIBED += --hours 4
ifeq ($(DEVICE),cpu)
EAR := --minutes 200
else
EAR := configs/ear.yaml --device $(DEVICE)
endif
CODEC := configs/codec2.yaml --minutes 224
SCORES := configs/small-scores.yaml --max-minutes 30
# 2,517 steps of 24 x 768 frames: minutes of a GPU (DEVICE=cuda), eight hours of two cores
SOLO := configs/small.yaml --max-steps 2500 --set batch_size=24 --set warmup_steps=150 \
  --set score_fraction=0.05 --set evaluate_every=450 \
  $(if $(filter-out cpu,$(DEVICE)),--device $(DEVICE) --set loader_workers=10)
PLANNER := --minutes 13
REFINE :=
endif

$(RUNS)/.fetched:
	$(SAXSOLO) $(FETCH)
	@mkdir -p $(RUNS) && touch $@

# the codec's lessons, and other solos for the model that voices notes
$(RUNS)/.lessons: | $(RUNS)/.fetched
	$(SAXSOLO) $(SOLOS) --out $(RUNS)/lessons $(LESSONS) --seed $(SEED) --sets train,validation
	@touch $@

$(RUNS)/.voices: | $(RUNS)/.fetched
	$(SAXSOLO) $(SOLOS) --out $(RUNS)/voices $(VOICES) --seed 1$(SEED) --sets train,validation --no-pitch
	@touch $@

$(RUNS)/.accompany: | $(RUNS)/.fetched
	$(SAXSOLO) $(ACCOMPANY)
	$(SAXSOLO) $(TRANSCRIBED)
	@touch $@

$(RUNS)/.ear: | $(RUNS)/.accompany
	$(SAXSOLO) train-ear --accompaniments $(RUNS)/accompany --accompaniments $(RUNS)/transcribed \
	  --out $(RUNS)/ear $(EAR) --seed $(SEED)
	@mkdir -p $(RUNS)/checkpoints && cp -r $(RUNS)/ear/best $(RUNS)/checkpoints/ear && touch $@

$(RUNS)/.codec: | $(RUNS)/.lessons
	$(SAXSOLO) train-codec $(CODEC) --audio $(RUNS)/lessons/train --out $(RUNS)/codec
	@mkdir -p $(RUNS)/checkpoints && cp -r $(RUNS)/codec/final $(RUNS)/checkpoints/codec && touch $@

$(RUNS)/.tokens: | $(RUNS)/.codec $(RUNS)/.voices
	$(SAXSOLO) corpus tokenise --pairs $(RUNS)/voices --codec $(RUNS)/checkpoints/codec \
	  --out $(RUNS)/tokens
	@touch $@

# harmony and rhythm from scores alone, then with the sound
$(RUNS)/.scores: | $(RUNS)/.fetched
	$(SAXSOLO) train $(SCORES) $(WEIMAR) --out $(RUNS)/scores --seed $(SEED)
	@touch $@

$(RUNS)/.solo: | $(RUNS)/.tokens $(RUNS)/.scores $(RUNS)/.ear
	$(SAXSOLO) train $(SOLO) --tokens $(RUNS)/tokens --codec $(RUNS)/checkpoints/codec $(WEIMAR) \
	  --init-from $(RUNS)/scores --out $(RUNS)/solo --seed $(SEED)
	@touch $@

$(RUNS)/checkpoints/.planner: | $(RUNS)/.solo
	$(SAXSOLO) export $(RUNS)/solo/final $(RUNS)/checkpoints/solo --codec ../codec --ear ../ear \
	  --set temperature=0.93 --set guidance_scale=1.35 --set pitch_temperature=1.0 \
	  --set rhythm_temperature=0.5 --set onset_bias=-0.15 --set codec_temperature=0.6 \
	  --set 'phrasing={endings: 0.4, rests: 0.35, holds: 0.5, gaps: 0.4, returns: 0.7, centre: 0.3, entry: 3.0, recalls: 0.35}'
	$(SAXSOLO) corpus silent-codes $(RUNS)/tokens --into $(RUNS)/checkpoints/solo
	$(SAXSOLO) train-planner configs/planner.yaml $(WEIMAR) $(OTHERS) --out $(RUNS)/planner \
	  --into $(RUNS)/checkpoints/solo $(PLANNER) --seed $(SEED)
	$(SAXSOLO) refine-planner configs/planner-refine.yaml --checkpoint $(RUNS)/checkpoints/solo \
	  $(WEIMAR) $(OTHERS) --out $(RUNS)/planner-refined --into $(RUNS)/checkpoints/solo $(REFINE) \
	  --set seed=$(SEED)
	@touch $@
