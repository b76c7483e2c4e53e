"""Sites of static assets, on the platform's own router and server of assets (assets.mjs) and here."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from edgekit.config import Config
from edgekit.kinds import AssetsConfig
from edgekit.runtime.assets_front import AssetsOnly, in_front, make_assets
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.worker import Worker, worker
from tests.bridge.bridge import HERE, Call
from tests.bridge.conftest import npm_folder

# Ours, or what depends on the way: the rest is compared.
UNCOMPARED = {"etag", "content-length", "accept-ranges", "x-mf-additional-response-log"}


@dataclass
class Site:
    """A folder of assets, `files` being what is in it, and how it is served."""

    files: Mapping[str, str | bytes]
    html_handling: str = "auto-trailing-slash"
    not_found_handling: str = "none"
    worker: bool = True
    run_worker_first: bool | list[str] = False
    compatibility_date: str = "2026-07-01"
    compatibility_flags: list[str] = field(default_factory=list)
    directory: Path = Path()

    def write(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()
        for name, text in self.files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode() if isinstance(text, str) else text)

    def real(self) -> dict[str, Any]:
        rules = self.run_worker_first
        router: dict[str, Any] = {}
        if isinstance(rules, list):
            router["static_routing"] = {
                "user_worker": [rule for rule in rules if rule[0] != "!"],
                "asset_worker": [rule[1:] for rule in rules if rule[0] == "!"],
            }
        elif rules:
            router["invoke_user_worker_ahead_of_assets"] = True
        return {
            "directory": str(self.directory),
            "worker": self.worker,
            "router": router,
            "html_handling": self.html_handling,
            "not_found_handling": self.not_found_handling,
            "compatibility_date": self.compatibility_date,
            "compatibility_flags": self.compatibility_flags,
        }

    def here(self) -> Worker:
        """A Worker that answers as the one in assets.mjs, behind its assets."""
        assets = {
            "directory": str(self.directory),
            "html_handling": self.html_handling,
            "not_found_handling": self.not_found_handling,
            "run_worker_first": self.run_worker_first,
            **({"binding": "ASSETS"} if self.worker else {}),
        }
        config = Config(
            store="memory:",
            assets=msgspec.convert(assets, AssetsConfig),
            compatibility_date=self.compatibility_date,
            compatibility_flags=tuple(self.compatibility_flags),
        )

        async def fetch(request: Request) -> Response:
            if request.headers.has("x-via"):
                assert served is not None
                return await served.fetch(request)
            path = urllib.parse.urlsplit(request.url).path
            return Response(f"worker {request.method} {path}")

        behind = worker(fetch) if self.worker else AssetsOnly()
        served = make_assets(config, behind)
        assert served is not None
        return Worker(in_front(served, config, behind, behind.dispatch), behind)


class Platform:
    """The real platform with these sites; `warnings` is what it said of their rules."""

    def __init__(self, sites: dict[str, Site], folder: Path) -> None:
        described = folder / "sites.json"
        described.write_text(json.dumps({name: site.real() for name, site in sites.items()}))
        self._process = subprocess.Popen(
            ["node", str(HERE / "assets.mjs"), str(npm_folder()), str(described)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.warnings: list[str] = []
        for line in self._process.stdout:
            if not line.startswith('"'):
                address = urllib.parse.urlsplit(line.strip())
                break
            self.warnings.append(json.loads(line))
        else:
            self._process.communicate()
            raise RuntimeError("the real platform did not start; what it wrote is on stderr")
        self._address = (address.hostname or "", address.port)

    def ask(self, site: str, calls: list[Call]) -> list[Any]:
        body = json.dumps(
            [
                {
                    "site": site,
                    "method": call.options.get("method", "GET"),
                    "url": f"http://site.test{call.args[0]}",
                    "headers": call.options.get("headers", {}),
                }
                for call in calls
            ]
        )
        with contextlib.closing(http.client.HTTPConnection(*self._address)) as connection:
            connection.request("POST", "/", body)
            return [seen(*each) for each in json.loads(connection.getresponse().read())]

    def close(self) -> None:
        self._process.communicate()


async def ask_here(site: Worker, calls: list[Call]) -> list[Any]:
    answers = []
    for call in calls:
        request = Request(f"http://site.test{call.args[0]}", redirect="manual", **call.options)
        response = await site.fetch(request)
        pairs = [[name, value] for name, value in response.headers.items()]
        text = "" if request.method == "HEAD" else await response.text()
        answers.append(seen(response.status, pairs, text))
    return answers


def seen(status: int, headers: list[list[str]], text: str) -> Any:
    return status, {name: value for name, value in headers if name not in UNCOMPARED}, text
