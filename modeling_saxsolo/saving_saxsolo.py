"""Saved models that play through `pipeline` wherever they were loaded from."""

import copy
import os
from typing import TYPE_CHECKING, Any

from transformers import PreTrainedModel
from transformers.dynamic_module_utils import custom_object_save

if TYPE_CHECKING:
    # what this is mixed into, for its methods
    _Model = PreTrainedModel
else:
    _Model = object


class SavedWithPipeline(_Model):
    """`save_pretrained` that writes the pipeline beside the model, and its name in config.json."""

    def save_pretrained(  # type: ignore[override]
        self, save_directory: str | os.PathLike[str], **kwargs: Any
    ) -> None:
        """As in the library.

        Args:
            save_directory: folder. kwargs: as in the library.
        """
        # The library copies what a module imports, in a function too: the pipeline's code comes
        # along with a model of the Hub because it is named here.
        from .pipeline_saxsolo import CUSTOM_PIPELINES, SaxsoloPipeline

        # of a model of the Hub, the library has put the repository before the name
        self.config.custom_pipelines = copy.deepcopy(CUSTOM_PIPELINES)
        super().save_pretrained(save_directory, **kwargs)
        custom_object_save(SaxsoloPipeline, save_directory)
