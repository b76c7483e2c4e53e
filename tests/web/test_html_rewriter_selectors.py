"""The selectors of HTMLRewriter: what matches, and the platform's texts for what is none."""

from __future__ import annotations

from typing import Any

import pytest

from edgekit import HTMLRewriter, Response
from edgekit.errors import WebTypeError

PAGE = """\
<div id=1><p id=2 class="a b" title="TeXt" type=TEXT lang=en-US data-x=""><b id=3></b></p>
<p id=4 class=A></p><i id=5></i><p id=6 class=c hidden></p></div>
<div id=7><div id=8><b id=9><i id=10></i></b></div></div>
<ul id=11><li id=12><li id=13></li></li></ul><a-b id=14>"""


# tests/bridge/test_html_rewriter.py asks the real platform the same.
MATCHES: list[tuple[str, list[int]]] = [
    ("P", [2, 4, 6]),
    ("a-b", [14]),
    (r"\70", [2, 4, 6]),
    (r"\p", [2, 4, 6]),
    ("*|p", [2, 4, 6]),
    ("*|*.a", [2]),
    ("|p", []),
    ("p , a-b", [2, 4, 6, 14]),
    ("p/**/ , /* x */ a-b", [2, 4, 6, 14]),
    (".a", [2]),
    (".A", [4]),
    ("p.a.b", [2]),
    ("#\\32", [2]),
    ("p[title]", [2]),
    ("[TITLE]", []),
    ("[title=TeXt]", [2]),
    ("[title=text]", []),
    ("[title = 'text' i]", [2]),
    ("[type=text]", [2]),
    ("[type=text S]", []),
    ("[class~=b]", [2]),
    ("[class~='']", []),
    ("[class~='a b']", []),
    ("[lang|=en]", [2]),
    ("[lang|=e]", []),
    ("[title^=Te]", [2]),
    ("[title^='']", [2]),
    ('[title$="Xt"]', [2]),
    ("[title*=eX]", [2]),
    ("[|hidden]", [6]),
    ("[data-x='']", [2]),
    ("[hidden", [6]),
    ("p[title='TeXt", [2]),
    ("p:not(.a)", [4, 6]),
    (":NOT(p):not(div):not(b, i)", [11, 12, 13, 14]),
    ("p:not(.a.c)", [4]),
    ("p:not(div p)", []),
    ("p:not(:not(.a))", [2, 4, 6]),
    ("p:not(*)", []),
    ("p:first-child", [2]),
    ("p:nth-child(2)", [4]),
    ("p:nth-child( 2n + 2 )", [4, 6]),
    ("div > :nth-child(odd)", [2, 5, 8, 9]),
    ("div > :nth-child(even)", [4, 6]),
    ("div > p:nth-child(-n+2)", [2, 4]),
    ("div > :nth-child(n+3)", [5, 6]),
    ("i:first-of-type", [5, 10]),
    ("p:nth-of-type(3)", [6]),
    ("div i", [5, 10]),
    ("div > i", [5]),
    ("div div>b > i", [10]),
    ("div div i", [10]),
    ("div b i, div i", [5, 10]),
    ("li li", [13]),
    ("ul > li", [12]),
    ("é", []),
    ("--p", []),
]

REFUSED: list[tuple[list[str], str]] = [
    (
        ["", "  ", "> p", ".1a", "#", "#1", "p,", "a,,b", "p(", "@a", "$", "5", "<p>", "-1"],
        "The selector is empty.",
    ),
    (["p:not()", "p,5", "*|"], "The selector is empty."),
    (["p >", "p > > q", "p 5"], "Dangling combinator in selector."),
    (["p + q"], "Unsupported combinator `+` in selector."),
    (["p ~ q", "p~q"], "Unsupported combinator `~` in selector."),
    (
        ["p:last-child", "p:hover", "p::before", "p:is(a)", "p:has(a)", ":root", ":empty"],
        "Unsupported pseudo-class or pseudo-element in selector.",
    ),
    (
        ["p:first-child()", "p:nth-child", "p:nth-last-child(1)", "p:not"],
        "Unsupported pseudo-class or pseudo-element in selector.",
    ),
    (
        ["p!", "p{", "p)", "p/**/q", "p:nth-child(x)", "p:nth-child(2 of a)", "p:not(a]"],
        "Unexpected token in selector.",
    ),
    (["p[a=b x]", "p.1", "p[a=b i j]"], "Unexpected token in selector."),
    (
        ["p[", "p[]", "p[a=", "p[a=]", ".", "p:", "p::", "p:nth-child(", "p:nth-of-type( "],
        "Unexpected end of selector.",
    ),
    (["p[a==b]", "p[a=1]", "p[a b]"], "Unexpected token in the attribute selector."),
    (["p['a']"], "Missing attribute name in attribute selector."),
    (["p..a"], "Invalid or unescaped class name in selector."),
    (
        ["ns|p", "p[ns|a]", "p[*|a]", "[TITLE=x]"],
        "Selectors with explicit namespaces are not supported.",
    ),
]


async def matched(selector: str) -> list[int]:
    found: list[int] = []
    rewriter = HTMLRewriter().on(
        selector, element=lambda it: found.append(int(it.get_attribute("id")))
    )
    await rewriter.transform(Response(PAGE)).text()
    return found


@pytest.mark.parametrize(("selector", "expected"), MATCHES)
async def test_a_selector_matches(selector: str, expected: list[int]) -> None:
    assert await matched(selector) == expected


@pytest.mark.parametrize(("selectors", "message"), REFUSED)
def test_what_is_no_selector_here_is_refused(selectors: list[str], message: str) -> None:
    for selector in selectors:
        with pytest.raises(WebTypeError) as caught:
            HTMLRewriter().on(selector, element=print)
        assert str(caught.value) == f"Parser error: {message}", selector


async def test_attribute_values_have_case_in_svg() -> None:
    found: list[Any] = []
    rewriter = HTMLRewriter().on("[type=a]", element=lambda it: found.append(it.tag_name))
    await rewriter.transform(Response("<svg type=A></svg><svg type=a></svg><b type=A>")).text()
    assert found == ["svg", "b"]
