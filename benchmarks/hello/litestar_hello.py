from litestar import Litestar, MediaType, get


@get("/hello", media_type=MediaType.TEXT)
async def hello() -> str:
    return "Hello, world!"


app = Litestar([hello])
