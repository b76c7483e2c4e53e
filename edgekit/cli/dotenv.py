"""Writing the secrets files: .dev.vars and .env. What they mean when read is config.py's.

Other lines and comments stay as they are. The file is replaced as a whole, readable by its owner
alone. Values are written so that wrangler reads them alike, wherever both grammars have a way.
"""

from __future__ import annotations

import os
import re
import stat
from io import StringIO
from pathlib import Path
from tempfile import NamedTemporaryFile

from dotenv.parser import Binding, parse_stream

from edgekit.errors import ConfigError
from edgekit.formats import expand

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").fullmatch
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+=,\\-]+").fullmatch


def change(file: Path, name: str, value: str | None) -> bool:
    """Set a variable, or with None remove it; whether it was there before."""
    check(name)
    # What is a link stays one.
    file = Path(os.path.realpath(file))
    text = _read(file)
    bindings = list(parse_stream(StringIO(text)))
    found = any(binding.key == name for binding in bindings)
    kept = "".join(_line(binding) for binding in bindings if binding.key != name)
    if value is not None:
        if kept and not kept.endswith("\n"):
            kept += "\n"
        kept += f"{name}={_quoted(file, value)}\n"
    if value is not None or found:
        _write(file, kept)
    return found


def check(name: str) -> None:
    """ConfigError for a name that `change` does not take."""
    if not _NAME(name):
        raise ConfigError(
            f"{name!r} is not a name that a secrets file can have: letters, digits, _"
        )


def names(file: Path) -> list[str]:
    """The variables of a secrets file."""
    found = [binding.key for binding in parse_stream(StringIO(_read(file)))]
    return [name for name in dict.fromkeys(found) if name is not None]


def _line(binding: Binding) -> str:
    return binding.original.string


def _quoted(file: Path, value: str) -> str:
    """The value as it is written: the first way that is read as it was meant."""
    expanding = file.name.startswith(".env")
    literal = value.replace("$", "\\$") if expanding else value
    for written in (literal if _PLAIN(literal) else "", f"'{literal}'", f'"{literal}"'):
        read = next(parse_stream(StringIO(f"K={written}\n")))
        got = {"K": read.value or ""}
        if not read.error and (expand(got, {}) if expanding else got)["K"] == value:
            return written
    # Right by python-dotenv's rules; in wrangler the backslashes stay, which has no way for such a value.
    escaped = literal.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _read(file: Path) -> str:
    try:
        if not stat.S_ISREG(os.stat(file).st_mode):
            raise ConfigError(f"{file} is no ordinary file; it cannot be changed")
        return file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: not UTF-8 text") from None
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error


def _write(file: Path, text: str) -> None:
    try:
        # Made with mode 0600, beside the file, so that it can take its place at once.
        with NamedTemporaryFile("wb", dir=file.parent, prefix=f"{file.name}.", delete=False) as new:
            try:
                new.write(text.encode())
                new.flush()
                os.fsync(new.fileno())
                os.replace(new.name, file)
            except BaseException:
                os.unlink(new.name)
                raise
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
