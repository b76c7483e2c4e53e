from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel, Field
from workers import WorkerEntrypoint

started = []


@asynccontextmanager
async def lifespan(app):
    started.append("up")
    yield {"greeting": "open"}


app = FastAPI(lifespan=lifespan, title="Items")


class Item(BaseModel):
    name: str
    cents: int = Field(gt=0)
    tags: list[str] = []


async def env(request: Request):
    return request.scope["env"]


@app.get("/")
async def root(request: Request, env=Depends(env)):
    return {"shop": env.SHOP, "state": request.state.greeting, "started": bool(started)}


@app.put("/items/{name}", status_code=201)
async def put(name: str, item: Item, env=Depends(env)):
    await env.ITEMS.put(name, item.model_dump_json())
    return item


@app.get("/items/{name}")
async def get(name: str, env=Depends(env)) -> Item:
    kept = await env.ITEMS.get(name)
    if kept is None:
        raise HTTPException(404, f"no {name}")
    return Item.model_validate_json(kept)


@app.get("/search")
async def search(q: str, limit: int = 5):
    return {"q": q, "limit": limit}


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        import asgi

        return await asgi.fetch(app, request.js_object, self.env)
