from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from tests.cli.running import Command, edgekit_once, get

HELLO = """
from edgekit import App

app = App()


@app.get("/")
async def index(request):
    return "hello"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text(HELLO)
    (tmp_path / "wrangler.jsonc").write_text('{"name": "w", "main": "main.py"}')
    return tmp_path


def test_new_project_is_served_survives_a_mistake_and_reloads(tmp_path: Path):
    assert edgekit_once(tmp_path, "init", "hello").returncode == 0
    main = tmp_path / "hello" / "main.py"
    text = main.read_text()
    with Command(tmp_path, "dev", "hello", "--port", "0") as dev:
        port = int(dev.until(r"^\[wrangler:info\] Ready on http://localhost:(\d+)$")[1])
        assert get(port, "/hello/ada") == (200, '{"message":"Hello, ada!","visits":1}')
        assert get(port, "/hello/ada", "::1" if socket.has_ipv6 else "127.0.0.1")[0] == 200
        dev.until(r"^\[wrangler:info\] GET /hello/ada 200 OK \(\d+ms\)$")

        main.write_text(text + "\ndef broken(:\n")
        dev.until(r"Reloading: hello/main.py changed")
        dev.until(r"^\[wrangler:error\] hello/main.py:\d+: SyntaxError: ")
        status, body = get(port, "/hello/ada")
        assert status == 500
        assert "def broken(:" in body

        main.write_text(text.replace("Hello", "Howdy"))  # of the same length, maybe in one second
        dev.until("Ready on")
        (tmp_path / "hello" / ".dev.vars").write_text("GREETING=Ahoy\n")
        dev.until("Ready on")
        # The store has outlived the processes.
        assert get(port, "/hello/ada") == (200, '{"message":"Ahoy, ada!","visits":3}')

        assert dev.end(signal.SIGINT) == 0
        assert dev.output.count("SyntaxError") == 1
        assert "Traceback" not in dev.output


def test_errors_of_handlers_have_a_short_traceback_and_a_page(project: Path):
    (project / "main.py").write_text(HELLO.replace('return "hello"', "return {}[1]"))
    with Command(project, "dev", "--port", "0") as dev:
        status, body = get(dev.port(), "/", accept="text/html")
        assert status == 500
        assert "KeyError" in body
        trace = dev.until(r"\[wrangler:error\] GET '/' failed[\s\S]*?^KeyError: 1$")[0]
        assert trace.count('  File "') == 1
        assert "main.py" in trace
        dev.until(r"GET / 500 Internal Server Error")


def test_app_that_fails_to_start_is_told_of_once_and_waited_for(project: Path):
    broken = HELLO + '\n@app.on_start\nasync def start(env):\n    raise ValueError("no luck")\n'
    (project / "main.py").write_text(broken)
    with Command(project, "dev", "--port", "0") as dev:
        dev.until(r"^ValueError: no luck$")
        assert "Ready" not in dev.output
        (project / "main.py").write_text(HELLO)
        assert get(dev.port(), "/") == (200, "hello")
        assert dev.output.count("\nValueError") == 1
        assert dev.end(signal.SIGTERM) == 0


def test_process_that_dies_is_replaced(project: Path):
    (project / "main.py").write_text(HELLO.replace('return "hello"', "__import__('os')._exit(7)"))
    with Command(project, "dev", "--port", "0") as dev:
        with pytest.raises(ConnectionError):
            get(dev.port(), "/")
        dev.until(r"ended by itself \(exit code 7\); starting anew")
        dev.port()


def test_child_ends_when_the_parent_was_killed(project: Path):
    with Command(project, "dev", "--port", "0") as dev:
        dev.port()
        dev.end(signal.SIGKILL)  # fails if a child still holds the output


def test_port_that_is_taken_is_one_message(project: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = edgekit_once(project, "dev", "--port", str(port))
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: port {port} of localhost is taken")
    assert done.stderr.count("\n") == 1


def test_no_reload_ends_where_the_app_does_not_start(project: Path):
    (project / "main.py").write_text("import nowhere_to_be_found\n")
    done = edgekit_once(project, "dev", "--no-reload", "--port", "0")
    assert done.returncode == 1
    assert "main.py:1: No module named 'nowhere_to_be_found'" in done.stderr
    assert "Traceback" not in done.stderr


def test_workers_project_runs_unchanged(tmp_path: Path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "entry.py").write_text(
        "from helper import word\n"
        "from workers import Response, WorkerEntrypoint\n"
        "class Default(WorkerEntrypoint):\n"
        "    async def fetch(self, request):\n"
        "        await self.env.KV.put('a', word)\n"
        "        return Response(await self.env.KV.get('a') + self.env.MARK)\n"
    )
    (tmp_path / "src" / "helper.py").write_text("word = 'hi'\n")
    (tmp_path / "wrangler.toml").write_text(
        'main = "src/entry.py"\n[vars]\nMARK = "!"\n[[kv_namespaces]]\nbinding = "KV"\n'
        '[env.test.vars]\nMARK = "?"\n[[env.test.kv_namespaces]]\nbinding = "KV"\n'
    )
    with Command(tmp_path, "dev", "--port", "0") as dev:
        assert get(dev.port(), "/") == (200, "hi!")
    with Command(tmp_path, "dev", "--port", "0", "-e", "test", "--persist-to", "there") as dev:
        assert get(dev.port(), "/") == (200, "hi?")
    assert (tmp_path / "there").is_dir()
