"""`saxsolo app`: the page in the browser."""

from typing import Annotated

import typer

from .errors import needs
from .options import quiet_libraries


@needs("app")
def open_app(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, show_default="the first free one from 7860")
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 is all of them.")
    ] = "127.0.0.1",
    share: Annotated[
        bool, typer.Option(help="Through a tunnel of Gradio's, for all the world.")
    ] = False,
) -> None:
    """Play in the browser: a page that streams the solo while it is made up."""
    from saxsolo.page.server import launch

    quiet_libraries()
    launch(port, host, share)
