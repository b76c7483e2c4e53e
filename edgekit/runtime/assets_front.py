"""Static assets in front of a Worker: from the configuration to the answer.

Here the folder, `.assetsignore`, `_headers` and `_redirects` become a `bindings.assets.Site`, and
requests are divided between assets and Worker. Which comes first:

1. `run_worker_first` rules: `!/x` is for the assets, `/x` for the Worker; `true` is all for the Worker;
2. what an asset, a redirect or, for some, the not-found page answers;
3. the Worker; where there is none, what the assets say to what they have not.

In production the folder is scanned once, at the start: a request then costs no look at the disk
until its file is read. A file that is replaced is served anew at once, under another ETag; one that
is added needs a restart. In development every request looks whether a folder has changed.

Texts are wrangler's (4.86), which says the same of the same file.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgekit import host
from edgekit.bindings.asset_paths import read_base
from edgekit.bindings.asset_rules import (
    HeaderRules,
    Redirects,
    parse_headers,
    parse_redirects,
    warning,
)
from edgekit.bindings.assets import MAX_FILE, MAX_FILES, Answer, Assets, path_of
from edgekit.bindings.ignore import ignored
from edgekit.config import Config
from edgekit.engines.tree import File, Tree
from edgekit.errors import ConfigError
from edgekit.kinds import AssetsConfig
from edgekit.runtime.image_guards import guarded
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.worker import Dispatch, Worker

logger = logging.getLogger(__name__)

MAX_RULES = 100
MAX_RULE = 100  # characters

_IGNORE = ".assetsignore"
_HEADERS = "_headers"
_REDIRECTS = "_redirects"
_META = (_IGNORE, _HEADERS, _REDIRECTS)
# Never assets, unless .assetsignore takes them back. The platform serves all but the first three;
# but there somebody deploys a folder, and here a server may be pointed at a whole project.
_NEVER = (
    *(f"/{name}" for name in _META),
    *(".git", ".dev.vars*", ".env*", ".edgekit/", ".wrangler/", "/node_modules/"),
    *("/wrangler.json", "/wrangler.jsonc", "/wrangler.toml"),
)

_NAVIGATION_SINCE = "2025-04-01"


@dataclass(slots=True)
class Site:
    """What is served: see bindings.assets.Site."""

    files: dict[str, File] = field(default_factory=dict)
    headers: HeaderRules = field(default_factory=lambda: HeaderRules([]))
    redirects: Redirects = field(default_factory=lambda: Redirects([]))
    tree: Tree | None = None
    notes: tuple[str, ...] = ()


class AssetsOnly(Worker):
    """The Worker of a project without a `main`: it answers nothing, its assets do."""

    def __init__(self, config: str | None = None) -> None:
        super().__init__(self._none, self._none, config=config)

    async def _none(self, request: Request, env: Any, ctx: Any) -> Response:
        return Response(None, status=404)


def make_assets(config: Config, worker: Worker) -> Assets | None:
    """The assets that the configuration names, if any; ConfigError when they cannot be served."""
    assets = config.assets
    if assets is None:
        return None
    _check(assets, not isinstance(worker, AssetsOnly))
    try:
        base = read_base(assets.base_path) if assets.base_path is not None else ""
    except ValueError as error:
        raise ConfigError(f"assets.base_path: {assets.base_path!r} {error}") from None
    flags = config.compatibility_flags
    since = config.compatibility_date
    return Assets(
        _sites(config, assets),
        html_handling=assets.html_handling,
        not_found_handling=assets.not_found_handling,
        base=base,
        navigation="assets_navigation_prefers_asset_serving" in flags
        or (
            "assets_navigation_has_no_effect" not in flags
            and (since is None or since >= _NAVIGATION_SINCE)
        ),
    )


def in_front(assets: Assets | None, config: Config, worker: Worker, dispatch: Dispatch) -> Dispatch:
    """What answers requests: the assets, or else `dispatch`, which ends at the Worker."""
    if assets is None or config.assets is None:
        return dispatch
    alone = isinstance(worker, AssetsOnly)
    if not alone:
        dispatch = guarded(dispatch, worker)
    first = config.assets.run_worker_first
    if first is True:
        return dispatch
    for_assets = for_worker = None
    if first:
        negative = [rule[1:] for rule in first if rule.startswith("!")]
        for_assets = _any_of(negative) if negative else None
        for_worker = _any_of([rule for rule in first if not rule.startswith("!")])

    async def answered(answer: Answer, request: Request, env: Any, ctx: Any, *, plain: bool) -> Any:
        gone: set[str] = set()
        found: Answer | None = answer
        while found is not None:
            response = await assets.respond(found, request, gone, direct=True)
            if response is not None:
                return response
            found = look(request, plain=plain, gone=gone)
        return await (assets.fetch(request) if plain else dispatch(request, env, ctx))

    def look(request: Request, *, plain: bool, gone: Collection[str] = ()) -> Answer | None:
        if plain:
            return assets.find(request, gone=gone)
        static_routing = for_worker is not None
        return assets.find(request, worker=True, static_routing=static_routing, gone=gone)

    def front(request: Request, env: Any, ctx: Any) -> Awaitable[Any]:
        plain = alone  # whether no Worker comes behind
        if for_worker is not None:
            path = path_of(request)
            if for_assets is not None and for_assets(path):
                plain = True
            elif for_worker(path):
                return dispatch(request, env, ctx)
        answer = look(request, plain=plain)
        if answer is not None:
            return answered(answer, request, env, ctx, plain=plain)
        return assets.fetch(request) if plain else dispatch(request, env, ctx)

    return front


def _any_of(rules: list[str]) -> Callable[[str], object]:
    """Whether a path matches one of the rules, in which `*` is anything."""
    patterns = (".*".join(map(re.escape, rule.split("*"))) for rule in rules)
    return re.compile("|".join(patterns)).fullmatch


# --- the configuration -----------------------------------------------------------------------------


def _check(assets: AssetsConfig, worker: bool) -> None:
    if assets.directory is None:
        raise ConfigError(
            "The `assets` property in your configuration is missing the required `directory`"
            " property."
        )
    if not assets.directory:
        raise ConfigError("The assets directory cannot be an empty string.")
    if not worker and assets.binding:
        raise ConfigError(
            "Cannot use assets with a binding in an assets-only Worker.\nPlease remove the asset"
            " binding from your configuration file, or provide a Worker script in your configuration"
            " file (`main`)."
        )
    if assets.run_worker_first is not False:
        if not worker:
            raise ConfigError(
                "Cannot set run_worker_first without a Worker script.\nPlease remove"
                " run_worker_first from your configuration file, or provide a Worker script in your"
                " configuration file (`main`)."
            )
        if assets.run_worker_first is not True:
            _check_rules(assets.run_worker_first)
        elif not assets.binding:
            logger.warning(
                "run_worker_first=true set without an assets binding\nSetting run_worker_first to"
                " true will always invoke your Worker script.\nTo fetch your assets from your"
                " Worker, please set the [assets.binding] key in your configuration file."
            )


def _check_rules(rules: tuple[str, ...]) -> None:
    if not rules:
        raise ConfigError(
            "No `run_worker_first` rules were provided; must provide at least 1 rule."
        )
    if len(rules) > MAX_RULES:
        distinct = len(set(rules))
        duplicates = len(rules) - distinct
        text = f"Too many `run_worker_first` rules were provided; {len(rules)} rules provided"
        if duplicates:
            text += f" ({distinct} distinct, {duplicates} duplicate"
            text += " entry)" if duplicates == 1 else " entries)"
        raise ConfigError(f"{text} exceeds max of {MAX_RULES}.")
    negative = [rule for rule in rules if rule.startswith("!/")]
    positive = [rule for rule in rules if rule.startswith("/")]
    if negative and not positive:
        raise ConfigError(
            "Only negative `run_worker_first` rules were provided; must provide at least 1"
            " non-negative rule"
        )
    wrong = [
        f"'{rule}': negative rules must start with '!/'"
        if rule.startswith("!")
        else f"'{rule}': rules must start with '/' or '!/'"
        for rule in rules
        if not rule.startswith(("/", "!/"))
    ]
    for group in (positive, negative):
        for at, rule in enumerate(group):
            if len(rule) > MAX_RULE:
                wrong.append(
                    f"'{rule}': all rules must be less than {MAX_RULE} characters in length"
                )
            if rule in group[:at]:
                wrong.append(f"'{rule}': rule is a duplicate; rules must be unique")
            if rule.endswith("*"):
                wrong += [
                    f"'{other}': rule '{rule}' makes it redundant"
                    for other in group
                    if other != rule and other.startswith(rule[:-1])
                ]
    if wrong:
        raise ConfigError("\n".join(["Invalid routes in `run_worker_first`:", *wrong]))


# --- the folder ------------------------------------------------------------------------------------


def _sites(config: Config, assets: AssetsConfig) -> Callable[[], Site]:
    """What gives the site as it is now."""
    assert assets.directory is not None
    folder = Path(os.path.abspath(config.root / assets.directory))
    html_handling = assets.html_handling != "none"
    if folder.exists() and not folder.is_dir():
        raise ConfigError(
            'The path specified by the "assets.directory" field in your configuration file doesn\'t'
            f" point to a directory:\n{folder}"
        )
    if not folder.exists() and not config.development:
        raise ConfigError(
            'The directory specified by the "assets.directory" field in your configuration file does'
            f" not exist:\n{folder}"
        )
    if config.main is not None and config.main.is_relative_to(folder):
        logger.warning(
            "%s lies in the assets directory and is served to everybody; list it in %s",
            config.main,
            folder / _IGNORE,
        )
    watched = _Watched(folder, html_handling)
    site = watched.current()
    return watched.current if config.development else lambda: site


class _Watched:
    """The site of a folder that is being worked on."""

    def __init__(self, folder: Path, html_handling: bool) -> None:
        self._folder = folder
        self._html_handling = html_handling
        self._site: Site | None = None
        self._meta: list[tuple[int, int, int] | None] = []
        self._fault = ""

    def current(self) -> Site:
        """As it is now; what is wrong with it is logged, once. ConfigError the first time."""
        meta = _stamps(self._folder)
        site = self._site
        if site is not None and meta == self._meta and site.tree and not site.tree.changed():
            return site
        try:
            self._site = _site(self._folder, self._html_handling, site)
        except (ConfigError, OSError) as error:
            if site is None:
                raise _unreadable(error) from error
            if str(error) != self._fault:  # it will be tried again at the next request
                logger.error("the assets stay as they were: %s", error)
            self._fault = str(error)
            return site
        for note in self._site.notes:
            if site is None or note not in site.notes:
                logger.warning("%s", note)
        self._meta, self._fault = meta, ""
        return self._site


def _unreadable(error: ConfigError | OSError) -> ConfigError:
    if isinstance(error, ConfigError):
        return error
    return ConfigError(f"{error.filename} cannot be read: {error.strerror}")


def _stamps(folder: Path) -> list[tuple[int, int, int] | None]:
    stamps: list[tuple[int, int, int] | None] = []
    for name in _META:
        try:
            status = os.stat(folder / name)
        except OSError:
            stamps.append(None)
        else:
            stamps.append((status.st_mtime_ns, status.st_size, status.st_ino))
    return stamps


def _site(folder: Path, html_handling: bool, before: Site | None) -> Site:
    if not folder.is_dir():  # in development it may come later, from a build
        return Site()

    def too_many(number: int) -> ConfigError:
        return ConfigError(
            f"Maximum number of assets exceeded.\nCloudflare Workers supports up to {MAX_FILES:,}"
            f" assets in a version. We found {number:,} files in the specified assets directory"
            f' "{folder}".\nEnsure your assets directory contains a maximum of {MAX_FILES:,} files,'
            " and that you have specified your assets directory correctly."
        )

    def too_large(path: str, size: int) -> ConfigError:
        return ConfigError(
            f"Asset too large.\nCloudflare Workers supports assets with sizes of up to"
            f" {MAX_FILE // 2**20} MiB. We found a file {path} with a size of {size / 2**20:.3g} MiB."
            f'\nEnsure all assets in your assets directory "{folder}" conform with the Workers'
            " maximum size requirement."
        )

    patterns = _text(folder / _IGNORE).split("\n")
    tree = Tree(
        folder,
        ignored([*_NEVER, *patterns]),
        now=host.now(),
        most=MAX_FILES,
        largest=MAX_FILE,
        too_many=too_many,
        too_large=too_large,
        before=before.tree if before is not None else None,
    )
    notes = tree.notes
    headers, invalid = parse_headers(_text(folder / _HEADERS))
    if invalid:
        notes.append(warning(invalid, "header", os.path.relpath(folder / _HEADERS)))
    redirects, invalid = parse_redirects(_text(folder / _REDIRECTS), html_handling=html_handling)
    if invalid:
        notes.append(warning(invalid, "redirect", os.path.relpath(folder / _REDIRECTS)))
    return Site(tree.files, HeaderRules(headers), Redirects(redirects), tree, tuple(notes))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
