from blacksheep import Application, Response, text
from blacksheep.server.routing import Router

router = Router()


@router.get("/hello")
async def hello() -> Response:
    return text("Hello, world!")


app = Application(router=router)
