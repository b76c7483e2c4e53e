"""`_headers` and `_redirects`. What the platform makes of random ones: tests/bridge/test_assets.py."""

from __future__ import annotations

import pytest

from edgekit.bindings.asset_rules import (
    HeaderRules,
    Invalid,
    Redirects,
    parse_headers,
    parse_redirects,
    warning,
)
from edgekit.web.headers import Headers


def headers(text: str, path: str = "/", before: dict[str, str] | None = None) -> dict[str, str]:
    """The headers of a response to a path under the rules of a file without a fault."""
    rules, invalid = parse_headers(text)
    assert not invalid
    result = Headers(before or {})
    HeaderRules(rules).apply(result, path, "site.test")
    return dict(result.items())


def header_faults(text: str) -> list[Invalid]:
    return parse_headers(text)[1]


def redirect(text: str, path: str) -> tuple[int, str] | None:
    redirects, invalid = parse_redirects(text, html_handling=True)
    assert not invalid
    return Redirects(redirects).find(path)


def redirect_faults(text: str, *, html_handling: bool = True) -> list[Invalid]:
    return parse_redirects(text, html_handling=html_handling)[1]


# _headers -----------------------------------------------------------------------------------------


def test_headers_are_set_for_the_path_only() -> None:
    text = "# why\n/a\n  X-One: 1\n\n/b\n\tX-Two: a: b"
    assert headers(text, "/a") == {"x-one": "1"}
    assert headers(text, "/b") == {"x-two": "a: b"}
    assert headers(text, "/c") == {}
    assert headers(text, "/a/") == {}


def test_rules_that_match_add_up_and_replace_what_was_there() -> None:
    text = "/*\n  X: 1\n  Y: y\n/a\n  X: 2\n  X: 3"
    assert headers(text, "/a", {"x": "0", "z": "z"}) == {"x": "1, 2, 3", "y": "y", "z": "z"}


def test_a_header_can_be_taken_away() -> None:
    text = "/*\n  X: 1\n/a\n  ! X\n  ! Y"
    assert headers(text, "/a", {"y": "1"}) == {}
    assert headers(text, "/b", {"y": "1"}) == {"x": "1", "y": "1"}


def test_splats_and_placeholders_fill_values() -> None:
    assert headers("/a/*\n  X: <:splat>", "/a/b/c") == {"x": "<b/c>"}
    assert headers("/:one/:two\n  X: :two :one :three", "/a/b") == {"x": "b a :three"}
    assert headers("/:one\n  X: 1", "/a/b") == {}


def test_a_rule_can_name_a_host_whatever_the_scheme() -> None:
    assert headers("https://site.test/*\n  X: 1", "/a") == {"x": "1"}
    assert headers("https://other.test/*\n  X: 1", "/a") == {}
    assert headers("https://:name.test/a\n  X: :name", "/a") == {"x": "site"}


def test_one_name_twice_matches_nothing() -> None:
    assert headers("/:a/:a\n  X: 1", "/b/b") == {}


def test_of_two_rules_for_one_path_the_last_counts() -> None:
    assert headers("/a\n  X: 1\n/a\n  Y: 1", "/a") == {"y": "1"}


@pytest.mark.parametrize(
    ("text", "message", "number"),
    [
        ("/a\n/b\n  X: 1", "No headers specified", 2),
        ("/a", "No headers specified", None),
        ("  X: 1", "Path should come before header (x: 1)", 1),
        ("nothing", "Expected a path beginning with at least one forward-slash", 1),
        ("/a\n  X: 1\n  y", "Expected a colon-separated header pair (e.g. name: value)", 3),
        ("/a\n  X Y: 1\n  Z: 1", "Header name cannot include spaces", 2),
        ("/a\n  : 1\n  Z: 1", "No header name specified", 2),
        ("/a\n  X:\n  Z: 1", "No header value specified", 2),
        ("/a\n  Z: 1\n  X(Y: 1", "Invalid header name: 'x(y'", 3),
        ("/a\n  Z: 1\n  ! X(Y", "Invalid header name: 'X(Y'", 3),
        (
            "http://a/b\n  X: 1",
            "URLs should either be relative (e.g. begin with a forward-slash), or use HTTPS (e.g."
            ' begin with "https://").',
            1,
        ),
        (
            "https://a:80/b\n  X: 1",
            "Specifying ports is not supported. Skipping absolute URL https://a:80/b.",
            1,
        ),
        (
            "/a/*/*",
            "Only one wildcard is allowed per rule. Use a named placeholder (e.g. :project) instead."
            " Skipping /a/*/*.",
            1,
        ),
        (
            "/:splat/*",
            "Cannot combine a wildcard * with a :splat placeholder because wildcards are converted to"
            " :splat at runtime. Skipping /:splat/*.",
            1,
        ),
    ],
)
def test_what_is_wrong_in_headers_is_told_with_its_line(
    text: str, message: str, number: int | None
) -> None:
    [fault] = header_faults(text)
    assert (fault.message, fault.number) == (message, number)


def test_header_rules_have_limits() -> None:
    assert header_faults("/a\n  X: " + "x" * 1997) == []
    [fault] = header_faults("/a\n  Y: 1\n  X: " + "x" * 1998)
    assert fault.message == "Ignoring line 3 as it exceeds the maximum allowed length of 2000."
    rules, faults = parse_headers("\n".join(f"/{i}\n  X: 1" for i in range(100)))
    assert (len(rules), faults) == (100, [])
    rules, [fault] = parse_headers("\n".join(f"/{i}\n  X: 1" for i in range(102)))
    assert len(rules) == 101  # the platform counts those that are complete
    assert fault.message == (
        "Maximum number of rules supported is 100. Skipping remaining 2 lines of file."
    )


# _redirects ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("/a /b", "/a", (302, "/b")),
        ("/a /b 301", "/a", (301, "/b")),
        ("/a /b 308 # why", "/a", (308, "/b")),
        ("a /b", "/a", (302, "/b")),
        ("/é /b", "/%C3%A9", (302, "/b")),
        ("/a?x=1 /b?y=2#z", "/a", (302, "/b?y=2#z")),
        ("/a https://x.test:8080/b?y#z 307", "/a", (307, "https://x.test:8080/b?y#z")),
        ("/a /b", "/b", None),
        ("/s/* /t/:splat", "/s/x/y", (302, "/t/x/y")),
        ("/s/* /t//:splat", "/s/", (302, "/t/")),
        ("/s/* https://x.test/y/:splat", "/s//a", (302, "https://x.test/y//a")),
        ("/:a/:b /:b/:a", "/1/2", (302, "/2/1")),
        ("/u/:id /users/id.html 200", "/u/7", (200, "/users/id.html")),
        ("/d/* /x\n/d/a /y", "/d/a", (302, "/x")),
        ("/d/a /y\n/d/* /x", "/d/a", (302, "/y")),
        ("/:a/:a /x", "/1/1", None),
    ],
)
def test_redirect(text: str, path: str, expected: tuple[int, str] | None) -> None:
    assert redirect(text, path) == expected


@pytest.mark.parametrize(
    ("text", "message", "number"),
    [
        ("/a", "Expected exactly 2 or 3 whitespace-separated tokens. Got 1.", 1),
        ("\n/a /b 301 x", "Expected exactly 2 or 3 whitespace-separated tokens. Got 4.", 2),
        (
            "https://x.test/a /b",
            "Only relative URLs are allowed. Skipping absolute URL https://x.test/a.",
            1,
        ),
        (
            "/a b",
            "URLs should either be relative (e.g. begin with a forward-slash), or use HTTPS (e.g."
            ' begin with "https://").',
            1,
        ),
        (
            "/a /b 404",
            "Valid status codes are 200, 301, 302 (default), 303, 307, or 308. Got 404.",
            1,
        ),
        (
            "/a /b x",
            "Valid status codes are 200, 301, 302 (default), 303, 307, or 308. Got x.",
            1,
        ),
        ("/a /b\n/a /c", "Ignoring duplicate rule for path /a.", 2),
        (
            "/a https://x.test/ 200",
            "Proxy (200) redirects can only point to relative paths. Got https://x.test/",
            1,
        ),
    ],
)
def test_what_is_wrong_in_redirects_is_told_with_its_line(
    text: str, message: str, number: int
) -> None:
    [fault] = redirect_faults(text)
    assert (fault.message, fault.number) == (message, number)


def test_a_redirect_that_never_ends_is_ignored() -> None:
    for line in ("/* /index.html", "/* /index 200", "/ /index.html"):
        [fault] = redirect_faults(line)
        assert fault.message.startswith("Infinite loop detected in this rule")
    assert len(redirect_faults("/* /index.html", html_handling=False)) == 1
    assert redirect_faults("/ /index.html", html_handling=False) == []
    assert redirect_faults("/* https://x.test/index.html") == []


def test_redirects_have_limits() -> None:
    static = "\n".join(f"/{i} /x" for i in range(2000))
    assert redirect_faults(static) == []
    [fault] = redirect_faults(f"{static}\n/more /x\n/s/* /x")
    assert fault.message == "Maximum number of static rules supported is 2000. Skipping line."
    dynamic = "\n".join(f"/{i}/* /x" for i in range(100))
    assert redirect_faults(dynamic) == []
    [fault] = redirect_faults(f"{dynamic}\n/static /x\n\n")
    assert fault.message == (
        "Maximum number of dynamic rules supported is 100. Skipping remaining 3 lines of file."
    )
    [fault] = redirect_faults(f"/a /{'x' * 1997}")
    assert fault.message == "Ignoring line 1 as it exceeds the maximum allowed length of 2000."
    assert redirect_faults(f"/a /{'x' * 1996}") == []


def test_the_warning_is_the_platforms() -> None:
    invalid = [Invalid("Bad", "/a", 3), Invalid("Worse", "/b"), Invalid("Long")]
    assert warning(invalid, "redirect", "public/_redirects") == (
        "Found 3 invalid redirect rules:\n"
        "▶︎ Bad\n    at public/_redirects:3 | /a\n\n"
        "▶︎ Worse\n    at public/_redirects | /b\n\n"
        "▶︎ Long\n"
    )
    assert warning(invalid[2:], "header", "_headers") == "Found 1 invalid header rule:\n▶︎ Long\n"
