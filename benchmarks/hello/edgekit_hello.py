from edgekit import App, Env, KVNamespace, Request, Response  # noqa: F401 - what a real app imports

app = App()


@app.get("/hello")
async def hello(request: Request) -> Response:
    return Response("Hello, world!")
