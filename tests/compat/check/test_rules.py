"""Each rule: lines that it reports, marked by `#: RULE`, beside lines that it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.compat.check import checker
from edgekit.compat.check.rules import RULES
from tests.compat.check.checking import found, marked, places, write


@pytest.fixture(autouse=True)
def not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of these are no Workers, and what they would weigh is another test's business."""
    monkeypatch.setattr(checker, "_bundle", lambda place: (None, ""))


PROGRAMS: dict[str, str] = {
    "threads": """
        import logging.handlers
        import threading
        from concurrent.futures import ThreadPoolExecutor as Pool
        from threading import Timer

        lock = threading.Lock()
        local = threading.local()

        class Mine(threading.Thread):  #: P001
            pass

        def start(work):
            threading.Thread(target=work).start()  #: P001
            Timer(1, work)  #: P001
            with Pool() as pool:  #: P001
                pool.submit(work)
            logging.handlers.QueueListener(None)  #: P001

        def other(threading):
            threading.Thread()
    """,
    "threads of frameworks": """
        import anyio
        from anyio import to_thread
        from fastapi import APIRouter, BackgroundTasks, Depends, UploadFile
        from starlette.background import BackgroundTask
        from starlette.responses import FileResponse, StreamingResponse
        from starlette.routing import Route

        router = APIRouter()

        def settings():
            return 1

        async def better():
            return 1

        def lines():
            yield "a"

        async def slow():
            yield "a"

        @router.get("/")
        def index(value=Depends(settings)):  #: P002
            return value

        @router.get("/good")
        async def good(tasks: BackgroundTasks, file: UploadFile, value=Depends(better)):  #: P002
            tasks.add_task(settings)  #: P002
            tasks.add_task(better)
            await to_thread.run_sync(settings)  #: P002
            async with await anyio.open_file("x") as f:  #: P002
                pass
            BackgroundTask(settings)  #: P002
            StreamingResponse(lines())  #: P002
            StreamingResponse(slow())
            return FileResponse("x")  #: P002

        routes = [Route("/a", settings), Route("/b", better)]  #: P002

        @better.get("/x")
        def not_an_endpoint():
            pass
    """,
    "executors": """
        import asyncio

        async def handler(work):
            await asyncio.to_thread(work)  #: P003
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, work)  #: P003
            await asyncio.get_event_loop().run_in_executor(None, work)  #: P003
    """,
    "processes": """
        import multiprocessing
        import os
        from concurrent.futures import ProcessPoolExecutor

        context = multiprocessing.get_context("spawn")

        def go(work):
            multiprocessing.Process(target=work)  #: P004
            context.Process(target=work)  #: P004
            ProcessPoolExecutor()  #: P004
            os.fork()  #: P004
    """,
    "programs": """
        import asyncio
        import os
        import subprocess
        from subprocess import Popen as P

        async def handler():
            subprocess.run(["ls"])  #: P005
            P(["ls"])  #: P005
            os.system("ls")  #: P005
            await asyncio.create_subprocess_exec("ls")  #: P005
    """,
    "sockets": """
        import asyncio
        import socket

        async def handler():
            await asyncio.open_connection("a", 1)  #: P006
            await asyncio.get_running_loop().create_connection(None, "a", 1)  #: P006
            sock = socket.socket()  #: P006
            sock.bind(("", 80))  #: P007
            sock.close()
    """,
    "loops and servers": """
        import asyncio
        import uvicorn
        import flask

        site = flask.Flask(__name__)

        async def main():
            pass

        def handler():
            asyncio.run(main())  #: P007
            asyncio.get_event_loop().run_until_complete(main())  #: P007

        def serve():
            uvicorn.run(site)  #: P007
            site.run()  #: P007

        if __name__ == "__main__":
            asyncio.run(main())
            uvicorn.run(site)
    """,
    "randomness": """
        import functools
        import os
        import random
        import secrets
        import uuid
        from dataclasses import dataclass, field
        from random import choice as pick

        SEED = random.Random(42)
        TOKEN = secrets.token_hex()  #: P008
        OTHER = random.Random()  #: P008
        WORD = pick(["a"])  #: P008
        NUMBERS = [random.random() for _ in range(3)]  #: P008
        LAZY = lambda: random.random()

        def default(value=uuid.uuid4()):  #: P008
            return uuid.uuid4()

        class Config:
            key = os.urandom(8)  #: P008

            def later(self):
                return os.urandom(8)

        @dataclass
        class Item:
            id: str = field(default_factory=lambda: str(uuid.uuid4()))
            other: str = field(default_factory=uuid.uuid4)

        def make():
            return inner()

        def inner():
            return secrets.token_bytes()  #: P008

        KEY = make()

        class Thing:
            def __init__(self):
                self.fill()

            def fill(self):
                self.id = uuid.uuid4()  #: P008

        THING = Thing()

        @functools.cache
        def once():
            return random.random()  #: P008

        ONCE = once()

        def deco(function):
            function.salt = random.random()  #: P008
            return function

        @deco
        def decorated():
            return random.random()

        async def coroutine():
            return random.random()

        made = coroutine()
        made.close()

        def sometimes(seed=None):
            if seed is None:
                seed = random.random()  #: P008
            return seed

        sometimes(3)
    """,
    "clocks": """
        import time
        from datetime import date, datetime

        STARTED = time.time()  #: P009
        TODAY = date.today()  #: P009
        NOW = datetime.now()  #: P009
        LOCAL = time.localtime()  #: P009
        THEN = time.localtime(0)
        STAMP = datetime.fromtimestamp(0)

        async def handler():
            return time.time(), datetime.now()
    """,
    "I/O at import": """
        import httpx
        import requests
        import workers
        from pathlib import Path
        from urllib.request import urlopen
        from workers import env

        PAGE = Path(__file__).parent.joinpath("page.html")
        DATA = requests.get("https://example.com")  #: P010 P025
        RATES = urlopen("https://example.com")  #: P010 P025
        NAME = env.NAME  #: P010
        CLIENT = httpx.AsyncClient()  #: P010

        async def handler(request):
            return env.NAME, workers.env.NAME
    """,
    "waits": """
        import asyncio
        import time
        from time import sleep

        async def handler():
            time.sleep(1)  #: P011
            sleep(1)  #: P011
            await asyncio.sleep(1)
    """,
    "modules": """
        import fcntl  #: P012
        import tkinter.ttk  #: P012
        import threading, multiprocessing, socket, select, ctypes, curses_of_mine_or_none  #: P012

        try:
            import resource
        except ImportError:
            resource = None

        def later():
            import pwd  #: P012
            from cgi import parse  #: P012

        if __name__ == "__main__":
            import readline
    """,
    "modules with limits": """
        import sqlite3  #: P013
        from ssl import SSLContext  #: P013

        def open_it():
            sqlite3.connect("data.db")  #: P017
            sqlite3.connect(":memory:")
    """,
    "OpenSSL": """
        import hashlib

        def digest(data):
            hashlib.pbkdf2_hmac("sha256", data, b"", 1)  #: P014
            hashlib.new("ripemd160")  #: P014
            hashlib.new("sha256")
            hashlib.sha256(data)
    """,
    "zones": """
        from zoneinfo import ZoneInfo

        def local():
            return ZoneInfo("Europe/Paris")  #: P015
    """,
    "signals": """
        import asyncio
        import signal

        def set_up(handler):
            signal.alarm(3)  #: P016
            signal.signal(signal.SIGTERM, handler)  #: P016
            asyncio.get_running_loop().add_signal_handler(1, handler)  #: P016
    """,
    "files": """
        import logging
        import os
        import shutil
        from pathlib import Path

        def write(mode):
            open("a.txt").read()
            open("a.txt", "rb").read()
            open("a.txt", "w").write("")  #: P017
            open("a.txt", mode="ab")  #: P017
            Path("a.txt").write_text("")  #: P017
            (Path("a") / "b").write_bytes(b"")  #: P017
            Path("a.txt").open("w")  #: P017
            Path("a.txt").read_text()
            os.makedirs("a")  #: P017
            shutil.copy("a", "b")  #: P017
            logging.basicConfig(filename="log")  #: P017
            logging.basicConfig(level=10)
            logging.FileHandler("log")  #: P017
    """,
    "JavaScript from text": """
        import js
        from pyodide.code import run_js

        def evaluate():
            js.eval("1")  #: P019
            run_js("1")  #: P019
            eval("1")
    """,
    "conversions": """
        from js import Object
        from pyodide.ffi import to_js

        def convert():
            options = {"a": 1}
            to_js({"a": 1})  #: P020
            to_js(options)  #: P020
            to_js({"a": 1}, dict_converter=Object.fromEntries)
            to_js([1])
    """,
    "old handlers": """
        from js import Object, Response  #: P021

        async def on_fetch(request, env):  #: P021
            return Response.new("")
    """,
    "tasks": """
        import asyncio

        async def work():
            pass

        async def handler(ctx):
            asyncio.create_task(work())  #: P022
            task = asyncio.ensure_future(work())  #: P022
            kept = set()
            kept.add(task)
            task.add_done_callback(kept.discard)
            waited = asyncio.create_task(work())
            await waited
            given = asyncio.create_task(work())
            ctx.wait_until(given)
            ctx.wait_until(asyncio.create_task(work()))
            both = [asyncio.create_task(work()) for _ in range(2)]
            await asyncio.gather(*both)
            async with asyncio.TaskGroup() as group:
                group.create_task(work())
            return asyncio.create_task(work())
    """,
    "large bodies": """
        from edgekit import Response

        async def handler(request, env):
            item = await env.FILES.get("a")
            if item is None:
                return Response(await request.text())
            if item.size:
                return Response(await item.array_buffer())  #: P023
            data = await item.bytes()
            return Response(data) or Response(item.body)  #: P023
    """,
    "lifespans": """
        from fastapi import FastAPI
        from workers import asgi

        async def lifespan(app):
            yield

        app = FastAPI(lifespan=lifespan)  #: P024
        Default = asgi.entrypoint(app)

        @app.on_event("startup")  #: P024
        async def start():
            pass
    """,
    "HTTP clients": """
        import httpx
        import requests

        async def handler():
            requests.post("https://example.com")  #: P025
            async with httpx.AsyncClient(headers={"User-Agent": "x"}) as client:  #: P025
                await client.get("https://example.com")
    """,
    "the machine": """
        import os
        import sys

        def handler():
            return sys.maxsize, sys.platform, os.cpu_count()  #: P028
    """,
    "state": """
        from collections import defaultdict

        CACHE = {}
        COUNTS = defaultdict(int)
        NAMES = ("a", "b")
        hits = 0
        client = None
        routes = []

        def route(function):
            routes.append(function)
            return function

        @route
        def page(request):
            CACHE[request.url] = 1  #: P029
            COUNTS["a"] += 1  #: P029
            CACHE.update(a=1)  #: P029
            del CACHE["a"]  #: P029
            CACHE.get("a")
            local = {}
            local["a"] = 1
            local.update(a=1)

        def count():
            global hits
            hits += 1  #: P029

        def get_client():
            global client
            if client is None:
                client = object()
            return client

        def shadow(CACHE):
            CACHE["a"] = 1
    """,
    "what works": """
        import asyncio
        import contextvars
        import functools
        import logging
        import threading

        import anyio
        from starlette.middleware.base import BaseHTTPMiddleware

        current = contextvars.ContextVar("current")
        lock = threading.Lock()
        logger = logging.getLogger(__name__)

        class Timing(BaseHTTPMiddleware):
            async def dispatch(self, request, call_next):
                return await call_next(request)

        async def numbers():
            yield 1

        @functools.cache
        def table():
            return {number: str(number) for number in range(3)}

        async def handler(request):
            async with asyncio.timeout(1), anyio.create_task_group() as group:
                group.start_soon(handler, request)
            with anyio.fail_after(1):
                send, receive = anyio.create_memory_object_stream()
            async with asyncio.TaskGroup() as tasks:
                task = tasks.create_task(handler(request))
            async for number in numbers():
                current.set(number)
            return [random for random in table()]
    """,
    "what only ASGI has": """
        from edgekit import App, EdgeMiddleware, Request  #: P031
        from edgekit.testing import TestClient  #: P031
        from starlette.middleware import Middleware

        app = App(middleware=[Middleware(EdgeMiddleware)])  #: P031
    """,
    "apps of others": """
        from fastapi import FastAPI

        app = FastAPI()  #: P031
    """,
    "branches that Workers do not take": """
        import os
        import random
        import sys
        from typing import TYPE_CHECKING

        if TYPE_CHECKING:
            import fcntl
        if sys.platform == "win32":
            import winreg
            os.fork()
        elif sys.platform != "emscripten":
            import resource
        else:
            import pwd  #: P012
        if sys.version_info < (3, 12):
            import distutils
        if os.name == "nt":
            random.random()
        X = random.random() if sys.platform in ("linux", "darwin") else 0
    """,
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_reports_the_marked_lines_and_no_others(name: str, tmp_path: Path) -> None:
    write(tmp_path, main=PROGRAMS[name])
    # What is installed here, and in which version, is not these tests' business.
    own = [each for each in found(tmp_path) if not each.package and each.rule != "P018"]
    assert places(own) == marked(tmp_path)


def test_every_row_of_the_table_is_a_rule() -> None:
    assert {f"P{number:03}" for number in range(1, 31)} <= RULES.keys()
    for name, rule in RULES.items():
        assert rule.id == name
        assert rule.reason.endswith((".", ")"))
        assert rule.remedy


def test_old_handlers_are_an_error_where_the_date_forbids_them(tmp_path: Path) -> None:
    write(
        tmp_path,
        main="async def on_fetch(request, env): ...\nasync def on_queue(batch): ...",
        **{"wrangler.toml": 'main = "main.py"\ncompatibility_date = "2025-10-01"\n'},
    )
    findings = [each for each in found(tmp_path) if each.rule == "P021"]
    assert [each.severity for each in findings] == ["error", "error"]
    assert "async def fetch(self, request)" in findings[0].remedy
    assert "async def queue(self, batch, env, ctx)" in findings[1].remedy


def test_old_handlers_of_an_old_date_are_no_error(tmp_path: Path) -> None:
    write(
        tmp_path,
        main="""
            import asgi
            from starlette.applications import Starlette
            from workers import fetch

            app = Starlette()

            async def on_fetch(request, env):
                return await asgi.fetch(app, request, env)
        """,
        **{"wrangler.toml": 'main = "main.py"\ncompatibility_date = "2024-10-01"\n'},
    )
    own = [each for each in found(tmp_path) if not each.package and each.rule != "P018"]
    assert not [each for each in own if each.severity == "error"]
    assert {each.rule for each in own} == {"P021", "P026"}


def test_an_old_date_is_reported_where_it_stands(tmp_path: Path) -> None:
    write(
        tmp_path,
        main="""
            from workers import Response

            async def on_fetch(request, env):
                await env.DB.prepare("").bind(None, 1).run()
        """,
        **{"wrangler.toml": 'name = "x"\nmain = "main.py"\ncompatibility_date = "2024-03-29"\n'},
    )
    rules = places(found(tmp_path))
    assert ("P026", "wrangler.toml", 3) in rules
    assert ("P020", "main.py", 4) in rules


def test_newer_python_has_other_modules(tmp_path: Path) -> None:
    write(
        tmp_path,
        main="import fcntl\nimport pwd\n",
        **{"wrangler.toml": 'main = "main.py"\ncompatibility_date = "2026-10-01"\n'},
    )
    assert {p for p in places(found(tmp_path)) if p[0] == "P012"} == {("P012", "main.py", 2)}


def test_time_zones_are_fine_with_tzdata(tmp_path: Path) -> None:
    write(
        tmp_path,
        main="from zoneinfo import ZoneInfo\nZ = ZoneInfo('Europe/Paris')\n",
        **{"pyproject.toml": '[project]\nname = "x"\ndependencies = ["tzdata>=2025"]\n'},
    )
    assert "P015" not in {each.rule for each in found(tmp_path)}


def test_a_file_that_cannot_be_parsed_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, main="def (:\n")
    assert [each.rule for each in found(tmp_path)] == ["P000"]
