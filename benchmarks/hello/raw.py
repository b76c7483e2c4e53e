"""No framework and no import: what uvicorn alone costs."""


async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("this app speaks only HTTP")
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"13")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"Hello, world!"})
