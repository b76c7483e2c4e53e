"""`_headers` and `_redirects` of static assets: their syntax, their limits, what they match.

Pure: texts in, rules out, and what is wrong with them in the platform's words and counting of lines.
Who serves assets applies the rules. Source: the platform's documentation of both files ("Headers",
"Redirects" of static assets), and what Miniflare 4.20260730 makes of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from edgekit import host
from edgekit.errors import WebTypeError
from edgekit.web.headers import Headers

MAX_HEADER_RULES = 100
MAX_STATIC_REDIRECTS = 2000  # those without `*` and placeholders, above the first that has one
MAX_DYNAMIC_REDIRECTS = 100
MAX_LINE = 2000  # characters
STATUSES = (200, 301, 302, 303, 307, 308)

_SPACE = "\t\n\v\f\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_PATH_LINE = re.compile(r"\S+://|/").match
_ABSOLUTE = re.compile(r"https://+([^/]+)/?(.*)").match
_PLACEHOLDER = re.compile(r":([A-Za-z]\w*)", re.ASCII)
_SPECIAL = re.compile(r"[-/\\^$*+?.()|[\]{}]")
_SPLAT_NAME = re.compile(r":splat(?!\w)", re.ASCII).search
_TO_INDEX = re.compile(r"/index(.html)?$").search
_SCHEME = re.compile(r"\w+://", re.ASCII).match

_Match = Callable[[str], re.Match[str] | None]


@dataclass(frozen=True, slots=True)
class Invalid:
    """What is wrong, and where: the line and its number, as far as they are told."""

    message: str
    line: str | None = None
    number: int | None = None


@dataclass(slots=True)
class HeaderRule:
    """Headers that responses to a path are given (`set`) and lose (`unset`)."""

    path: str
    set: dict[str, str] = field(default_factory=dict)
    unset: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Redirect:
    """`from_` is a path; `to` a path (with query and fragment) or a URL. 200 rewrites the path."""

    from_: str
    to: str
    status: int


class HeaderRules:
    """Header rules, ready to be applied to responses."""

    def __init__(self, rules: list[HeaderRule]) -> None:
        by_path = {rule.path: rule for rule in rules}  # of two for one path the last counts
        self._rules = [
            (pattern, rule) for rule in by_path.values() if (pattern := _pattern(rule.path))
        ]

    def apply(self, headers: Headers, path: str, hostname: str) -> None:
        """Change the headers of the response to a (percent-encoded) path.

        What several rules set is combined; what was there before is replaced.
        """
        ours: set[str] = set()
        for pattern, rule in self._rules:
            # Whatever the scheme, so that nobody escapes a rule by another one.
            found = pattern(f"https://{hostname}{path}" if rule.path[0] != "/" else path)
            if found is None:
                continue
            for name in rule.unset:
                headers.delete(name)
            for name, value in rule.set.items():
                value = _filled(value, found)
                if name in ours:
                    headers.append(name, value)
                else:
                    headers.set(name, value)
                    ours.add(name)

    def __bool__(self) -> bool:
        return bool(self._rules)


class Redirects:
    """Redirects, ready to be looked up."""

    def __init__(self, redirects: list[Redirect]) -> None:
        self._static: dict[str, Redirect] = {}
        self._dynamic: list[tuple[_Match, Redirect]] = []
        for redirect in redirects:
            if not (self._dynamic or _is_dynamic(redirect.from_)):
                self._static[redirect.from_] = redirect
            elif pattern := _pattern(redirect.from_):
                self._dynamic.append((pattern, redirect))

    def find(self, path: str) -> tuple[int, str] | None:
        """Status and destination for a (percent-encoded) path; static ones come first."""
        redirect = self._static.get(path)
        if redirect is not None:
            return redirect.status, redirect.to
        for pattern, redirect in self._dynamic:
            if found := pattern(path):
                to = _filled(redirect.to, found).strip(_SPACE)
                return redirect.status, to if _SCHEME(to) else re.sub("/+", "/", to)
        return None


def parse_headers(text: str) -> tuple[list[HeaderRule], list[Invalid]]:
    """The rules of a `_headers` file, and what was ignored of it."""
    rules: list[HeaderRule] = []
    invalid: list[Invalid] = []
    rule: HeaderRule | None = None
    rule_line = ""
    skipping = False  # below a path that is wrong, headers are no further fault
    lines = text.split("\n")
    for number, line in _lines(lines, invalid):
        if _PATH_LINE(line):
            skipping = False
            if len(rules) >= MAX_HEADER_RULES:
                rest = len(lines) - number + 1
                message = f"Maximum number of rules supported is {MAX_HEADER_RULES}."
                invalid.append(Invalid(f"{message} Skipping remaining {rest} lines of file."))
                break
            if rule is not None:
                _end_of(rule, rules, invalid, rule_line, number)
            path, wrong = _url(line)
            wrong = wrong or _wildcards(path)
            rule = None if wrong else HeaderRule(path)
            rule_line = line
            if wrong:
                invalid.append(Invalid(wrong, line, number))
                skipping = True
        elif not skipping and (wrong := _header(line, rule)):
            invalid.append(Invalid(wrong, line, number))
    if rule is not None:
        _end_of(rule, rules, invalid, rule_line, None)
    return rules, invalid


def parse_redirects(text: str, *, html_handling: bool) -> tuple[list[Redirect], list[Invalid]]:
    """The rules of a `_redirects` file, and what was ignored of it.

    `html_handling`: whether paths lose their `index.html`, so that a redirect to it never ends.
    """
    redirects: list[Redirect] = []
    invalid: list[Invalid] = []
    seen: set[str] = set()
    static = dynamic = 0
    lines = text.split("\n")
    for number, line in _lines(lines, invalid):
        tokens = re.sub(r"\s+#.*$", "", line).split()
        if not 2 <= len(tokens) <= 3:
            message = f"Expected exactly 2 or 3 whitespace-separated tokens. Got {len(tokens)}."
            invalid.append(Invalid(message, line, number))
            continue
        from_, wrong = _url(tokens[0], only_relative=True)
        if wrong:
            invalid.append(Invalid(wrong, line, number))
            continue
        if dynamic == 0 and not _is_dynamic(from_):
            static += 1
            if static > MAX_STATIC_REDIRECTS:
                message = f"Maximum number of static rules supported is {MAX_STATIC_REDIRECTS}."
                invalid.append(Invalid(f"{message} Skipping line."))
                continue
        else:
            dynamic += 1
            if dynamic > MAX_DYNAMIC_REDIRECTS:
                rest = len(lines) - number + 1
                message = f"Maximum number of dynamic rules supported is {MAX_DYNAMIC_REDIRECTS}."
                invalid.append(Invalid(f"{message} Skipping remaining {rest} lines of file."))
                break
        redirect, wrong = _redirect(from_, tokens, seen, html_handling)
        if redirect is None:
            invalid.append(Invalid(wrong, line, number))
        else:
            redirects.append(redirect)
    return redirects, invalid


def warning(invalid: list[Invalid], kind: str, file: str) -> str:
    """What is said of the ignored lines of a file; `kind` is "header" or "redirect"."""
    text = f"Found {len(invalid)} invalid {kind} rule{'' if len(invalid) == 1 else 's'}:\n"
    for each in invalid:
        text += f"▶︎ {each.message}\n"
        if each.line:
            number = f":{each.number}" if each.number else ""
            text += f"    at {file}{number} | {each.line}\n\n"
    return text


def _lines(lines: list[str], invalid: list[Invalid]) -> Iterator[tuple[int, str]]:
    """The lines with something in them, with their numbers; what is too long becomes invalid."""
    for number, line in enumerate(lines, 1):
        line = line.strip(_SPACE)
        if not line or line.startswith("#"):
            continue
        if len(line) > MAX_LINE:
            message = (
                f"Ignoring line {number} as it exceeds the maximum allowed length of {MAX_LINE}."
            )
            invalid.append(Invalid(message))
            continue
        yield number, line


def _end_of(
    rule: HeaderRule,
    rules: list[HeaderRule],
    invalid: list[Invalid],
    line: str,
    number: int | None,
) -> None:
    if rule.set or rule.unset:
        rules.append(rule)
    else:
        invalid.append(Invalid("No headers specified", line, number))


def _header(line: str, rule: HeaderRule | None) -> str:
    """Add a header's line to its rule; what is wrong with it, if anything."""
    name, colon, value = line.partition(":")
    if not colon:
        if rule is None:
            return "Expected a path beginning with at least one forward-slash"
        if not line.startswith("! "):
            return "Expected a colon-separated header pair (e.g. name: value)"
        name, value = line.removeprefix("! "), ""
    else:
        name, value = name.strip(_SPACE).lower(), value.strip(_SPACE)
        if " " in name:
            return "Header name cannot include spaces"
        if not name:
            return "No header name specified"
        if not value:
            return "No header value specified"
        if rule is None:
            return f"Path should come before header ({name}: {value})"
    try:
        Headers({name: value})
    except WebTypeError as error:  # the platform fails at every response
        return str(error)
    if not colon:
        rule.unset.append(name)
    else:
        before = rule.set.get(name)
        rule.set[name] = f"{before}, {value}" if before else value
    return ""


def _wildcards(path: str) -> str:
    stars = path.count("*")
    if stars > 1:
        return (
            "Only one wildcard is allowed per rule. Use a named placeholder (e.g. :project) instead."
            f" Skipping {path}."
        )
    if stars and _SPLAT_NAME(path):
        return (
            "Cannot combine a wildcard * with a :splat placeholder because wildcards are converted"
            f" to :splat at runtime. Skipping {path}."
        )
    return ""


def _redirect(
    from_: str, tokens: list[str], seen: set[str], html_handling: bool
) -> tuple[Redirect | None, str]:
    to, wrong = _url(tokens[1], ports=True, whole=True)
    if wrong:
        return None, wrong
    status = tokens[2] if len(tokens) == 3 else "302"
    code = int(status) if status.isascii() and status.isdigit() else 0
    if code not in STATUSES:
        return None, (
            f"Valid status codes are 200, 301, 302 (default), 303, 307, or 308. Got {status}."
        )
    relative = not _ABSOLUTE(to)
    if (
        relative
        and _TO_INDEX(to)
        and (from_.endswith("/*") or (from_.endswith("/") and html_handling))
    ):
        return None, (
            "Infinite loop detected in this rule and has been ignored. This will cause a redirect to"
            " strip `.html` or `/index` and end up triggering this rule again. Please fix or remove"
            " this rule to silence this warning."
        )
    if from_ in seen:
        return None, f"Ignoring duplicate rule for path {from_}."
    seen.add(from_)
    if code == 200 and not relative:
        return None, f"Proxy (200) redirects can only point to relative paths. Got {to}"
    return Redirect(from_, to, code), ""


def _url(
    token: str, *, only_relative: bool = False, ports: bool = False, whole: bool = False
) -> tuple[str, str]:
    """A path or https URL, normalised, and what is wrong with it; `whole` with query and fragment."""
    found = _ABSOLUTE(token)
    if found:
        if only_relative:
            return "", f"Only relative URLs are allowed. Skipping absolute URL {token}."
        if not ports and re.search(r":[0-9]+$", found[1]):
            return "", f"Specifying ports is not supported. Skipping absolute URL {token}."
        return f"https://{found[1]}{_normal(found[2], whole)}", ""
    if only_relative and not token.startswith("/"):
        token = f"/{token}"
    if token.startswith("/"):
        return _normal(token, whole), ""
    return "", (
        "URLs should either be relative (e.g. begin with a forward-slash), or use HTTPS (e.g. begin"
        ' with "https://").'
    )


def _normal(path: str, whole: bool) -> str:
    if not path.startswith("/"):
        path = f"/{path}"
    # Of no known scheme, so that a backslash stays one.
    url = host.parse_url(f"relative://{path}")
    assert url is not None
    return f"{url.pathname}{url.search}{url.hash}" if whole else url.pathname


def _is_dynamic(path: str) -> bool:
    return "*" in path or _PLACEHOLDER.search(path) is not None


def _pattern(rule: str) -> _Match | None:
    """What matches a path (or `https://` and host and path); None where no expression comes of it.

    `*` is anything, under the name of `splat`; a placeholder a segment, or a label of the host.
    """
    rule = "(?P<splat>.*)".join(_SPECIAL.sub(r"\\\g<0>", part) for part in rule.split("*"))
    host_part = re.match(r"https:\\/\\/[^/]*", rule)
    if host_part:
        for found in re.finditer(r":([A-Za-z]\w*)(?=\\)", host_part[0], re.ASCII):
            rule = rule.replace(found[0], f"(?P<{found[1]}>[^/.]+)")
    for found in _PLACEHOLDER.finditer(rule):
        rule = rule.replace(found[0], f"(?P<{found[1]}>[^/]+)")
    try:
        return re.compile(rule).fullmatch
    except re.error:  # one name twice: such a rule matches nothing, as on the platform
        return None


def _filled(text: str, found: re.Match[str]) -> str:
    """A destination or value with what the placeholders have matched."""
    for name, value in found.groupdict().items():
        text = text.replace(f":{name}", value)
    return text
