"""Publishing: a folder laid out exactly as it will stand on the Hub, checked, then sent.

    source -> layout (model, dataset, space: only files of known names) -> check -> one commit

Nothing is sent where the check fails; a dry run stops before sending.
"""

import shutil
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from saxsolo.atomic import output_folder, replacing_folder
from saxsolo.errors import OutputError, PublishError
from saxsolo.extras import missing_extra
from saxsolo.publishing.folder import list_files
from saxsolo.scratch import scratch_prefix

REPOSITORY_KINDS = ("model", "dataset", "space")


@dataclass(frozen=True)
class Published:
    """What was laid out, and where it went.

    Attributes:
        files: path in the folder -> bytes.
        folder: where it was left; None where it was not asked for.
        url: of the commit; None after a dry run.
    """

    files: dict[str, int]
    folder: Path | None
    url: str | None


def publish(
    kind: str,
    repository: str,
    source: Path | None = None,
    *,
    dry_run: bool = False,
    out: Path | None = None,
    private: bool = False,
    revision: str | None = None,
    card: Path | None = None,
    dataset: str | None = None,
    model: str | None = None,
    accept_rights: bool = False,
    onnx: bool = False,
) -> Published:
    """Lays out, checks and sends a model, a dataset or the Space.

    Args:
        kind: one of `REPOSITORY_KINDS`.
        repository: OWNER/NAME on the Hub.
        source: folder of the checkpoint, of the tokens, of the Space; the project's own when None
            (tokens have none).
        dry_run: do not send.
        out: folder to leave what was laid out in; it must be empty or missing.
        private: of a repository that is made here.
        revision: branch, made where it is missing; main when None.
        card: model card to take; see `model.find_card`.
        dataset: Hub id of the tokens that the model learnt from, for its card.
        model: OWNER/NAME@COMMIT of the model that a Space plays; see `space.lay_out_space`.
        accept_rights: publish rows of a dataset whose licence nobody has stated.
        onnx: of a model: its ONNX graphs too, in onnx/; the extra `onnx` is needed.

    Raises:
        PublishError: what is laid out is not whole, or the Hub does not take it.
        OutputError: `out` cannot be written or is not empty.
    """
    from saxsolo.publishing.check import check_dataset, check_model, check_secrets, check_space
    from saxsolo.publishing.upload import need_token, upload

    for name in (repository, dataset or repository):
        try:
            validate_repo_id(name)
        except HFValidationError as error:
            raise PublishError(f"{name!r} is not a valid name on the Hub: {error}") from error
        if "/" not in name:
            raise PublishError(f"{name!r} has no owner; say OWNER/{name}")
    if onnx:
        _check_onnx(kind)
    if not dry_run:
        need_token()
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(f"{out} is not empty; name a new folder")
    with tempfile.TemporaryDirectory(prefix=scratch_prefix("publish")) as place:
        folder = Path(place) / repository.split("/")[1]
        folder.mkdir()
        if kind == "model":
            from saxsolo.publishing.model import MODEL_FILES as stale
            from saxsolo.publishing.model import lay_out_model

            lay_out_model(folder, repository, source, card=card, dataset=dataset, onnx=onnx)
            check = check_model
        elif kind == "dataset":
            from saxsolo.publishing.dataset import DATASET_FILES as stale
            from saxsolo.publishing.dataset import lay_out_dataset

            lay_out_dataset(folder, source, accept_rights)
            check = check_dataset
        else:
            from saxsolo.publishing.space import SPACE_FILES as stale
            from saxsolo.publishing.space import lay_out_space

            lay_out_space(folder, source, model)
            check = check_space
        check_secrets(folder)
        check(folder)
        files = list_files(folder)
        if out is not None:
            _move(folder, out)
            folder = out
        url = None
        if not dry_run:
            url = upload(folder, repository, kind, files, stale, private, revision)
    return Published(files, out, url)


def _check_onnx(kind: str) -> None:
    if kind != "model":
        raise PublishError(f"--onnx goes with a model, not with a {kind}")
    for library in ("onnx", "onnxruntime"):
        if find_spec(library) is None:
            raise PublishError(missing_extra(library, "onnx"))


def _move(folder: Path, out: Path) -> None:
    """Copies beside `out`, then renames: `out` is whole or is not."""
    with output_folder(out.parent if out.parent != out else out):
        try:
            with replacing_folder(out) as partial:
                shutil.copytree(folder, partial, dirs_exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot write {out}: {error}") from error
