from slugs import slug
from workers import Response

from . import shared


async def handle(request):
    return Response(f"{shared.GREETING} {slug('Tea & Milk')}")
