"""The house behind a real socket, for clients that bring their own HTTP: uvicorn in the test's own event loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import uvicorn
from starlette.types import ASGIApp


class Brief(uvicorn.Server):
    """Ends soon after it is told to: uvicorn looks ten times a second, and hundreds of tests end one."""

    async def main_loop(self) -> None:
        """Wait until it is to end."""
        await self.on_tick(0)
        while not self.should_exit:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)


@asynccontextmanager
async def served(app: ASGIApp, ws: Literal["auto", "none"] = "none", ping: float = 20) -> AsyncIterator[str]:
    """Serve an application on a port of the system's choice; give its address."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        log_level="warning",
        lifespan="off",
        ws=ws,
        ws_ping_interval=ping,
        ws_ping_timeout=ping,
        timeout_graceful_shutdown=1,
    )
    server = Brief(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task
