from pathlib import Path
from urllib.parse import parse_qs, urlparse

from jinja2 import Environment, FileSystemLoader, select_autoescape
from workers import Response, WorkerEntrypoint

pages = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=select_autoescape()
)


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        query = {name: values[0] for name, values in parse_qs(urlparse(request.url).query).items()}
        page = pages.get_template("page.html").render(
            title=query.get("title", "none"), text=query.get("text", "")
        )
        return Response(page, headers={"Content-Type": "text/html; charset=utf-8"})
