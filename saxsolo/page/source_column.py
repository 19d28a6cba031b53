"""Where a track comes from: an example, a file, a recording, or a band that plays the chart."""

from dataclasses import dataclass

import gradio as gr

from .controls import BAND, EXAMPLE, RECORDING, UPLOAD, Controls, examples
from .limits import LONGEST_BACKING, MOST_BYTES, SUFFIXES


@dataclass(frozen=True)
class SourceColumn:
    """Where a track comes from; `notice` describes an uploaded file."""

    source: gr.Radio
    example: gr.Dropdown
    upload: gr.File
    recording: gr.Audio
    notice: gr.HTML


def source_column(
    controls: Controls, label: str, recording_label: str, prefix: str = "", band: bool = False
) -> SourceColumn:
    """The components that choose a track.

    Args:
        controls: values at the start.
        label: what is chosen.
        recording_label: what to record, and how.
        prefix: of the names that the components have in the page.
        band: whether a band that plays the chart may be chosen.
    """
    choices = [("Example", EXAMPLE), ("Your file", UPLOAD), ("Recording", RECORDING)]
    return SourceColumn(
        source=gr.Radio(
            [*choices, ("Band from the chords", BAND)] if band else choices,
            value=controls.source,
            label=label,
        ),
        example=gr.Dropdown(
            [(name.replace("_", " "), name) for name in examples()],
            value=controls.example,
            label="Example",
        ),
        upload=gr.File(
            label=f"WAV, FLAC, OGG, MP3 or AIFF, up to {MOST_BYTES // 10**6} MB "
            f"and {LONGEST_BACKING / 60:.0f} minutes",
            file_types=list(SUFFIXES),
            visible="hidden",
            height=140,
            elem_id=f"{prefix}upload",
        ),
        recording=gr.Audio(
            sources=["microphone"],
            type="filepath",
            label=recording_label,
            visible="hidden",
            elem_id=f"{prefix}recording",
        ),
        notice=gr.HTML(elem_id=f"{prefix}notice"),
    )
