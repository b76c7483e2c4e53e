"""An edgekit program as a folder that Cloudflare's wrangler deploys: `edgekit build`.

    OUT/wrangler.jsonc       the configuration, with the same bindings and the flags that are needed
    OUT/src/                 the program's modules, as far as they are imported, and its data files
    OUT/python_modules/      edgekit and the installed packages, pure Python only
    OUT/pyproject.toml       only where packages with machine code are needed
    OUT/public/, migrations/ the static assets and D1's migrations, where there are some

Packages with machine code exist for Workers as builds of their own, which pywrangler installs, and it
empties python_modules when it does; so what is vendored goes to src/ then. The same program gives the
same files, byte for byte. Nothing of the program is run.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

from edgekit.compat import bundle_entry
from edgekit.compat.modulegraph import Graph, computed, trace
from edgekit.errors import ConfigError
from edgekit.formats import read_document

# From then on Workers have Python 3.13, which is the oldest that can do all that edgekit does there.
OLDEST_DATE = "2025-09-29"
USUAL_DATE = "2026-07-01"
# From then on the platform's SDK is to be brought along, unless a flag says otherwise.
_EXTERNAL_SDK = "2026-04-21"
_OWN_SDK = "disable_python_external_sdk"

FREE, PAID = 3 * 1024 * 1024, 10 * 1024 * 1024  # bytes, compressed: what a plan's Worker may have
MARK = "// Written by `edgekit build`, which writes it anew each time.\n"

# wrangler takes along files of these types, and of others by `rules`.
_TEXT = (".html", ".sql", ".txt")
_ID = re.compile("[0-9a-f]{32}", re.IGNORECASE)
_NEVER = frozenset({"node_modules", "python_modules", "__pycache__", "venv", "site-packages"})

# Packages to which a program tells its modules as text, such as Django's settings.
_BY_TEXT = ("django",)

# What each kind of binding needs of `on_workers`; the others need nothing more.
_WRAPPERS = {
    "assets": "services",
    "d1_databases": "d1",
    "kv_namespaces": "kv",
    "queues": "queues",
    "r2_buckets": "r2",
    "ratelimits": "smaller",
    "send_email": "smaller",
    "services": "services",
}


@dataclass(frozen=True)
class Size:
    """Of one package: how many files, how many bytes, and how many of them compressed."""

    name: str
    files: int
    bytes: int
    compressed: int


@dataclass
class Bundle:
    """What a build writes: `files` by their path in the folder, `folders` that are copied as they are.

    `notes` are what the user should know of, `dependencies` what pywrangler has to install.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    folders: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    dependencies: list[str] = field(default_factory=list)
    graph: Graph = field(default_factory=Graph)

    def sizes(self) -> list[Size]:
        """The program, edgekit and each package, the largest first, then all together.

        They are compressed as they are for the upload: one file behind the other.
        """
        groups: dict[str, list[bytes]] = {}
        for path, data in sorted(self.files.items()):
            place, _, rest = path.partition("/")
            if place in ("src", "python_modules"):
                name = self._owners.get(path) or rest.partition("/")[0].removesuffix(".py")
                groups.setdefault(name, []).append(data)
        sizes = [_size(name, group) for name, group in groups.items()]
        sizes.sort(key=lambda size: (-size.compressed, size.name))
        everything = [data for group in groups.values() for data in group]
        return [*sizes, _size("in all", everything)]

    _owners: dict[str, str] = field(default_factory=dict)

    def add(self, path: str, data: bytes, owner: str) -> None:
        self.files[path] = data
        self._owners[path] = owner

    def write(self, out: Path) -> None:
        """Write the folder. What an earlier build has written there is removed, and nothing else:
        ConfigError where the folder has other things in it.
        """
        empty(out)
        for path, data in self.files.items():
            file = out / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        for name, folder in self.folders.items():
            shutil.copytree(folder, out / name)


def empty(out: Path) -> None:
    """Remove what an earlier build has written; what other tools keep there, such as node_modules, stays."""
    config = out / "wrangler.jsonc"
    there = sorted(each.name for each in out.iterdir()) if out.is_dir() else []
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out}: this is a file")
    if there and not (config.is_file() and config.read_text("utf-8").startswith(MARK)):
        raise ConfigError(
            f"{out}: there is something in this folder that no `edgekit build` has written"
            f" ({', '.join(there[:3])}); name another one, or remove it"
        )
    for name in there:
        if name.startswith(".") or name == "node_modules":
            continue
        path = out / name
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def bundle(
    file: Path,
    attribute: str | None,
    config: Path | None,
    *,
    out: Path,
    include: Iterable[str] = (),
    path: list[str] | None = None,
    kinds: Callable[[], Mapping[str, Any]] = dict,
) -> Bundle:
    """The bundle of the program in `file`, whose app is `attribute` or what it is usually called.

    `config` is its wrangler file; where there is none, `kinds` says what one would. `include` are
    patterns, below the program's folder, of files that no import names. `path` is where installed
    packages are looked for (sys.path). ConfigError lists what stands in the way.
    """
    root = file.parent
    first = trace(root, [file.stem], path=path)
    _check(first)
    document = read_document(config) if config else {"name": _name(root), **kinds()}
    made, entry = Bundle(), bundle_entry.entry(file, attribute)
    names = [file.stem]
    if entry.text is not None or first.edgekit:
        names += ["edgekit", "edgekit.on_workers.entry", *_wrappers(document)]
    included = [_module_of(root, match) for match in _matches(root, include, (".py",))]
    unnamed = [] if included else _unnamed(made, first, root, config)
    made.graph = graph = trace(root, names + included, path=path, known=first, also=unnamed)
    _check(graph)
    for name in graph.compiled:
        made.dependencies.append(_distribution(name))
    vendored = "src" if made.dependencies else "python_modules"
    for module in graph.own.values():
        relative = module.file.relative_to(root).as_posix()
        made.add(f"src/{relative}", module.file.read_bytes(), "(the program)")
    main = file.name
    if entry.text is not None:
        main = f"{file.stem}_entry.py"
        made.add(f"src/{main}", entry.text, "(the program)")
    _add_vendored(made, graph, vendored)
    data = _data_files(root, config, document, include, out)
    for match in data:
        made.add(f"src/{match}", (root / match).read_bytes(), "(the program)")
    kept = bundle_entry.kept_flags(entry, document, file)
    written = _configuration(made, document, config, main, vendored, data, kept)
    made.files["wrangler.jsonc"] = written
    if made.dependencies:
        made.files["pyproject.toml"] = _pyproject(document, made.dependencies)
    made.files = dict(sorted(made.files.items()))
    return made


def _check(graph: Graph) -> None:
    if graph.problems:
        raise ConfigError("\n".join(dict.fromkeys(graph.problems)))


def _unnamed(made: Bundle, graph: Graph, root: Path, config: Path | None) -> list[str]:
    """Modules that no import names, of programs that load some by names that only running them tells.

    wrangler takes along all below the main module's folder. So it is here where that folder, such as
    src/, has nothing else in it; the folder of the whole project has tests and more.
    """
    places = [f"{m.file}:{line}" for m in graph.own.values() if (line := computed(m)) is not None]
    places += [name for name in _BY_TEXT if name in graph.packages]
    if not places:
        return []
    why = f"{places[0]} loads modules by names that only running it tells"
    if config is None or config.parent.resolve() == root.resolve():
        made.notes.append(f"{why}: name with --include those that no import names")
        return []
    made.notes.append(f"{why}: all of {root.name}/ goes along")
    return [_module_of(root, match) for match in _matches(root, ("**/*.py",), None)]


def entries_for(
    bindings: Mapping[str, str], crons: Iterable[str] = (), queues: Iterable[str] = ()
) -> dict[str, Any]:
    """The configuration of a program that has no wrangler file: bindings by name and kind.

    wrangler makes the KV namespaces, buckets and databases that have no id, when it first deploys.
    ConfigError for a kind of which the file must say more than the binding's name.
    """
    made: dict[str, Any] = {}
    for name, kind in bindings.items():
        if kind in ("kv_namespaces", "d1_databases", "r2_buckets", "analytics_engine_datasets"):
            made.setdefault(kind, []).append({"binding": name})
        elif kind == "queues":
            queue = {"binding": name, "queue": name.lower().replace("_", "-")}
            made.setdefault("queues", {}).setdefault("producers", []).append(queue)
        elif kind in ("ai", "version_metadata"):
            made[kind] = {"binding": name}
        elif kind == "send_email":
            made.setdefault("send_email", []).append({"name": name})
        else:
            raise ConfigError(f"{name}: write a wrangler.jsonc with this binding under {kind!r}")
    if consumers := [{"queue": name} for name in queues]:
        made.setdefault("queues", {})["consumers"] = consumers
    if fired := list(crons):
        made["triggers"] = {"crons": fired}
    return made


# What goes along --------------------------------------------------------------------------------------


def _add_vendored(made: Bundle, graph: Graph, folder: str) -> None:
    for module in graph.edgekit.values():
        path = module.name.replace(".", "/") + ("/__init__.py" if module.is_package else ".py")
        made.add(f"{folder}/{path}", module.file.read_bytes(), "edgekit")
    for package in graph.packages.values():
        for path, file in package.files.items():
            made.add(f"{folder}/{path}", file.read_bytes(), package.name)


def _wrappers(document: dict[str, Any]) -> list[str]:
    sections = [document, *(document.get("env") or {}).values()]
    used = {key for section in sections if isinstance(section, dict) for key in section}
    return sorted({f"edgekit.on_workers.{_WRAPPERS[key]}" for key in used & _WRAPPERS.keys()})


def _data_files(
    root: Path,
    config: Path | None,
    document: dict[str, Any],
    include: Iterable[str],
    out: Path,
) -> list[str]:
    """Files beside the program that it may read: texts, as wrangler takes them along, and the included."""
    apart = [out.resolve(), *_folders(document, config).values()]
    found = [
        match
        for match in _matches(root, ("**/*",), _TEXT)
        if not any((root / match).resolve().is_relative_to(folder) for folder in apart)
    ]
    found += [m for m in _matches(root, include, None) if not m.endswith(".py")]
    return sorted(dict.fromkeys(found))


def _matches(root: Path, patterns: Iterable[str], suffixes: tuple[str, ...] | None) -> list[str]:
    found = []
    for pattern in patterns:
        for file in root.glob(pattern):
            parts = file.relative_to(root).parts
            if any(part in _NEVER or part.startswith(".") for part in parts):
                continue
            if file.is_file() and (suffixes is None or file.suffix in suffixes):
                found.append("/".join(parts))
    return sorted(dict.fromkeys(found))


def _module_of(root: Path, match: str) -> str:
    return ".".join(PurePosixPath(match.removesuffix("/__init__.py")).with_suffix("").parts)


def _distribution(name: str) -> str:
    """The distribution that has this package, at the version that is installed here."""
    found = metadata.packages_distributions().get(name) or [name]
    return sorted(found)[0]


# The configuration ----------------------------------------------------------------------------------


def _configuration(
    made: Bundle,
    document: dict[str, Any],
    config: Path | None,
    main: str,
    vendored: str,
    data: list[str],
    kept: list[str],
) -> bytes:
    written = {key: value for key, value in document.items() if key not in ("edgekit", "$schema")}
    date = written.get("compatibility_date") or USUAL_DATE
    if not document.get("compatibility_date"):
        made.notes.append(f"no compatibility_date is configured: {date} is written")
    elif date < OLDEST_DATE:
        made.notes.append(
            f"compatibility_date {date} is from before Python 3.13 on Workers: {OLDEST_DATE} is written"
        )
        date = OLDEST_DATE
    needed = ["python_workers", "enable_request_signal", *kept]
    if date >= _EXTERNAL_SDK and not made.dependencies:
        needed.append(_OWN_SDK)  # pywrangler would bring it; wrangler alone does not
    written = {
        "name": written.pop("name", None) or _name(config.parent if config else Path.cwd()),
        "main": f"src/{main}",
        "compatibility_date": date,
        "compatibility_flags": _flags(written.get("compatibility_flags"), needed),
        **{
            key: value
            for key, value in written.items()
            if key not in ("name", "main", "compatibility_date", "compatibility_flags")
        },
    }
    for section in (written.get("env") or {}).values():
        if "compatibility_flags" in section:
            section["compatibility_flags"] = _flags(section["compatibility_flags"], needed)
        if section.get("compatibility_date", OLDEST_DATE) < OLDEST_DATE:
            section["compatibility_date"] = OLDEST_DATE
        for key in ("main", "edgekit"):
            section.pop(key, None)
    for (where, name), folder in _places(document, config).items():
        if not folder.is_dir():
            made.notes.append(f"{where}: there is no folder {folder}")
        made.folders |= {name: folder} if folder.is_dir() else {}
    made.notes += _unknown_ids(written)
    _relocate(written, config)
    others = [path for path in data if not path.endswith(_TEXT)]
    if vendored == "src":
        others += [
            path.removeprefix("src/")
            for path, owner in made._owners.items()
            if owner not in ("(the program)", "edgekit") and not path.endswith((".py", *_TEXT))
        ]
    if others:
        rule = {"type": "Data", "globs": sorted(others), "fallthrough": True}
        written["rules"] = [*written.get("rules", []), rule]
    return (MARK + json.dumps(written, indent=2, ensure_ascii=False) + "\n").encode()


def _unknown_ids(written: dict[str, Any]) -> list[str]:
    """Notes on ids that can be no account's, as there is any text for one on this machine."""
    notes = []
    for section in (written, *(written.get("env") or {}).values()):
        for kind, key in (("kv_namespaces", "id"), ("d1_databases", "database_id")):
            for entry in section.get(kind) or ():
                text = str(entry.get(key) or "")
                if text and not _ID.fullmatch(text.replace("-", "")):
                    notes.append(
                        f"{kind} {entry.get('binding')}: {key} {text!r} is none that Cloudflare gives;"
                        " write your account's, or leave it out, and wrangler makes one"
                    )
    return list(dict.fromkeys(notes))


def _flags(given: Any, needed: list[str]) -> list[str]:
    flags = list(given or ())
    return flags + [
        flag
        for flag in needed
        if flag not in flags and flag.replace("enable_", "disable_") not in flags
    ]


def _folders(document: dict[str, Any], config: Path | None) -> dict[str, Path]:
    return {name: folder for (_, name), folder in _places(document, config).items()}


def _places(document: dict[str, Any], config: Path | None) -> dict[tuple[str, str], Path]:
    """The folders that a configuration names, by the key and by the name they have in the bundle."""
    base = config.parent if config else Path.cwd()
    found: dict[tuple[str, str], Path] = {}
    for section in (document, *(document.get("env") or {}).values()):
        for where, given in _given_folders(section):
            found[where, _inside(given)] = Path(os.path.abspath(base / given))
        for entry in section.get("d1_databases") or ():
            usual = base / "migrations"
            if "migrations_dir" not in entry and usual.is_dir():
                found["d1_databases", "migrations"] = usual
    return found


def _given_folders(section: dict[str, Any]) -> list[tuple[str, str]]:
    assets = section.get("assets") or {}
    found = [("assets.directory", assets["directory"])] if assets.get("directory") else []
    databases = section.get("d1_databases") or ()
    found += [
        ("d1_databases.migrations_dir", e["migrations_dir"])
        for e in databases
        if "migrations_dir" in e
    ]
    return found


def _inside(given: str) -> str:
    """The name in the bundle of a folder that the configuration names."""
    parts = [part for part in PurePosixPath(given).parts if part not in (".", "..", "/")]
    name = "/".join(parts) or "public"
    taken = ("src", "python_modules")
    return f"files/{name}" if parts and parts[0] in taken else name


def _relocate(written: dict[str, Any], config: Path | None) -> None:
    for section in (written, *(written.get("env") or {}).values()):
        if (section.get("assets") or {}).get("directory"):
            assets = section["assets"]
            section["assets"] = {**assets, "directory": f"./{_inside(assets['directory'])}"}
        if section.get("d1_databases"):
            section["d1_databases"] = [
                {**entry, "migrations_dir": _inside(entry["migrations_dir"])}
                if "migrations_dir" in entry
                else entry
                for entry in section["d1_databases"]
            ]


def _pyproject(document: dict[str, Any], dependencies: list[str]) -> bytes:
    name = document.get("name") or "worker"
    lines = ["[project]", f"name = {json.dumps(name)}", 'version = "0"']
    lines += ['requires-python = ">=3.12"', f"dependencies = {json.dumps(sorted(dependencies))}"]
    return ("\n".join(lines) + "\n").encode()


def _name(folder: Path) -> str:
    """A Worker's name made of a folder's: small letters, digits and dashes."""
    text = "".join(c if c.isascii() and c.isalnum() else "-" for c in folder.resolve().name.lower())
    return text.strip("-")[:63] or "worker"


def _size(name: str, group: list[bytes]) -> Size:
    joined = b"".join(group)
    return Size(
        name, len(group), len(joined), len(gzip.compress(joined, 6, mtime=0))
    )  # wrangler's level
