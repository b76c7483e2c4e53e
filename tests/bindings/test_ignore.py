"""Patterns of .assetsignore. The platform's answers are compared in tests/bridge/test_assets.py."""

from __future__ import annotations

import pytest

from edgekit.bindings.ignore import ignored


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("*.bak", ["/a.bak", "/x/y.BAK", "/.bak"], ["/a.bak2", "/bak"]),
        ("name", ["/name", "/x/name", "/name/"], ["/names", "/myname"]),
        ("/name", ["/name", "/name/"], ["/x/name"]),
        ("a/b", ["/a/b"], ["/x/a/b", "/a/bc"]),
        ("folder/", ["/folder/", "/x/folder/"], ["/folder"]),
        ("a/*", ["/a/b"], ["/a/", "/a/b/c"]),
        ("/*", ["/a"], ["/a/b"]),
        ("**/x", ["/x", "/a/x", "/a/b/x"], ["/ax"]),
        ("a/**", ["/a/b", "/a/b/c"], ["/a", "/a/"]),
        ("a/**/b", ["/a/b", "/a/x/b", "/a/x/y/b"], ["/ab"]),
        ("a**b", ["/ab", "/axyb"], ["/a/b"]),
        ("?.js", ["/a.js"], ["/ab.js", "/.js"]),
        ("[a-c]1", ["/a1", "/c1"], ["/d1", "/[1"]),
        ("[!a]1", ["/b1"], ["/a1"]),
        ("[]x]", ["/]", "/x"], ["/y"]),
        ("[[]", ["/["], ["/a"]),
        ("[a", ["/[a"], ["/a"]),
        (r"\#x", ["/#x"], ["/x"]),
        (r"\!x", ["/!x"], ["/x"]),
        (r"a\*", ["/a*"], ["/ab"]),
        ("a b", ["/a b"], ["/a", "/b"]),
        ("trailing  \r", ["/trailing"], ["/trailing "]),
        (r"kept\ ", ["/kept "], ["/kept"]),
        ("a+(b)|c", ["/a+(b)|c"], ["/aab", "/c"]),
        ("\ufeffbom", ["/bom"], []),
        ("é", ["/é", "/É"], ["/e"]),
    ],
)
def test_pattern_matches(pattern: str, matching: list[str], others: list[str]) -> None:
    test = ignored([pattern])
    assert [name for name in [*matching, *others] if test(name)] == matching


@pytest.mark.parametrize("pattern", ["", "   ", "# comment", "/", "!", "odd\\", "[b-a]", "[]"])
def test_pattern_that_means_nothing_matches_nothing(pattern: str) -> None:
    test = ignored([pattern])
    assert not any(map(test, ["/a", "/b", "/odd", "/# comment", "/!", "/x/"]))


def test_the_last_pattern_that_matches_decides() -> None:
    test = ignored(["*.js", "!keep.js", "no/keep.js"])
    assert [test(name) for name in ("/a.js", "/keep.js", "/no/keep.js", "/a.css")] == [
        True,
        False,
        True,
        False,
    ]
