"""What a visitor reads when a request is refused: Gradio's own words are for its developers."""

import json

from starlette.types import ASGIApp, Message, Receive, Scope, Send

FULL = "The queue is full. Please try again in a minute."
# how Gradio begins its own message
GRADIO_FULL = "Queue is full"


class PoliteRefusals:
    """Middleware that says plainly that the queue is full, and when to try again."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].endswith("/queue/join"):
            await self.app(scope, receive, send)
            return
        held_back: list[Message] = []

        async def rewrite(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 503:
                held_back.append(message)
            elif held_back and GRADIO_FULL in message.get("body", b"").decode(errors="replace"):
                body = json.dumps({"detail": FULL}).encode()
                headers = [
                    (b"content-type", b"application/json"),
                    (b"content-length", str(len(body)).encode()),
                    (b"retry-after", b"60"),
                ]
                await send({**held_back.pop(), "headers": headers})
                await send({"type": "http.response.body", "body": body})
            else:
                if held_back:
                    await send(held_back.pop())
                await send(message)

        await self.app(scope, receive, rewrite)
