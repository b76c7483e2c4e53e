"""Patterns of files to leave out, as `.assetsignore` has them: those of `.gitignore`. Reads no file.

The rules are git's (gitignore(5)); letters match in either case, as in wrangler. The last pattern
that matches decides, and `!` takes back. Whoever walks a tree does not look into a folder that is
left out, so that nothing in it can be taken back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_BLANKS = re.compile(r"(\\?)\s+$")


def ignored(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a name such as `/a/b.txt` is left out by patterns; a folder's ends with a slash."""
    rules = [rule for rule in map(_rule, patterns) if rule is not None]

    def test(name: str) -> bool:
        name = name.removeprefix("/")
        return next((not negative for matches, negative in reversed(rules) if matches(name)), False)

    return test


def _rule(pattern: str) -> tuple[Callable[[str], object], bool] | None:
    """What tells whether a name matches, and whether the pattern takes back."""
    pattern = pattern.removeprefix("\ufeff")
    if pattern.startswith("#"):
        return None
    pattern = _BLANKS.sub(lambda found: " " if found[1] else "", pattern)  # kept where escaped
    negative = pattern.startswith("!")
    pattern = pattern.removeprefix("!")
    if not pattern.strip("/") or re.search(r"(?<!\\)(?:\\\\)*\\$", pattern):
        return None
    try:
        return re.compile(_expression(pattern), re.IGNORECASE | re.DOTALL).search, negative
    except re.error:  # such as a range that runs backwards
        return None


def _expression(pattern: str) -> str:
    folder = pattern.endswith("/")
    pattern = pattern.rstrip("/")
    # With a slash in it, a pattern is meant from the top; without one, anywhere.
    parts = ["^" if "/" in pattern else "(?:^|/)"]
    pattern = pattern.removeprefix("/")
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if pattern.startswith("**/", at) and (at == 0 or pattern[at - 1] == "/"):
            parts.append("(?:.*/)?")
            at += 3
        elif pattern[at:] == "**" and at and pattern[at - 1] == "/":
            parts.append(".+")
            at += 2
        elif character == "*":
            while at < len(pattern) and pattern[at] == "*":
                at += 1
            # Alone between slashes it stands for a name, and no name is empty.
            alone = at == len(pattern) and pattern[: at - 1].rstrip("*")[-1:] in ("", "/")
            parts.append("[^/]+" if alone else "[^/]*")
        elif character == "?":
            parts.append("[^/]")
            at += 1
        elif character == "[" and (end := pattern.find("]", at + 2)) > 0:
            inner = pattern[at + 1 : end]
            negated = "^" if inner[0] in "!^" else ""
            inner = re.sub(r"([\[^&~|])", r"\\\1", inner[1:] if negated else inner)
            parts.append(f"(?!/)[{negated}{inner}]")
            at = end + 1
        else:
            if character == "\\":
                at += 1
                character = pattern[at]
            parts.append(re.escape(character))
            at += 1
    return "".join(parts) + ("/$" if folder else "/?$")
