import asyncio

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from starlette.routing import Mount, Route
from workers import asgi

done = []


async def numbers(request):
    async def lines():
        for number in range(int(request.query_params.get("n", 3))):
            await asyncio.sleep(0)
            yield f"line {number}\n"

    return StreamingResponse(lines(), media_type="text/plain")


async def later(request):
    async def work():
        done.append(request.query_params["job"])

    return PlainTextResponse("accepted", status_code=202, background=BackgroundTask(work))


async def finished(request):
    return JSONResponse(done)


async def echo(request):
    body = b"".join([chunk async for chunk in request.stream()])
    return PlainTextResponse(f"{len(body)} bytes as {request.headers['content-type']}")


async def inside(request):
    return PlainTextResponse(f"{request.scope['root_path']} {request.path_params['rest']}")


async def old(request):
    response = RedirectResponse("/numbers?n=1", status_code=307)
    response.set_cookie("seen", "yes", httponly=True)
    response.set_cookie("also", "1")
    return response


app = Starlette(
    routes=[
        Route("/numbers", numbers),
        Route("/later", later, methods=["POST"]),
        Route("/done", finished),
        Route("/echo", echo, methods=["POST"]),
        Mount("/sub", routes=[Route("/{rest:path}", inside)]),
        Route("/old", old),
    ]
)

Default = asgi.entrypoint(app)
