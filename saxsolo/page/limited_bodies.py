"""Refuses requests with a body that is too large, before any of it is kept in memory."""

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class LimitedBodies:
    """Middleware: Gradio limits its uploads, but reads a JSON body of any size.

    Args:
        app: what is behind it.
        most_bytes: of a body.
    """

    def __init__(self, app: ASGIApp, most_bytes: int):
        self.app, self.most_bytes = app, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > self.most_bytes:
            await self._refuse(scope, receive, send)
            return
        # a body may also come in chunks, without its length
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message if received <= self.most_bytes else {"type": "http.disconnect"}

        await self.app(scope, counted, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        text = f"a request may have {self.most_bytes // 1_000_000} MB at most"
        await PlainTextResponse(text, 413)(scope, receive, send)
