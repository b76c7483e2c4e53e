import importlib
from pathlib import Path
from urllib.parse import urlparse

from workers import Response, WorkerEntrypoint

TEXT = Path(__file__).parent / "texts"


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        name = urlparse(request.url).path[1:]
        if name.endswith(".txt"):
            path = TEXT / name
            return Response(path.read_text()) if path.is_file() else Response("no text", status=404)
        try:
            module = importlib.import_module(f"handlers.{name or 'index'}")
        except ModuleNotFoundError as error:
            return Response(f"no module {error.name}", status=404)
        return await module.handle(request)
