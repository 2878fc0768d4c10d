"""A response that is written piece by piece, and ends its source however it ends itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from anyio import CancelScope
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Send

__all__ = ["EventStream"]


class EventStream(StreamingResponse):
    """Sends text as it comes.

    Args:
        texts: What is sent; each step runs in a thread, so it may wait.
        close: Called at the end, also when the client has gone away half way.
        media_type: Server-sent events, unless it is something else that comes in lines.
    """

    def __init__(
        self, texts: Iterator[str], *, close: Callable[[], None], media_type: str = "text/event-stream"
    ) -> None:
        # Proxies would otherwise keep the pieces back until they have a page full of them.
        super().__init__(texts, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}, media_type=media_type)
        self._close = close

    async def stream_response(self, send: Send) -> None:
        """Send everything, then close the source; a client that goes away cancels the sending, not the closing."""
        try:
            await super().stream_response(send)
        finally:
            with CancelScope(shield=True):
                await run_in_threadpool(self._close)
