from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgekit.cli.faults import explain


@pytest.fixture
def fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """What is said of a module with this text."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def told(text: str, **others: str) -> str:
        for name, content in {"faulty": text, **others}.items():
            (tmp_path / f"{name}.py").write_text(content)
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        with pytest.raises((Exception, SystemExit)) as caught:
            importlib.import_module("faulty")
        # The test's own frame is not the user's either: begin below it.
        assert caught.value.__traceback__ is not None
        return explain(caught.value.with_traceback(caught.value.__traceback__.tb_next))

    return told


def test_syntax_error_shows_the_line_of_whichever_file(fault: Callable[..., str]):
    assert fault("import second", second="x = 1\ny = (\n") == (
        "second.py:2: SyntaxError: '(' was never closed\n    y = (\n        ^"
    )


def test_missing_module_is_one_line(fault: Callable[..., str]):
    assert fault("\nimport nowhere") == (
        f"faulty.py:2: ModuleNotFoundError: No module named 'nowhere' (also looked for in {sys.prefix})"
    )


def test_what_edgekit_refuses_is_one_line_at_the_users_place(fault: Callable[..., str]):
    told = fault("from edgekit import App\napp = App()\n@app.get('a')\nasync def a(request): ...\n")
    assert told.startswith("faulty.py:3: ")
    assert "\n" not in told


def test_other_errors_show_the_users_frames_only(fault: Callable[..., str]):
    told = fault("import second", second="def f():\n    1 / 0\nf()\n")
    assert told.startswith("second.py:2: ZeroDivisionError: division by zero\n")
    assert [line.split(",")[0] for line in told.splitlines() if line.startswith("  File")] == [
        f'  File "{Path.cwd() / name}"' for name in ("faulty.py", "second.py", "second.py")
    ]


def test_causes_are_told(fault: Callable[..., str]):
    told = fault("try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('b') from e\n")
    assert told.startswith("faulty.py:4: ValueError: b\n")
    assert "KeyError: 'a'" in told


def test_error_inside_a_library_keeps_what_the_library_did(fault: Callable[..., str]):
    told = fault("import json\njson.loads('{')\n")
    assert told.startswith("faulty.py:2: ") or "decoder.py" in told
    assert "json.loads('{')" in told


def test_module_that_ends_the_process_is_named(fault: Callable[..., str]):
    assert fault("import sys\nsys.exit('no')\n").startswith(
        "faulty.py:2: the import ended the process: SystemExit: no"
    )


def test_error_without_any_frame_of_the_user_is_told_whole():
    with pytest.raises(ImportError) as caught:
        importlib.import_module("edgekit.nowhere")
    assert caught.value.__traceback__ is not None
    error = caught.value.with_traceback(caught.value.__traceback__.tb_next)
    assert explain(error).startswith("Traceback")
