"""A relay as one would write it by hand, with FastAPI and httpx2: `python -m bench.relay_by_hand PORT UPSTREAM`.

It checks a key, reads the model's lines and yields them again, as tutorials do; it counts nothing and limits nothing.
"""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse

KEYS = {"by-hand"}


def application(upstream: str) -> FastAPI:
    """Put it together."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=1000)
        async with httpx2.AsyncClient(timeout=300, limits=limits, trust_env=False) as client:
            app.state.client = client
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/readyz")
    async def ready() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> StreamingResponse:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in KEYS:
            raise HTTPException(401)
        body = json.loads(await request.body())
        client: httpx2.AsyncClient = request.app.state.client
        sent = client.build_request("POST", f"{upstream}/v1/chat/completions", json=body)
        reply = await client.send(sent, stream=True)

        async def lines() -> AsyncIterator[str]:
            try:
                async for line in reply.aiter_lines():
                    if line:
                        yield f"{line}\n\n"
            finally:
                await reply.aclose()

        return StreamingResponse(lines(), media_type="text/event-stream")

    return app


if __name__ == "__main__":
    uvicorn.run(
        application(sys.argv[2]),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        log_level="error",
        access_log=False,
        backlog=4096,
    )
