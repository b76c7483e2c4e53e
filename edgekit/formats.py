"""The text formats of configuration files as plain values: JSONC, TOML, dotenv.

What they mean is config.py's business; this module knows no key of theirs. Every fault is a ConfigError
that says file:line:column as far as they are known, and never shows a value. Files are UTF-8, with or
without a byte order mark, of at most 1 MiB and nested at most 64 levels deep.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import logging
import math
import os
import re
import tomllib
import uuid
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream

from edgekit.errors import ConfigError

logger = logging.getLogger(__name__)

MAX_FILE_BYTES = 1024 * 1024
MAX_DEPTH = 64


def read_document(file: Path) -> dict[str, Any]:
    """The object that a .json, .jsonc (both with comments and trailing commas) or .toml file holds.

    Values are JSON's: a TOML date, or a number that is none, is refused with its place among the keys.
    """
    text = _text(file)
    parse = {".json": _parse_jsonc, ".jsonc": _parse_jsonc, ".toml": _parse_toml}.get(file.suffix)
    if parse is None:
        raise ConfigError(f"{file}: a configuration file ends in .jsonc, .json or .toml")
    document = parse(text, file)
    if not isinstance(document, dict):
        raise ConfigError(f"{file}: expected an object of keys, found {type(document).__name__}")
    if problems := [f"{file}: {problem}" for problem in _not_json(document, "", 0)]:
        raise ConfigError("\n".join(problems))
    return document


def _text(file: Path) -> str:
    try:
        with open(file, "rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror or error}") from error
    if len(data) > MAX_FILE_BYTES:
        raise ConfigError(f"{file}: larger than {MAX_FILE_BYTES} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{file}:{line}: not UTF-8 text") from None


def _syntax_error(file: Path, text: str, offset: int, what: str) -> ConfigError:
    line = text.count("\n", 0, offset) + 1
    column = offset - text.rfind("\n", 0, offset)
    return ConfigError(f"{file}:{line}:{column}: {what}")


_TOKEN = re.compile(
    r"""
    (?P<string>"[^"\\]*(?:\\.[^"\\]*)*")
    | (?P<comment>//[^\r\n]*|/\*.*?\*/)
    | (?P<broken>"|/\*?)
    | (?P<mark>[][{},:])
    | (?P<word>[^\s"/\[\]{},:]+)
    """,
    re.VERBOSE | re.DOTALL,
)


def _parse_jsonc(text: str, file: Path) -> Any:
    # Comments and trailing commas become blanks of the same length, so that what the JSON parser
    # says of places stays true of the file. An unterminated string stops here: one try, linear time.
    parts: list[str] = []
    end = 0
    comma = -1
    before = last = ""  # the last two tokens: a comma between a value and ] or } is a trailing one
    for match in _TOKEN.finditer(text):
        lexeme, kind = match[0], match.lastgroup
        if kind == "broken":
            what = {'"': "this string does not end", "/": "unexpected /"}.get(lexeme)
            raise _syntax_error(file, text, match.start(), what or "this comment does not end")
        if kind == "word" and lexeme.lstrip("-") in ("NaN", "Infinity"):
            raise _syntax_error(file, text, match.start(), f"{lexeme} is not JSON")
        parts.append(text[end : match.start()])
        end = match.end()
        if kind == "comment":
            parts.append(re.sub(r"[^\r\n]", " ", lexeme))
            continue
        if lexeme in ("]", "}") and last == "," and before not in ("", "[", "{", ",", ":"):
            parts[comma] = " "
        if lexeme == ",":
            comma = len(parts)
        before, last = last, lexeme
        parts.append(lexeme)
    parts.append(text[end:])
    try:
        return json.loads("".join(parts))
    except json.JSONDecodeError as error:
        raise _syntax_error(file, text, error.pos, error.msg) from None
    except RecursionError:
        raise ConfigError(f"{file}: nested more than {MAX_DEPTH} levels deep") from None
    except ValueError as error:  # an integer of thousands of digits
        raise ConfigError(f"{file}: {error}") from None


def _parse_toml(text: str, file: Path) -> Any:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, _, place = str(error).partition(" (at ")
        numbers = re.findall(r"\d+", place)
        if len(numbers) == 2:
            raise ConfigError(f"{file}:{numbers[0]}:{numbers[1]}: {what}") from None
        raise _syntax_error(file, text, len(text), what) from None
    except RecursionError:
        raise ConfigError(f"{file}: nested more than {MAX_DEPTH} levels deep") from None
    except ValueError as error:  # an integer of thousands of digits
        raise ConfigError(f"{file}: {error}") from None


def _not_json(value: Any, path: str, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        yield f"{path[:40]}...: nested more than {MAX_DEPTH} levels deep"
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _not_json(item, f"{path}.{key}" if path else key, depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _not_json(item, f"{path}[{index}]", depth + 1)
    elif isinstance(value, datetime.date | datetime.time):
        yield f'{path}: a TOML date has no form in JSON; write a string, as in "{value}"'
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{path}: {value} is not JSON"


def read_dotenv(file: Path) -> dict[str, str]:
    """The variables of a dotenv file, by python-dotenv's grammar and without expansion."""
    values = {}
    for binding in parse_stream(StringIO(_text(file))):
        if binding.key is not None and binding.value is not None:
            values[binding.key] = binding.value
        elif binding.error or binding.key is not None:
            # python-dotenv counts from the blank lines in front of the faulty one.
            raw = binding.original.string
            line = binding.original.line + raw[: len(raw) - len(raw.lstrip())].count("\n")
            logger.warning("%s:%d: not NAME=VALUE; the line is ignored", file, line)
    return values


def secrets_files(folder: Path, environment: str | None, *, dotenv: bool = True) -> list[Path]:
    """The secrets files of a project: .dev.vars, or else (with `dotenv`) all .env files.

    `.dev.vars.ENV` stands for `.dev.vars` where it exists. Of the .env files the later wins:
    .env, .env.local, .env.ENV, .env.ENV.local (wrangler's code; its documentation swaps the middle two).
    """
    suffixes = ("", f".{environment}") if environment else ("",)
    for suffix in reversed(suffixes):
        if _readable(file := folder / f".dev.vars{suffix}"):
            return [file]
    names = (f".env{suffix}{end}" for suffix in suffixes for end in ("", ".local"))
    return [folder / name for name in names if _readable(folder / name)] if dotenv else []


def _readable(file: Path) -> bool:
    # A folder named .env is somebody's virtual environment; a pipe is somebody's password manager.
    return os.path.exists(file) and not os.path.isdir(file)


def read_secrets(files: Iterable[Path], outside: Mapping[str, str]) -> dict[str, str]:
    """The values of `secrets_files`; those of .env files are expanded, also from `outside`."""
    values: dict[str, str] = {}
    expanding = False
    for file in files:
        values.update(read_dotenv(file))
        expanding = expanding or file.name.startswith(".env")
    return expand(values, outside) if expanding else values


def fingerprint(files: Iterable[Path]) -> tuple[str, str]:
    """A UUID of what these files contain, and when the latest was written (ISO 8601, UTC)."""
    files = [file for file in files if file.is_file()]
    content = b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)
    written = max((file.stat().st_mtime for file in files), default=0.0)
    moment = datetime.datetime.fromtimestamp(written, datetime.UTC)
    identity = uuid.UUID(bytes=hashlib.sha256(content).digest()[:16], version=4)
    return str(identity), moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_REFERENCE = re.compile(r"(?<!\\)\$(?:\{([^{}:-]+)(?::?-([^{}]*))?\}|([A-Za-z_][A-Za-z0-9_]*))")


def expand(values: Mapping[str, str], outside: Mapping[str, str]) -> dict[str, str]:
    r"""`$NAME`, `${NAME}` and `${NAME:-default}` in .env files, as wrangler has them; `\$` is a dollar.

    A name is one further up, or one of the process' environment where `secrets` is configured. What
    was put in is not expanded again. .dev.vars files are taken as they are, also by wrangler.
    """
    done: dict[str, str] = {}
    names = ChainMap(dict(outside), done)
    for name, value in values.items():
        expanded = _REFERENCE.sub(lambda m: names.get(m[1] or m[3]) or m[2] or "", value)
        done[name] = expanded.replace("\\$", "$")
    return done
