from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

app = FastAPI()


@app.get("/hello")
async def hello() -> PlainTextResponse:
    return PlainTextResponse("Hello, world!")
