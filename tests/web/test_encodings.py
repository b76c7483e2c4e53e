"""The labels of the web's encodings, and what bytes mean in them."""

from __future__ import annotations

import codecs

import pytest

from edgekit.web.encodings import REFUSE, REPLACE, _labels, encoding_of


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("utf8", "utf-8"),
        (" UTF-8\n", "utf-8"),
        ("ascii", "windows-1252"),
        ("latin1", "windows-1252"),
        ("ISO-8859-1", "windows-1252"),
        ("iso_8859-2", "iso-8859-2"),
        ("l9", "iso-8859-15"),
        ("iso88599", "windows-1254"),
        ("iso-8859-8-i", "iso-8859-8-i"),
        ("sjis", "shift_jis"),
        ("ks_c_5601-1987", "euc-kr"),
        ("gb2312", "gbk"),
        ("unicode", "utf-16le"),
        ("utf-16", "utf-16le"),
    ],
)
def test_labels_are_those_of_the_standard(label: str, name: str) -> None:
    found = encoding_of(label)
    assert found is not None
    assert found[0] == name


# Python has codecs of these names.
@pytest.mark.parametrize(
    "label",
    [
        "",
        "bogus",
        "utf-7",
        "utf-32",
        "rot13",
        "hex",
        "idna",
        "cp500",
        "utf_8",
        "iso8859-16",
        "mbcs",
    ],
)
def test_other_names_are_none(label: str) -> None:
    assert encoding_of(label) is None


def test_each_label_has_a_codec() -> None:
    assert len(_labels()) == 221
    for name, codec in _labels().values():
        assert codecs.lookup(codec), name


@pytest.mark.parametrize(
    ("label", "data", "text"),
    [
        ("latin1", b"\x80\x81\xe9", "\u20ac\x81\xe9"),
        ("windows-1253", b"\xaa\x81", "\ufffd\x81"),
        ("shift_jis", b"\x82\xa0\\~", "\u3042\\~"),
        ("gbk", b"\x80\xc4\xe3\xff", "\u20ac\u4f60\ufffd"),
        ("utf-8", b"\xf0\x9f\x98A", "\ufffdA"),
    ],
)
def test_bytes_without_a_character_of_python(label: str, data: bytes, text: str) -> None:
    found = encoding_of(label)
    assert found is not None
    assert data.decode(found[1], REPLACE) == text
    if "\ufffd" not in text:
        assert data.decode(found[1], REFUSE) == text
        return
    with pytest.raises(UnicodeDecodeError):
        data.decode(found[1], REFUSE)


def test_the_handlers_are_for_reading() -> None:
    for errors in (REPLACE, REFUSE):
        with pytest.raises(UnicodeEncodeError):
            "\u20ac".encode("iso8859-2", errors)
