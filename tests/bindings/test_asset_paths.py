"""Which file answers a path. Random trees and paths are compared in tests/bridge/test_assets.py."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from edgekit.bindings.asset_paths import (
    Found,
    HTMLHandling,
    Moved,
    NotFoundHandling,
    below,
    decode_path,
    encode_path,
    find,
    read_base,
)

AUTO, FORCE, DROP, NONE = get_args(HTMLHandling)


def answer(path: str, names: str, mode: Any = AUTO, not_found: NotFoundHandling = "none") -> str:
    """`-> /to` for a redirect, the name of the file, its status where that is not 200, or nothing."""
    files = {name: [name] for name in names.split()}
    match find(path, files, mode, not_found):
        case Moved(destination):
            return f"-> {destination}"
        case Found(file, status):
            return file[0] if status == 200 else f"{file[0]} {status}"
    return ""


# The table of the platform's documentation, for a page at /file.html and one at /folder/index.html.
PAGES = "/file.html /folder/index.html"


@pytest.mark.parametrize(
    ("path", "auto", "force", "drop", "none"),
    [
        ("/file", "/file.html", "-> /file/", "/file.html", ""),
        ("/file.html", "-> /file", "-> /file/", "-> /file", "/file.html"),
        ("/file/", "-> /file", "/file.html", "-> /file", ""),
        ("/file/index", "-> /file", "-> /file/", "-> /file", ""),
        ("/file/index.html", "-> /file", "-> /file/", "-> /file", ""),
        ("/folder", "-> /folder/", "-> /folder/", "/folder/index.html", ""),
        ("/folder.html", "-> /folder/", "-> /folder/", "-> /folder", ""),
        ("/folder/", "/folder/index.html", "/folder/index.html", "-> /folder", ""),
        ("/folder/index", "-> /folder/", "-> /folder/", "-> /folder", ""),
        ("/folder/index.html", "-> /folder/", "-> /folder/", "-> /folder", "/folder/index.html"),
        ("/none", "", "", "", ""),
        ("/none/", "", "", "", ""),
    ],
)
def test_pages(path: str, auto: str, force: str, drop: str, none: str) -> None:
    assert [answer(path, PAGES, mode) for mode in (AUTO, FORCE, DROP, NONE)] == [
        auto,
        force,
        drop,
        none,
    ]


@pytest.mark.parametrize("path", ["/index", "/index.html"])
@pytest.mark.parametrize("mode", [AUTO, FORCE, DROP])
def test_the_first_page_is_at_the_slash(path: str, mode: HTMLHandling) -> None:
    assert answer(path, "/index.html", mode) == "-> /"
    assert answer("/", "/index.html", mode) == "/index.html"
    assert answer("/", "/other.html", mode) == ""


def test_without_html_handling_a_folder_has_no_page() -> None:
    assert answer("/", "/index.html", NONE) == ""


@pytest.mark.parametrize("mode", [AUTO, FORCE, DROP])
def test_a_file_without_extension_is_served_as_it_is(mode: HTMLHandling) -> None:
    assert answer("/index", "/index /index.html", mode) == "/index"
    assert answer("/a/index", "/a/index /a/index.html", mode) == "/a/index"
    assert answer("/a", "/a /a.html", mode) == "/a"


def test_of_two_pages_for_one_path_each_stays_to_be_had() -> None:
    both = "/a.html /a/index.html"
    assert [answer(path, both, AUTO) for path in ("/a", "/a/")] == ["/a.html", "/a/index.html"]
    assert answer("/a/", both, FORCE) == "/a/index.html"
    assert answer("/a.html", both, FORCE) == "/a.html"
    assert answer("/a", both, DROP) == "/a.html"
    assert answer("/a/index.html", both, DROP) == "/a/index.html"


def test_nothing_is_redirected_to_where_another_file_lies() -> None:
    assert answer("/a.html", "/a /a.html", AUTO) == "/a.html"


def test_a_single_page_application_answers_everything() -> None:
    spa: NotFoundHandling = "single-page-application"
    assert answer("/x/y", "/index.html", NONE, spa) == "/index.html"
    assert answer("/x/y", "/other.html", NONE, spa) == ""


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/x", "/404.html"),
        ("/a/x", "/a/404.html"),
        ("/a/b/c/x", "/a/404.html"),
        ("/c/x", "/404.html"),
        ("/a", "/404.html"),
        ("/a/", "/a/404.html"),
    ],
)
def test_the_nearest_404_page_answers(path: str, page: str) -> None:
    assert answer(path, "/404.html /a/404.html", NONE, "404-page") == f"{page} 404"


def test_without_a_404_page_nothing_answers() -> None:
    assert answer("/a/x", "/b/404.html", NONE, "404-page") == ""


def test_the_404_page_itself_is_a_page() -> None:
    assert answer("/404.html", "/404.html", AUTO, "404-page") == "-> /404"
    assert answer("/404", "/404.html", AUTO, "404-page") == "/404.html"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/plain", "/plain"),
        ("/%C3%A9", "/é"),
        ("/a%2Fb", "/a/b"),
        ("//a///b", "/a/b"),
        ("/%2F%2Fa", "/a"),
        ("/%zz", "/%zz"),
        ("/%ff/%41", "/%ff/A"),
        ("/..%2f..%2fx", "/../../x"),
        ("/%5C", "/\\"),
        ("/a%00", "/a\0"),
        ("/%2541", "/%41"),
    ],
)
def test_paths_are_decoded_by_segments(path: str, name: str) -> None:
    assert decode_path(path) == name


def test_the_canonical_path_is_encoded_as_encode_uri_component_does() -> None:
    assert encode_path("/a-_.!~*'()Z9/é $&+,;=:@%") == (
        "/a-_.!~*'()Z9/%C3%A9%20%24%26%2B%2C%3B%3D%3A%40%25"
    )


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("/", ""),
        ("/./", ""),
        ("..", ""),
        ("docs", "/docs"),
        ("/docs", "/docs"),
        ("/docs/", "/docs"),
        ("./docs", "/docs"),
        ("../../docs", "/docs"),
        ("/a//b", "/a/b"),
        ("/a/./b/../c", "/a/c"),
        ("/a/b:c", "/a/b:c"),
        ("/1a:b", "/1a:b"),
        ("/café/naïve", "/café/naïve"),
    ],
)
def test_a_base_is_a_path_from_the_root(text: str, base: str) -> None:
    assert read_base(text) == base


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is empty"),
        ("https://x.com/docs", "is a URL"),
        ("data:text", "is a URL"),
        ("//x.com/docs", "is a URL"),
        ("/a\\b", "has a backslash"),
        ("/docs?lang=en", "has a query"),
        ("/docs#intro", "or a fragment"),
        ("/docs%2Fapi", "is percent-encoded"),
        ("/docs\x01api", "has a control character"),
        ("/docs\x7f", "has a control character"),
    ],
)
def test_what_is_no_base(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        read_base(text)


def test_what_lies_below_a_base() -> None:
    assert below("/a/b", "") == "/a/b"
    assert below("/docs", "/docs") == below("/docs/", "/docs") == "/"
    assert below("/docs/a/", "/docs") == "/a/"
    assert below("/docs-other/a", "/docs") is below("/", "/docs") is below("/a", "/docs") is None
