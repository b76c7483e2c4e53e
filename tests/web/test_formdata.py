"""FormData, and forms read and written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit import host
from edgekit.errors import WebRangeError, WebSyntaxError, WebTypeError
from edgekit.testing.clock import ManualClock
from edgekit.web.blob import CHUNK, Blob, File, Spool
from edgekit.web.formdata import FormData, encode_form, parse_form

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"


async def chunks(data: bytes, size: int = 1 << 16) -> AsyncIterator[bytes]:
    for i in range(0, len(data), size):
        yield data[i : i + size]


def multipart(*parts: str | bytes) -> bytes:
    """A body of parts that are given as head and content, with \\n for CRLF in heads."""
    body = b""
    for part in parts:
        data = part if isinstance(part, bytes) else part.replace("\n", "\r\n").encode()
        body += b"--b\r\nContent-Disposition: form-data; " + data + b"\r\n"
    return body + b"--b--\r\n"


async def parse(body: bytes, content_type: str = MULTIPART, **limits: Any) -> FormData:
    return await parse_form(content_type, chunks(body), **limits)


async def read(form: FormData) -> list[Any]:
    return [
        (name, v if isinstance(v, str) else (v.name, v.type, await v.bytes()))
        for name, v in form.items()
    ]


# FormData ---------------------------------------------------------------------------------------


def test_form_is_a_list_of_pairs() -> None:
    form = FormData({"a": "1", "n": 2})
    form.append("a", "3")
    assert form["a"] == form.get("a") == "1"
    assert form.get_all("a") == ["1", "3"]
    assert list(form) == ["a", "n", "a"]
    assert list(form.values()) == ["1", "2", "3"]
    assert len(form) == 3
    assert form.get("x") is None
    with pytest.raises(KeyError):
        form["x"]
    form.set("a", "x")
    form["b"] = "y"
    form.delete("n")
    assert list(form.items()) == [("a", "x"), ("b", "y")]
    assert form == FormData([("a", "x"), ("b", "y")])


def test_blob_becomes_a_file_and_a_file_stays_itself() -> None:
    form = FormData()
    file = File(["x"], "n.txt", "text/plain", last_modified=5)
    form.append("a", Blob(["x"], type="a/b"))
    form.append("a", file)
    form.append("a", file, "other.txt")
    form.append("a", Blob(["x"]), filename="")
    first, second, third, fourth = form.get_all("a")
    assert isinstance(first, File)
    assert (first.name, first.type) == ("blob", "a/b")
    assert second is file
    assert isinstance(third, File)
    assert (third.name, third.type, third.last_modified) == ("other.txt", "text/plain", 5)
    assert isinstance(fourth, File)
    assert fourth.name == ""


@pytest.mark.parametrize(
    ("value", "filename"), [("x", "n"), (b"x", None), (None, None), (1.5, None)]
)
def test_value_that_is_no_text_and_no_blob_is_a_type_error(value: Any, filename: Any) -> None:
    with pytest.raises(WebTypeError):
        FormData().append("a", value, filename)


# Reading ----------------------------------------------------------------------------------------


async def test_urlencoded_form_is_read() -> None:
    form = await parse(b"a=1&b=hello+w%C3%B6rld&a=%FF", f"{URLENCODED}; charset=UTF-8")
    assert list(form.items()) == [("a", "1"), ("b", "hello wörld"), ("a", "\ufffd")]
    assert len(await parse(b"", URLENCODED)) == 0


@pytest.mark.parametrize("charset", ["utf-8", '"UTF-8"', "utf8", "unicode-1-1-utf-8"])
async def test_urlencoded_form_may_say_that_it_is_utf_8(charset: str) -> None:
    form = await parse("a=\xfc".encode(), f"{URLENCODED};charset={charset}; x=y")
    assert form["a"] == "\xfc"


@pytest.mark.parametrize("charset", ["big5", "iso-8859-1", "utf-16", "no-such"])
async def test_urlencoded_form_of_another_charset_is_a_syntax_error(charset: str) -> None:
    with pytest.raises(WebSyntaxError, match="Non-utf-8"):
        await parse(b"a=1", f"{URLENCODED}; Charset={charset}")


async def test_no_file_chosen_is_text() -> None:
    head = 'name="a"; filename=""\nContent-Type: application/octet-stream\n\n'
    form = await parse(multipart(head, head + "xyz"), max_files=0)
    assert form.get_all("a") == ["", "xyz"]


async def test_multipart_form_is_read() -> None:
    with host.use_clock(ManualClock(now=5)):
        form = await parse(
            multipart(
                'name="text"\n\nhellö',
                'name="file"; filename="a.txt"\nContent-Type: Text/Plain; charset=x\n\none\n',
                'name="file"; filename=""\nContent-Type: application/octet-stream\n\n',
                'name="bare"; filename="b"\n\nx',
                b'name="broken"\r\n\r\n\xff',
            )
        )
    assert await read(form) == [
        ("text", "hellö"),
        ("file", ("a.txt", "text/plain; charset=x", b"one\r\n")),
        ("file", ""),
        ("bare", ("b", "text/plain", b"x")),
        ("broken", "\ufffd"),
    ]
    file = form["bare"]
    assert isinstance(file, File)
    assert file.last_modified == 5000


@pytest.mark.parametrize("size", [1, 2, 7, 40])
async def test_how_the_body_is_cut_does_not_matter(size: int) -> None:
    body = multipart('name="a"\n\n1\n--c', 'name="f"; filename="n"\n\n\n-b\n--\n', 'name="z"\n\n')
    body = b"preamble\r\n" + body + b"epilogue"
    whole = await read(await parse_form(MULTIPART, chunks(body)))
    assert await read(await parse_form(MULTIPART, chunks(body, size))) == whole


async def test_epilogue_is_read_to_its_end() -> None:
    seen = []

    async def body() -> AsyncIterator[bytes]:
        for chunk in (multipart('name="a"\n\n1'), b"", b"--b", b"more"):
            seen.append(chunk)
            yield chunk

    assert list(await parse_form(MULTIPART, body())) == ["a"]
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("disposition", "name", "filename"),
    [
        ('name="a%22b%0D%0Ac"; filename="%22.txt"', 'a"b\r\nc', '".txt'),
        ('name="ü"; filename="ß"', "ü", "ß"),
        ("name=a; filename=b", "a", "b"),
        (r'name="a\"b"; filename="c"', 'a"b', "c"),
        ("name=\"a\"; filename*=UTF-8''%e2%82%ac.txt", "a", "€.txt"),
        ('name="a"; filename="x"; filename*=UTF-8\'\'y', "a", "x"),
        ('filename="f"; name=""', "", "f"),
        ('\tname="a"\t;\tfilename="f\tg"', "a", "f\tg"),
    ],
)
async def test_names_are_read_as_browsers_write_them(
    disposition: str, name: str, filename: str
) -> None:
    form = await parse(multipart(f"{disposition}\n\nx"))
    [(found, value)] = form.items()
    assert isinstance(value, File)
    assert (found, value.name) == (name, filename)


@pytest.mark.parametrize(
    "content_type",
    [
        'multipart/form-data; boundary="b"',
        "Multipart/Form-Data; charset=x; BOUNDARY=b",
        "multipart/form-data;boundary=b;charset=x",
    ],
)
async def test_boundary_is_found(content_type: str) -> None:
    assert (await parse(multipart('name="a"\n\n1'), content_type))["a"] == "1"


@pytest.mark.parametrize(
    ("content_type", "message"),
    [
        ("", "requires a Content-Type"),
        ("application/json", "Unrecognized Content-Type"),
        ("multipart/mixed; boundary=b", "Unrecognized Content-Type"),
        ("multipart/form-data", "No boundary"),
        ("multipart/form-data; boundary=", "No boundary"),
        ('multipart/form-data; boundary=""', "No boundary"),
        ("multipart/form-data; boundary=" + "x" * 71, "1 to 70"),
        ("multipart/form-data; boundary=é", "1 to 70"),
    ],
)
async def test_other_content_type_is_a_syntax_error(content_type: str, message: str) -> None:
    with pytest.raises(WebSyntaxError, match=message):
        await parse(multipart('name="a"\n\n1'), content_type)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "end of multipart"),
        (b"--b\r\n", "end of multipart"),
        (multipart('name="a"\n\n1')[:-6], "end of multipart"),
        (b"--x--\r\n", "end of multipart"),
        (b"--b\r\nX: y\r\n\r\n1\r\n--b--", "Content-Disposition"),
        (
            b"--b\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--b--",
            "Content-Disposition",
        ),
        (b"--b\r\nnot a header\r\n\r\n1\r\n--b--", "header"),
        (b"--b\nContent-Disposition: form-data; name=a\n\n1\n--b--", "line break"),
        (multipart("filename=x\n\n1"), "missing a name"),
        (multipart(b'name="\xff"\r\n\r\n1'), "decode"),
    ],
)
async def test_malformed_multipart_is_a_syntax_error(body: bytes, message: str) -> None:
    with pytest.raises(WebSyntaxError, match=message):
        await parse(body)


FIELDS = multipart('name="a"\n\n1234', 'name="b"\n\n5678')
FILES = multipart('name="a"; filename="x"\n\n1', 'name="a"; filename="y"\n\n2')


@pytest.mark.parametrize(
    ("body", "content_type", "limits"),
    [
        (FIELDS, MULTIPART, {"max_fields": 2}),
        (FIELDS, MULTIPART, {"max_field_bytes": 4}),
        (FIELDS, MULTIPART, {"max_text_bytes": 8}),
        (FILES, MULTIPART, {"max_files": 2}),
        (b"a=1&b=2", URLENCODED, {"max_fields": 2}),
        (b"a=1&b=2", URLENCODED, {"max_text_bytes": 7}),
    ],
)
async def test_limits_are_kept_and_what_exceeds_them_is_a_range_error(
    body: bytes, content_type: str, limits: dict[str, int]
) -> None:
    await parse(body, content_type, **limits)
    with pytest.raises(WebRangeError):
        await parse(body, content_type, **{name: limit - 1 for name, limit in limits.items()})


async def test_many_empty_pairs_are_refused_before_they_are_split() -> None:
    with pytest.raises(WebRangeError, match="more than 10 fields"):
        await parse(b"&" * 21, URLENCODED, max_fields=10)


async def test_endless_header_is_a_range_error() -> None:
    with pytest.raises(WebRangeError, match="header"):
        await parse(b"--b\r\nX: " + b"y" * 10_000)


async def test_files_count_neither_as_fields_nor_as_text() -> None:
    form = await parse(FILES, max_fields=0, max_field_bytes=0, max_text_bytes=0)
    assert len(form) == 2


async def test_large_files_share_one_file_on_disk() -> None:
    big = b"x" * 700_000
    form = await parse(
        multipart(
            b'name="a"; filename="1"\r\n\r\n' + big + b"1",
            'name="t"\n\nbetween',
            b'name="b"; filename="2"\r\n\r\n' + big + b"2",
        )
    )
    one, two = form["a"], form["b"]
    assert isinstance(one, File)
    assert isinstance(two, File)
    spool: Any = two._slices[0].source
    assert isinstance(spool, Spool)
    assert one._slices[0].source is spool
    assert getattr(spool._file, "_rolled")  # noqa: B009
    assert await one.bytes() == big + b"1"
    assert await two.bytes() == big + b"2"


# Writing ----------------------------------------------------------------------------------------


def test_form_is_written_as_browsers_do() -> None:
    form = FormData(
        [("a\n", "1\r2"), ('"', File(["x\n"], '"\r\n', "text/plain")), ("b", Blob(["y"]))]
    )
    content_type, parts, size = encode_form(form, "B")
    body = b"".join(part if isinstance(part, bytes) else part._read() for part in parts)
    assert content_type == "multipart/form-data; boundary=B"
    assert size == len(body)
    assert body == (
        b"--B\r\n"
        b'Content-Disposition: form-data; name="a%0D%0A"\r\n\r\n'
        b"1\r\n2\r\n"
        b"--B\r\n"
        b'Content-Disposition: form-data; name="%22"; filename="%22%0D%0A"\r\n'
        b"Content-Type: text/plain\r\n\r\n"
        b"x\n\r\n"
        b"--B\r\n"
        b'Content-Disposition: form-data; name="b"; filename="blob"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n"
        b"y\r\n"
        b"--B--\r\n"
    )


def test_each_form_has_a_boundary_of_its_own() -> None:
    one, two = (encode_form(FormData())[0] for _ in range(2))
    assert one != two
    assert len(one.partition("boundary=")[2]) <= 70


async def test_form_as_a_body_is_bytes_when_small_and_a_stream_when_large() -> None:
    small, content_type = FormData({"a": "1"})._as_body()
    assert isinstance(small, bytes)
    assert (await parse(small, content_type))["a"] == "1"
    large, content_type = FormData([("f", Blob([b"x" * CHUNK])), ("a", "1")])._as_body()
    assert not isinstance(large, bytes)
    form = await parse_form(content_type, large)
    assert form["a"] == "1"
    assert isinstance(form["f"], File)
    assert form["f"].size == CHUNK


# Of what looks like a Windows path, the parser takes the last part; the "nn" below avoids that.
text = st.text(st.sampled_from("ab\"=;: \\\u20ac-'*"), max_size=12)


@given(
    st.lists(st.tuples(text, text | st.tuples(text, st.binary(max_size=12))), max_size=5),
    st.integers(1, 99),
)
async def test_form_survives_being_written_and_read(
    entries: list[tuple[str, Any]], size: int
) -> None:
    form = FormData(
        (name, value if isinstance(value, str) else File([value[1]], "nn" + value[0], "a/b"))
        for name, value in entries
    )
    content_type, parts, _ = encode_form(form)
    body = b"".join(part if isinstance(part, bytes) else part._read() for part in parts)
    assert await read(await parse_form(content_type, chunks(body, size))) == await read(form)


@given(
    st.lists(
        st.sampled_from(
            [
                b"--b",
                b"--b--",
                b"\r\n",
                b"\n",
                b"Content-Disposition: form-data; ",
                b'name="a"',
                b"; filename=x",
                b"; filename*=utf-8''%ff",
                b"Content-Type: ",
                b"x",
                b"\xff",
                b"\0",
                b" ",
            ]
        ),
        max_size=14,
    ),
    st.integers(1, 20),
)
async def test_any_bytes_are_a_form_or_a_declared_error(pieces: list[bytes], size: int) -> None:
    body = b"".join(pieces)
    for content_type in (MULTIPART, URLENCODED):
        try:
            form = await parse_form(content_type, chunks(body, size))
        except (WebSyntaxError, WebRangeError):
            continue
        await read(form)
