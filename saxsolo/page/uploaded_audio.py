"""Audio that a client names by the address at which it uploaded it to this server."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import gradio as gr
from gradio.utils import get_upload_folder

FILE_PATH = "/gradio_api/file="


def uploaded_audio(label: str) -> gr.Audio:
    """Audio input of an MCP tool.

    An assistant uploads a file (`gradio upload-mcp`) and passes its address on. Gradio would
    download that address, but refuses addresses in a private network, where `saxsolo app` runs.
    """
    audio = gr.Audio(type="filepath", label=label)
    move = audio.async_move_resource_to_block_cache

    async def use_or_move(url_or_file_path: str | Path | None) -> str | None:
        own = own_upload(url_or_file_path, Path(get_upload_folder()))
        return await move(own or url_or_file_path)

    # of this component alone: for a subclass Gradio would write a stub file beside this one
    audio.async_move_resource_to_block_cache = use_or_move  # type: ignore[method-assign]
    return audio


def own_upload(address: str | Path | None, uploads: Path) -> Path | None:
    """Path of the file that an address of this server names; None for any other address.

    Args:
        address: URL or path.
        uploads: folder of the uploaded files; nothing outside it is returned.
    """
    path = urlsplit(str(address or "")).path
    if FILE_PATH not in path:
        return None
    file = Path(unquote(path.split(FILE_PATH, 1)[1])).resolve()
    return file if file.is_relative_to(uploads.resolve()) and file.is_file() else None
