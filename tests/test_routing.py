"""Which handler takes a path. Everything goes through an App, as users meet it."""

from __future__ import annotations

from typing import Any

import pytest

from edgekit.app import App
from edgekit.errors import ConfigError
from edgekit.web.request import Request


def table(*routes: str) -> App:
    """An app whose handlers answer with their pattern and parameters; "POST /a" or just "/a"."""
    app = App()
    for route in routes:
        method, _, pattern = route.rpartition(" ")
        answer(app, method or "GET", pattern)
    return app


def answer(app: App, method: str, pattern: str) -> None:
    @app.route(pattern, methods=None if method == "*" else method.split(","))
    async def handler(request: Request) -> Any:
        return [method, pattern, request.params]


async def ask(app: App, path: str, method: str = "GET") -> Any:
    """[method, pattern, params] of the route that took it, or the status."""
    response = await app.fetch(Request("http://h" + path, method=method))
    return await response.json() if response.status == 200 else response.status


@pytest.mark.parametrize(
    ("pattern", "path", "params"),
    [
        ("/", "/", {}),
        ("/a", "/a", {}),
        ("/a/", "/a/", {}),
        ("/a/b.c-d_e~f", "/a/b.c-d_e~f", {}),
        ("/é", "/%C3%A9", {}),
        ("/%C3%A9", "/é", {}),
        ("/a b".replace(" ", "%20"), "/a b", {}),
        ("/{x}", "/a", {"x": "a"}),
        ("/{x}", "/a%20b", {"x": "a b"}),
        ("/{x}", "/a+b", {"x": "a+b"}),
        ("/{x}", "/%C3%A9", {"x": "é"}),
        ("/{x}", "/%FF", {"x": "\ufffd"}),
        ("/{x}", "/%", {"x": "%"}),
        ("/{x}", "/%zz", {"x": "%zz"}),
        ("/{x}", "/a:b@c;d=e,f", {"x": "a:b@c;d=e,f"}),
        ("/{x}/", "/a/", {"x": "a"}),
        ("/a/{x}/b/{y}", "/a/1/b/2", {"x": "1", "y": "2"}),
        ("/{x:int}", "/0", {"x": 0}),
        ("/{x:int}", "/007", {"x": 7}),
        ("/{x:int}", "/999999999999999999", {"x": 999_999_999_999_999_999}),
        ("/{x:str}", "/a", {"x": "a"}),
        ("/{x:path}", "/a/b/c", {"x": "a/b/c"}),
        ("/{x:path}", "/", {"x": ""}),
        ("/a/{x:path}", "/a/", {"x": ""}),
        ("/a/{x:path}", "/a/b/", {"x": "b/"}),
        ("/a/{x:path}", "/a//b", {"x": "/b"}),
        ("/a/{x:path}", "/a/%C3%A9/b", {"x": "é/b"}),
        ("/{x}/{y:path}", "/1/2/3", {"x": "1", "y": "2/3"}),
        ("/a//b", "/a//b", {}),
    ],
)
async def test_a_pattern_takes_a_path(pattern: str, path: str, params: dict[str, Any]) -> None:
    assert await ask(table(pattern), path) == ["GET", pattern, params]


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/", "/a"),
        ("/", "//"),
        ("/a", "/"),
        ("/a", "/a/"),
        ("/a/", "/a"),
        ("/a", "/A"),
        ("/a", "/a/b"),
        ("/a", "//a"),
        ("/a/b", "/a//b"),
        ("/{x}", "/"),
        ("/{x}", "/a/"),
        ("/{x}", "/a/b"),
        ("/{x}/", "//"),
        ("/a/{x}", "/a"),
        ("/a/{x}", "/a/"),
        ("/a/{x:path}", "/a"),
        ("/{x:int}", "/a"),
        ("/{x:int}", "/-1"),
        ("/{x:int}", "/+1"),
        ("/{x:int}", "/1.0"),
        ("/{x:int}", "/1_0"),
        ("/{x:int}", "/%201"),
        ("/{x:int}", "/1e3"),
        ("/{x:int}", "/%D9%A1"),  # an Arabic one
        ("/{x:int}", "/%C2%B2"),  # a superscript two
        ("/{x:int}", "/1000000000000000000"),
        ("/{x:int}", "/"),
    ],
)
async def test_a_pattern_does_not_take_a_path(pattern: str, path: str) -> None:
    assert await ask(table(pattern), path) == 404


async def test_a_percent_encoded_digit_is_a_digit() -> None:
    assert await ask(table("/{x:int}"), "/%31") == ["GET", "/{x:int}", {"x": 1}]


# Precedence -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/me", "/me"),
        ("/1", "/{n:int}"),
        ("/x", "/{s}"),
        ("/x/y", "/{p:path}"),
        ("/", "/{p:path}"),
        ("/me/", "/{p:path}"),
        ("/1/edit", "/{n:int}/edit"),
        ("/x/edit", "/{s}/edit"),
        ("/me/edit", "/{s}/edit"),
        ("/me/1", "/{p:path}"),
    ],
)
async def test_literal_before_int_before_str_before_path(
    order: int, path: str, pattern: str
) -> None:
    patterns = ["/me", "/{n:int}", "/{s}", "/{p:path}", "/{n:int}/edit", "/{s}/edit"]
    assert (await ask(table(*patterns[::order]), path))[1] == pattern


async def test_a_dead_end_goes_back_and_forgets_its_parameters() -> None:
    app = table("/a/{x}/c", "/{y}/b/{z}", "/{n:int}/b/x", "/{rest:path}")
    assert await ask(app, "/a/b/d") == ["GET", "/{y}/b/{z}", {"y": "a", "z": "d"}]
    assert await ask(app, "/a/q/d") == ["GET", "/{rest:path}", {"rest": "a/q/d"}]
    assert await ask(app, "/5/b/y") == ["GET", "/{y}/b/{z}", {"y": "5", "z": "y"}]


async def test_a_route_of_another_method_does_not_hide_a_wider_one() -> None:
    app = table("DELETE /users/me", "GET /users/{name}")
    assert await ask(app, "/users/me") == ["GET", "/users/{name}", {"name": "me"}]
    assert await ask(app, "/users/me", "POST") == 405


# Encoding -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slash", ["%2F", "%2f"])
async def test_an_encoded_slash_stays_inside_its_segment(slash: str) -> None:
    app = table("/{x}", "/{x}/{y}", "/a/b", "/f/{p:path}")
    assert await ask(app, f"/a{slash}b") == ["GET", "/{x}", {"x": "a/b"}]
    assert await ask(app, f"/a{slash}b/c") == ["GET", "/{x}/{y}", {"x": "a/b", "y": "c"}]
    assert await ask(app, f"/f/a{slash}b/c") == ["GET", "/f/{p:path}", {"p": "a/b/c"}]


async def test_parameters_are_decoded_once() -> None:
    app = table("/{x}")
    assert (await ask(app, "/%2541"))[2] == {"x": "%41"}
    assert (await ask(app, "/%252F"))[2] == {"x": "%2F"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/./b", "/a/b"),
        ("/a/x/../b", "/a/b"),
        ("/../../a/b", "/a/b"),
        ("/a/%2e/b", "/a/b"),
        ("/a/x/%2e%2E/b", "/a/b"),
        ("/a/x/.%2e/b", "/a/b"),
        ("/a\\b", "/a/b"),
        ("\\a\\x\\..\\b", "/a/b"),
        ("/a/b?../../c", "/a/b"),
        ("/a/b#/../c", "/a/b"),
    ],
)
async def test_dot_segments_and_backslashes_are_resolved(path: str, expected: str) -> None:
    assert (await ask(table("/a/b"), path))[1] == expected


@pytest.mark.parametrize(
    "path", ["/a/...", "/a/.b", "/a/b.", "/a/..b", "/a/..%2Fb", "/a/.%2F", "/a/b..c"]
)
async def test_other_dots_are_just_text(path: str) -> None:
    assert (await ask(table("/a/{x}"), path))[1] == "/a/{x}"


async def test_an_encoded_backslash_is_just_text() -> None:
    assert (await ask(table("/a/{x}"), "/a/..%5Cb"))[2] == {"x": "..\\b"}


# Methods --------------------------------------------------------------------------------------------


async def allow(app: App, path: str, method: str) -> tuple[int, str | None]:
    response = await app.fetch(Request("http://h" + path, method=method))
    return response.status, response.headers.get("allow")


@pytest.mark.parametrize(
    ("routes", "methods"),
    [
        (["GET /a"], "GET, HEAD, OPTIONS"),
        (["POST /a"], "OPTIONS, POST"),
        (["GET /a", "PUT /a"], "GET, HEAD, OPTIONS, PUT"),
        (["DELETE /{x}", "GET /a"], "DELETE, GET, HEAD, OPTIONS"),
        (["HEAD /a"], "HEAD, OPTIONS"),
        (["GET /{x:int}", "PUT /a"], "OPTIONS, PUT"),
        (["PUT /{x:path}", "POST /{x:int}"], "OPTIONS, PUT"),
    ],
)
async def test_another_method_is_405_and_options_204_with_allow(
    routes: list[str], methods: str
) -> None:
    app = table(*routes)
    assert await allow(app, "/a", "PATCH") == (405, methods)
    assert await allow(app, "/a", "patch") == (405, methods)
    assert await allow(app, "/a", "OPTIONS") == (204, methods)


async def test_allow_knows_numbers() -> None:
    app = table("DELETE /{n:int}", "GET /{x}", "PUT /{rest:path}")
    assert await allow(app, "/5", "PATCH") == (405, "DELETE, GET, HEAD, OPTIONS, PUT")
    assert await allow(app, "/x", "PATCH") == (405, "GET, HEAD, OPTIONS, PUT")


async def test_a_path_that_no_route_has_is_404_for_every_method() -> None:
    for method in ("GET", "HEAD", "OPTIONS", "PATCH"):
        assert await allow(table("/a"), "/b", method) == (404, None)


async def test_a_route_without_methods_takes_every_one() -> None:
    app = table("* /a", "POST /a")
    for method in ("GET", "HEAD", "OPTIONS", "PURGE", "get", "*"):
        assert (await ask(app, "/a", method))[0] == "*"
    assert (await ask(app, "/a", "POST"))[0] == "POST"


async def test_head_is_answered_by_get_unless_it_has_its_own() -> None:
    assert (await ask(table("/a"), "/a", "HEAD"))[0] == "GET"
    assert (await ask(table("/{x}"), "/a", "HEAD"))[0] == "GET"
    for routes in (
        ["GET /a", "HEAD /a"],
        ["HEAD /a", "GET /a"],
        ["* /a", "HEAD /a"],
        ["HEAD,GET /a", "* /a"],
    ):
        assert "HEAD" in (await ask(table(*routes), "/a", "HEAD"))[0]


async def test_options_may_have_its_own_route() -> None:
    assert (await ask(table("GET /a", "OPTIONS /a"), "/a", "OPTIONS"))[0] == "OPTIONS"


async def test_methods_are_case_sensitive_as_http_says_but_declared_in_any_case() -> None:
    assert (await ask(table("frob /a"), "/a", "FROB"))[0] == "frob"
    assert await ask(table("frob /a"), "/a", "frob") == 405  # one that Request does not know


@pytest.mark.parametrize("name", ["get", "post", "put", "patch", "delete", "head", "options"])
async def test_a_decorator_for_each_method(name: str) -> None:
    app = App()

    async def handler(request: Request) -> str:
        return name

    assert getattr(app, name)("/a")(handler) is handler
    assert await (await app.fetch(Request("http://h/a", method=name.upper()))).text() == name
    assert (await app.fetch(Request("http://h/a", method="TRACE"))).status == 405


async def test_one_handler_may_have_several_routes() -> None:
    app = App()

    @app.get("/a")
    @app.post("/b/{x}")
    async def handler(request: Request) -> Any:
        return request.params

    assert await ask(app, "/a") == {}
    assert await ask(app, "/b/1", "POST") == {"x": "1"}


# Mistakes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "a",
        "a/",
        "http://h/a",
        "/a?b",
        "/a#b",
        "/a b",
        "/a\n",
        "/a\tb",
        "/{}",
        "/{a",
        "/a}",
        "/{a}b",
        "/b{a}",
        "/{a}{b}",
        "/{1a}",
        "/{a-b}",
        "/{a:}",
        "/{a:float}",
        "/{a:int:int}",
        "/{a}/{a}",
        "/{a}/{a:int}",
        "/{a:path}/b",
        "/{a:path}/",
        "/.",
        "/a/..",
        "/a/../b",
        "/%2e",
        "/a/%2E%2e/b",
        "/.%2e",
        None,
        5,
    ],
)
def test_a_pattern_that_can_never_work_is_refused(pattern: Any) -> None:
    with pytest.raises(ConfigError, match="route"):
        table_of(pattern)


def table_of(pattern: Any) -> None:
    answer(App(), "GET", pattern)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("GET /a", "GET /a"),
        ("GET /{x}", "GET /{y}"),
        ("GET /{x:int}", "GET /{y:int}"),
        ("GET /{x:str}", "GET /{y}"),
        ("GET /{x:path}", "GET /{y:path}"),
        ("GET /é", "GET /%C3%A9"),
        ("GET /a%41", "GET /aA"),
        ("* /a", "* /a"),
        ("GET,POST /a", "PUT,POST /a"),
        ("GET /a/{x}/b", "GET /a/{y}/b"),
    ],
)
def test_a_second_route_for_the_same_paths_is_refused_by_both_names(
    first: str, second: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        table(first, second)
    assert second.split()[1] in str(caught.value)
    assert first.split()[1] in str(caught.value)


def test_the_same_path_with_other_methods_or_kinds_is_fine() -> None:
    table("GET /{x}", "POST /{y}", "* /{x}", "GET /{x:int}", "GET /{x:path}", "GET /{x}/")


@pytest.mark.parametrize("methods", ["GET", [], [""], ["A B"], ["GET", "G:"], ["É"]])
def test_methods_are_a_list_of_tokens(methods: Any) -> None:
    async def handler(request: Request) -> None: ...

    with pytest.raises(ConfigError):
        App().route("/a", methods=methods)(handler)


# Size -----------------------------------------------------------------------------------------------


async def test_many_routes_and_long_paths() -> None:
    app = table(*(f"/r{i}/{{x}}" for i in range(500)), "/deep/{p:path}")
    assert await ask(app, "/r499/y") == ["GET", "/r499/{x}", {"x": "y"}]
    assert len((await ask(app, "/deep" + "/s" * 5000))[2]["p"]) == 9999


async def test_a_deep_pattern_matches_without_deep_recursion() -> None:
    pattern = "/" + "/".join(f"{{p{i}}}" for i in range(400))
    response = await table(pattern).fetch(Request("http://h" + "/v" * 400))
    assert len((await response.json())[2]) == 400


async def test_hostile_paths_do_not_make_matching_explode() -> None:
    # Every segment fits three ways, and the last fits none.
    patterns = [
        "/" + "/".join("a" if bits >> i & 1 else f"{{s{i}}}" for i in range(8))
        for bits in range(256)
    ]
    app = table(*(pattern + "/end" for pattern in patterns))
    assert await ask(app, "/a" * 8 + "/no") == 404
