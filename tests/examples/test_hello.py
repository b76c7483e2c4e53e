from __future__ import annotations

from edgekit.testing import TestClient


async def test_hello_greets_whom_the_query_names(load):
    async with TestClient(load("hello").fetch) as client:
        assert await (await client.get("/")).text() == "Hello, world!\n"
        assert await (await client.get("/any/path?name=Ada")).text() == "Hello, Ada!\n"
