"""Storing, freshness, variants and invalidation, by the sentences of RFC 9111 and 5861.

Headers are those that public suites try caches with; the answers are the specification's.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.web.caching import (
    MAX_SECONDS,
    CacheControl,
    Policy,
    freshness_lifetime,
    initial_age,
    invalidated,
    needs_validation,
    request_accepts,
    response_control,
    stale_if_error,
    stale_while_revalidate,
    storable,
    stored_headers,
    updated_headers,
    vary_fields,
    vary_key,
)
from edgekit.web.conditional import http_date
from edgekit.web.headers import Headers

NOW = 1_800_000_000.0


def at(seconds: float) -> str:
    return http_date(NOW + seconds)


# Cache-Control ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("foo", None),
        ("max-age=3600", 3600),
        ("MaX-aGe=3600", 3600),
        ('max-age="3600"', 3600),
        ("max-age=003600", 3600),
        ("max-age=0", 0),
        ("foobar, max-age=3600", 3600),
        (",,max-age=3600 ,", 3600),
        ("max-age=3600\t, x", 3600),
        ("max-age=2147483647", 2147483647),
        ("max-age=99999999999", MAX_SECONDS),
        ("max-age=" + "9" * 5000, MAX_SECONDS),
        # Of two the first counts.
        ("max-age=1800, max-age=1", 1800),
        ("max-age=1, max-age=1800", 1),
        # A name in a quoted string is not a directive.
        ('ext="max-age=3600"', None),
        ('ext="max-age=3600", max-age=1', 1),
        ('max-age=1, ext="max-age=3600"', 1),
        ('ext="a, max-age=3600"', None),
        ('ext="a\\", max-age=3600"', None),
        ('ext="a", max-age=3600', 3600),
        # What is no number of seconds is stale.
        ("max-age", 0),
        ("max-age=", 0),
        ("max-age=abc", 0),
        ("max-age=a100", 0),
        ("max-age=100a", 0),
        ("max-age=-100", 0),
        ("max-age=+100", 0),
        ("max-age=100.0", 0),
        ("max-age='100'", 0),
        ("max-age =100", 0),
        ("max-age= 100", 0),
        ("max-age=100; x", 0),
        ("max-age=1 00", 0),
        ("max-age=\u0661", 0),
        ('max-age="100', 0),
        ('max-age="100"x', 0),
    ],
)
def test_max_age_is_read(header: str | None, seconds: int | None) -> None:
    assert CacheControl(header).seconds("max-age") == seconds


@pytest.mark.parametrize(
    "header",
    [
        "no-store",
        "No-StOrE",
        "max-age=10, no-store",
        "no-store;max-age=10",
        "no-store; x",
        'ext="open, no-store',
        'ext="a"b, no-store',
        '"a, no-store"',
        "=x, no-store",
        "no-store=1",
    ],
)
def test_no_store_is_seen_however_it_is_written(header: str) -> None:
    assert "no-store" in CacheControl(header)


@pytest.mark.parametrize(
    ("header", "fields"),
    [
        ("max-age=1", None),
        ("private", set()),
        ('private=""', set()),
        ('private=" , "', set()),
        ('private="set-cookie"', {"set-cookie"}),
        ("private=Set-Cookie", {"set-cookie"}),
        ('private="Set-Cookie, X-A"', {"set-cookie", "x-a"}),
        ('private="a", private="b"', {"a", "b"}),
        ('private="a", private', set()),
        ('private ="a"', set()),
        ('private="a', {"a"}),
    ],
)
def test_private_may_be_limited_to_fields(header: str, fields: set[str] | None) -> None:
    control = CacheControl(header)
    assert control.fields("private") == fields
    assert control.bare("private") is (fields == set())


def test_pragma_counts_in_a_response_without_cache_control_only() -> None:
    assert needs_validation(response_control({"pragma": "No-Cache"}))
    assert not needs_validation(response_control({"pragma": "x"}))
    assert not needs_validation(
        response_control({"pragma": "no-cache", "cache-control": "max-age=1"})
    )


@given(st.text('abn-store=",\\ ', max_size=40))
def test_any_header_can_be_read(header: str) -> None:
    CacheControl(header).fields("b")


# Storing ------------------------------------------------------------------------------------------


def stores(
    response: dict[str, str],
    status: int = 200,
    method: str = "GET",
    request: dict[str, str] | None = None,
    policy: Policy = Policy(),  # noqa: B008
) -> bool:
    request = request or {}
    return storable(
        method,
        status,
        request,
        response,
        response_control(response),
        asked=CacheControl(request.get("cache-control")),
        policy=policy,
    )


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        ("max-age=3600", True),
        ("max-age=0", True),  # to be asked about
        ("no-cache", True),
        ("public", True),
        ("s-maxage=1", True),
        ("immutable", True),
        ("no-store", False),
        ("max-age=100, no-store", False),
        ("private, max-age=3600", False),
        ("PRIVATE", False),
        ('private="x-a", max-age=3600', True),
        ("max-age=3600, no-store, must-understand", True),
    ],
)
def test_a_response_is_stored_unless_its_directives_forbid(control: str, expected: bool) -> None:
    assert stores({"cache-control": control}) is expected


@pytest.mark.parametrize("status", [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])
def test_these_are_stored_without_being_told_how_long(status: int) -> None:
    assert stores({}, status)


@pytest.mark.parametrize("status", [201, 202, 302, 303, 307, 400, 403, 500, 502, 503, 504, 599])
def test_others_are_stored_only_if_the_response_says_so(status: int) -> None:
    assert not stores({}, status)
    assert not stores({"last-modified": at(-100)}, status)
    assert stores({"cache-control": "max-age=10"}, status)
    assert stores({"cache-control": "public"}, status)
    assert stores({"cache-control": "s-maxage=10"}, status)
    assert stores({"expires": at(10)}, status)
    assert stores({}, status, policy=Policy(heuristic={status: 60}))


@pytest.mark.parametrize("status", [100, 103, 206, 304])
def test_these_are_never_stored(status: int) -> None:
    assert not stores({"cache-control": "public, max-age=10"}, status)


def test_a_policy_may_allow_some_statuses_alone() -> None:
    policy = Policy(statuses=frozenset({200}))
    assert stores({"cache-control": "max-age=1"}, 200, policy=policy)
    assert not stores({"cache-control": "max-age=1"}, 404, policy=policy)


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "OPTIONS", "get"])
def test_answers_to_other_methods_are_not_stored(method: str) -> None:
    assert not stores({"cache-control": "max-age=10"}, method=method)


def test_must_understand_forbids_a_status_that_nobody_knows() -> None:
    assert not stores({"cache-control": "max-age=3600, must-understand"}, 599)
    assert not stores({"cache-control": "max-age=3600, no-store, must-understand"}, 599)
    assert stores({"cache-control": "max-age=3600, no-store, must-understand"}, 302)


@pytest.mark.parametrize("vary", ["*", "*, *", ", *", "*, Foo", "Foo, *"])
def test_what_varies_by_anything_is_not_stored(vary: str) -> None:
    assert not stores({"cache-control": "max-age=10", "vary": vary})


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        ("max-age=3600", False),
        ("max-age=3600, public", True),
        ("max-age=3600, must-revalidate", True),
        ("s-maxage=3600", True),
    ],
)
def test_an_authorized_answer_is_stored_only_if_it_says_so(control: str, expected: bool) -> None:
    assert stores({"cache-control": control}, request={"authorization": "x"}) is expected


def test_a_request_may_forbid_storing() -> None:
    assert not stores({"cache-control": "max-age=1"}, request={"cache-control": "no-store"})


def test_fields_of_the_connection_and_fields_named_private_are_not_stored() -> None:
    raw = [
        *[(b"connection", b"close, A"), (b"a", b"1"), (b"keep-alive", b"x"), (b"te", b"x")],
        *[(b"cache-control", b'private="set-cookie, b", no-cache=c'), (b"b", b"2"), (b"c", b"3")],
        *[(b"set-cookie", b"s"), (b"etag", b'"x"'), (b"transfer-encoding", b"chunked")],
    ]
    control = CacheControl('private="set-cookie, b", no-cache=c')
    assert [name for name, _ in stored_headers(raw, control)] == [b"cache-control", b"etag"]


def test_a_304_replaces_what_it_names_but_not_what_describes_the_body() -> None:
    stored = [
        *[(b"a", b"1"), (b"a", b"2"), (b"b", b"1"), (b"set-cookie", b"x")],
        *[(b"content-length", b"5"), (b"content-encoding", b"gzip"), (b"content-type", b"t")],
    ]
    update = [
        *[(b"a", b"3"), (b"set-cookie", b"y"), (b"set-cookie", b"z"), (b"content-length", b"0")],
        *[(b"content-encoding", b"br"), (b"content-range", b"x"), (b"content-type", b"u")],
    ]
    assert sorted(updated_headers(stored, update)) == sorted(
        [
            *[(b"a", b"3"), (b"b", b"1"), (b"set-cookie", b"y"), (b"set-cookie", b"z")],
            *[(b"content-length", b"5"), (b"content-encoding", b"gzip"), (b"content-type", b"u")],
        ]
    )


# Freshness ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "seconds"),
    [
        ({}, 0),
        ({"cache-control": "max-age=10"}, 10),
        ({"cache-control": "max-age=10", "expires": at(20)}, 10),
        ({"cache-control": "max-age=10", "expires": "0"}, 10),
        ({"cache-control": "max-age=0", "expires": at(20)}, 0),
        ({"cache-control": "max-age=x", "expires": at(20)}, 0),
        ({"cache-control": "max-age=10, s-maxage=5"}, 5),
        ({"cache-control": "s-maxage=50, max-age=1"}, 50),
        ({"cache-control": "s-maxage=x, max-age=10"}, 0),
        ({"expires": at(20)}, 20),
        ({"expires": at(-20)}, 0),
        ({"expires": at(0)}, 0),
        ({"expires": "0"}, 0),
        ({"expires": at(20) + ", " + at(20)}, 0),
        ({"expires": at(20), "date": at(-10)}, 30),
        ({"expires": at(20), "date": at(10)}, 10),
        ({"expires": at(300), "date": at(400)}, 0),
        ({"expires": at(20), "date": "foo"}, 20),
        ({"last-modified": at(-1000)}, 100),
        ({"last-modified": at(-1000), "date": at(-500)}, 50),
        ({"last-modified": at(1000)}, 0),
        ({"last-modified": "yesterday"}, 0),
        ({"last-modified": at(-(10**9))}, 86400),
        ({"last-modified": at(-1000), "cache-control": "public"}, 100),
    ],
)
def test_freshness_lifetime(response: dict[str, str], seconds: float) -> None:
    control = response_control(response)
    assert freshness_lifetime(200, response, control, received=NOW) == seconds


def test_heuristic_freshness_is_for_statuses_that_allow_it() -> None:
    response = {"last-modified": at(-1000)}
    assert freshness_lifetime(302, response, CacheControl(None), received=NOW) == 0
    assert freshness_lifetime(302, response, CacheControl("public"), received=NOW) == 100


def test_a_policy_gives_seconds_by_status_where_the_response_says_nothing() -> None:
    policy = Policy(heuristic={200: 7200, 404: 180})
    modified = {"last-modified": at(-1000)}
    nothing, ten = CacheControl(None), CacheControl("max-age=10")
    assert freshness_lifetime(200, modified, nothing, received=NOW, policy=policy) == 7200
    assert freshness_lifetime(301, modified, nothing, received=NOW, policy=policy) == 100
    assert freshness_lifetime(404, {}, ten, received=NOW, policy=policy) == 10


@pytest.mark.parametrize(
    ("response", "age"),
    [
        ({}, 2),
        ({"age": "30"}, 32),
        ({"date": at(-20)}, 20),
        ({"date": at(-20), "age": "30"}, 32),
        ({"date": at(-50), "age": "30"}, 50),
        ({"date": at(50), "age": "30"}, 32),
        ({"date": "foo"}, 2),
        ({"age": "abc"}, 2),
        ({"age": "-7200"}, 2),
        ({"age": "7200.0"}, 2),
        ({"age": "7200,0"}, 7202),
        ({"age": "0, 7200"}, 2),
        ({"age": "9" * 30}, MAX_SECONDS + 2),
    ],
)
def test_initial_age(response: dict[str, str], age: float) -> None:
    assert initial_age(response, requested=NOW - 2, received=NOW) == age


@pytest.mark.parametrize(
    ("asked", "control", "age", "accepted"),
    [
        ("", "", 99, True),
        ("", "", 100, False),
        ("", "no-cache", 0, False),
        ("", 'no-cache="a"', 0, True),
        ("no-cache", "", 0, False),
        ("max-age=10", "", 10, True),
        ("max-age=10", "", 11, False),
        ("max-age=0", "", 1, False),
        ("max-age=x", "", 1, False),
        ("min-fresh=50", "", 49, True),
        ("min-fresh=50", "", 50, False),
        ("max-stale=10", "", 110, True),
        ("max-stale=10", "", 111, False),
        ("max-stale", "", 10**6, True),
        ("max-stale=x", "", 110, False),
        ("max-stale=10", "must-revalidate", 105, False),
        ("max-stale=10", "proxy-revalidate", 105, False),
        ("max-stale=10", "s-maxage=100", 105, False),
        ("max-stale=10, min-fresh=5", "", 105, False),
        ("max-stale=10, max-age=50", "", 105, False),
        ("only-if-cached", "", 5, True),
    ],
)
def test_what_a_request_accepts_of_a_response_fresh_for_100_seconds(
    asked: str, control: str, age: float, accepted: bool
) -> None:
    found = request_accepts(CacheControl(asked), CacheControl(control), age=age, lifetime=100)
    assert found is accepted


@pytest.mark.parametrize(
    ("control", "revalidate", "error"),
    [
        ("max-age=1", 0, 7),
        ("max-age=1, stale-while-revalidate=60", 60, 7),
        ("max-age=1, stale-if-error=60", 0, 60),
        ("max-age=1, stale-if-error=0", 0, 0),
        ("stale-while-revalidate=x, stale-if-error=x", 0, 0),
        ("stale-while-revalidate=60, stale-if-error=60, must-revalidate", 0, 0),
        ("stale-while-revalidate=60, stale-if-error=60, proxy-revalidate", 0, 0),
        ("stale-while-revalidate=60, stale-if-error=60, s-maxage=2", 0, 0),
        ("stale-while-revalidate=60, stale-if-error=60, no-cache", 0, 0),
        ('stale-while-revalidate=60, stale-if-error=60, no-cache="a"', 60, 60),
    ],
)
def test_how_long_a_stale_response_may_answer(
    control: str, revalidate: float, error: float
) -> None:
    assert stale_while_revalidate(CacheControl(control)) == revalidate
    assert stale_if_error(CacheControl(control), default=7) == error


# Variants -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vary", "fields"),
    [
        (None, ()),
        ("", ()),
        (" , ", ()),
        ("Foo", ("foo",)),
        ("foo, BAR ,,foo", ("bar", "foo")),
        ("*", None),
        (", *", None),
        ("foo, *", None),
    ],
)
def test_vary_is_a_set_of_names(vary: str | None, fields: tuple[str, ...] | None) -> None:
    assert vary_fields({} if vary is None else {"vary": vary}) == fields


def headers(*pairs: tuple[str, str]) -> Headers:
    return Headers(pairs)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (headers(), headers(), True),
        (headers(("foo", "1")), headers(("Foo", "1")), True),
        (headers(("foo", "1")), headers(("foo", "2")), False),
        (headers(("foo", "1")), headers(), False),
        (headers(("foo", "")), headers(), False),
        (headers(("foo", "1"), ("other", "2")), headers(("foo", "1"), ("other", "3")), True),
        (headers(("foo", "1, 2")), headers(("foo", "1"), ("foo", "2")), True),
        (headers(("foo", "1,2")), headers(("foo", " 1, 2 ")), True),
        (headers(("foo", "1, 2")), headers(("foo", "2, 1")), False),
        (headers(("foo", "a")), headers(("foo", "A")), False),
        (headers(("foo", '"a,b"')), headers(("foo", '"a, b"')), False),
        (headers(("foo", '"a')), headers(("foo", '"a')), True),
        (headers(("accept-language", "en, de")), headers(("accept-language", "De,eN")), True),
        (headers(("accept-language", "en;q=1")), headers(("accept-language", "en ; q=1")), True),
        (headers(("accept-language", "en, de")), headers(("accept-language", "en")), False),
    ],
)
def test_requests_match_if_the_fields_say_the_same(
    one: Headers, other: Headers, same: bool
) -> None:
    fields = ("accept-language", "foo")
    assert (vary_key(fields, one) == vary_key(fields, other)) is same


# Invalidation -------------------------------------------------------------------------------------

URL = "http://a.test/dir/x?q#f"


@pytest.mark.parametrize(
    ("method", "status", "response", "urls"),
    [
        ("POST", 200, {}, ["http://a.test/dir/x?q"]),
        ("PUT", 204, {}, ["http://a.test/dir/x?q"]),
        ("DELETE", 303, {}, ["http://a.test/dir/x?q"]),
        ("M-SEARCH", 200, {}, ["http://a.test/dir/x?q"]),
        ("POST", 404, {}, []),
        ("POST", 500, {}, []),
        ("GET", 200, {"location": "/y"}, []),
        ("HEAD", 200, {}, []),
        (
            "POST",
            201,
            {"location": "y#z", "content-location": "http://a.test:80/z"},
            ["http://a.test/dir/x?q", "http://a.test/dir/y", "http://a.test/z"],
        ),
        ("POST", 201, {"location": "?q"}, ["http://a.test/dir/x?q"]),
        ("POST", 201, {"location": "http://b.test/y"}, ["http://a.test/dir/x?q"]),
        ("POST", 201, {"location": "https://a.test/y"}, ["http://a.test/dir/x?q"]),
        ("POST", 201, {"location": "http://["}, ["http://a.test/dir/x?q"]),
    ],
)
def test_an_unsafe_method_invalidates_what_it_may_have_changed(
    method: str, status: int, response: dict[str, str], urls: list[str]
) -> None:
    assert invalidated(method, URL, status, response) == urls


def test_a_url_that_is_none_invalidates_nothing() -> None:
    assert invalidated("POST", "/x", 200, {}) == []
