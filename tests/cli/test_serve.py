from __future__ import annotations

import http.client
import signal
import socket
import sys
import threading
from pathlib import Path

import pytest

from tests.cli.running import SECONDS, Command, edgekit_once, get

APP = """
import asyncio
import os

from edgekit import App, Env, KVNamespace


class AppEnv(Env):
    VISITS: KVNamespace


app = App(AppEnv)


@app.get("/pid")
async def pid(request):
    return str(os.getpid())


@app.get("/visits/{name}")
async def visits(request, env: AppEnv):
    return await env.VISITS.get(request.params["name"]) or "none"


@app.get("/slow")
async def slow(request):
    print("slow begins", flush=True)
    while not os.path.exists("go"):
        await asyncio.sleep(0.01)
    return "slow done"


@app.get("/kill")
async def kill(request):
    os._exit(9)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text(APP)
    (tmp_path / "wrangler.jsonc").write_text(
        '{"main": "main.py", "kv_namespaces": [{"binding": "VISITS", "id": "v"}]}'
    )
    return tmp_path


def test_workers_share_the_port_and_the_store_with_kv_beside_them(project: Path):
    with Command(project, "serve", "--workers", "2", "--port", "0") as serve:
        port = int(serve.until(r"serving on http://127.0.0.1:(\d+) with 2 workers$")[1])
        put = edgekit_once(project, "kv", "key", "put", "--binding", "VISITS", "ada", "41")
        assert put.returncode == 0, put.stderr
        assert get(port, "/visits/ada") == (200, "41")

        with pytest.raises((ConnectionError, http.client.HTTPException)):
            get(port, "/kill")
        serve.until(r"worker \d+ ended by itself \(exit code 9\); another takes its place")
        assert get(port, "/visits/ada") == (200, "41")
        assert serve.end(signal.SIGTERM) == 0


def test_sigterm_lets_the_requests_under_way_end(project: Path):
    answers = []
    with Command(project, "serve", "--port", "0") as serve:
        port = serve.port()
        thread = threading.Thread(target=lambda: answers.append(get(port, "/slow")))
        thread.start()
        serve.until("slow begins")
        serve.process.send_signal(signal.SIGTERM)
        (project / "go").touch()
        assert serve.end() == 0
        thread.join(SECONDS)
    assert answers == [(200, "slow done")]


def test_second_ctrl_c_ends_it_at_once(project: Path):
    with Command(project, "serve", "--port", "0", "--workers", "2") as serve:
        port = int(serve.until(r":(\d+) with 2 workers")[1])
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        client.request("GET", "/slow")
        serve.until("slow begins")
        serve.process.send_signal(signal.SIGINT)
        serve.until("stopping 2 workers")
        assert serve.end(signal.SIGINT) == 0
        client.close()


def test_start_error_is_told_once_whatever_the_number_of_workers(project: Path):
    (project / "main.py").write_text(APP + "\ndef broken(:\n")
    done = edgekit_once(project, "serve", "--workers", "3", "--port", "0")
    assert done.returncode == 1
    assert done.stderr.count("SyntaxError") == 1
    assert "main.py:37: SyntaxError" in done.stderr

    (project / "main.py").write_text(APP.replace("VISITS: KVN", "HITS: KVN"))
    done = edgekit_once(project, "serve", "--workers", "3", "--port", "0")
    assert done.returncode == 1
    assert done.stderr.count("HITS") == 2  # where it is declared, and where it belongs
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nothing.py", "nothing.py: there is no such file"),
        ("nowhere:app", "nowhere: there is no such file or folder, and no such module in"),
        ("main:nope", "main.py has no 'nope'; it has: app"),
    ],
)
def test_target_that_is_not_there_is_one_message(project: Path, target: str, message: str):
    done = edgekit_once(project, "serve", target, "--port", "0")
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there are no Unix sockets")
def test_unix_socket_is_replaced_when_left_behind_and_removed_at_the_end(project: Path):
    path = project / "s"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with Command(project, "serve", "--uds", "s", "--access-log") as serve:
        serve.until("serving on s")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"GET /visits/x HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.endswith(b"none")
        serve.until('"GET /visits/x HTTP/1.1" 200')
        assert "Error: cannot listen on s" in edgekit_once(project, "serve", "--uds", "s").stderr
        assert serve.end(signal.SIGINT) == 0
    assert not path.exists()
