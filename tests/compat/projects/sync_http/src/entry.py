"""Clients that block, inside async handlers: the program asks itself, so it must go on meanwhile."""

from urllib.parse import urlparse
from urllib.request import urlopen

import httpx
import requests
from workers import Response, WorkerEntrypoint


def title(address):
    found = requests.get(address, params={"name": "ada"}, timeout=10)
    found.raise_for_status()
    return found.json()["name"]


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = urlparse(request.url)
        base = f"{url.scheme}://{url.netloc}"
        match url.path:
            case "/source":
                name = request.headers.get("x-name") or url.query.partition("=")[2]
                return Response.json(
                    {"name": name, "method": request.method, "body": await request.text()}
                )
            case "/requests":
                return Response(title(f"{base}/source"))
            case "/session":
                with requests.Session() as session:
                    session.headers["x-name"] = "grace"
                    posted = session.post(f"{base}/source", data="sent")
                return Response.json(posted.json(), status=posted.status_code)
            case "/httpx":
                async with httpx.AsyncClient() as client:
                    found = await client.get(f"{base}/source?name=alan")
                return Response(found.json()["name"])
            case "/urllib":
                with urlopen(f"{base}/source?name=tim") as found:
                    return Response(found.read())
        return Response("?", status=404)
