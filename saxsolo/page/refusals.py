"""Words for those who are turned away: Gradio's own are for its developers."""

import json

from starlette.types import ASGIApp, Message, Receive, Scope, Send

FULL = "Many people are playing just now. Please try again in a minute."
# what the queue says when nobody more may wait
THEIRS = "Queue is full"


class PoliteRefusals:
    """Middleware that says in plain words that the queue is full, and when to return."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].endswith("/queue/join"):
            await self.app(scope, receive, send)
            return
        held: list[Message] = []

        async def said(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 503:
                held.append(message)
            elif held and THEIRS in message.get("body", b"").decode(errors="replace"):
                body = json.dumps({"detail": FULL}).encode()
                headers = [
                    (b"content-type", b"application/json"),
                    (b"content-length", str(len(body)).encode()),
                    (b"retry-after", b"60"),
                ]
                await send({**held.pop(), "headers": headers})
                await send({"type": "http.response.body", "body": body})
            else:
                if held:
                    await send(held.pop())
                await send(message)

        await self.app(scope, receive, said)
