"""The encodings of the web: the labels that name them, and Python's codec for each. WHATWG Encoding, 4.2.

UTF-8 is by far the most of the web; the others are for old pages and files. "x-user-defined" and
"replacement" are left out: nobody reads text by them.
"""

from __future__ import annotations

import codecs
import functools

_UTF_8 = "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf8 x-unicode20utf8"
# Name -> Python's codec, and its labels but for the name itself.
_ENCODINGS = {
    "utf-8": ("utf-8", _UTF_8),
    "ibm866": ("cp866", "866 cp866 csibm866"),
    "iso-8859-2": ("iso8859-2", "csisolatin2 iso-ir-101 iso_8859-2:1987 l2 latin2"),
    "iso-8859-3": ("iso8859-3", "csisolatin3 iso-ir-109 iso_8859-3:1988 l3 latin3"),
    "iso-8859-4": ("iso8859-4", "csisolatin4 iso-ir-110 iso_8859-4:1988 l4 latin4"),
    "iso-8859-5": ("iso8859-5", "csisolatincyrillic cyrillic iso-ir-144 iso_8859-5:1988"),
    "iso-8859-6": (
        "iso8859-6",
        "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6-e iso-8859-6-i "
        "iso-ir-127 iso_8859-6:1987",
    ),
    "iso-8859-7": (
        "iso8859-7",
        "csisolatingreek ecma-118 elot_928 greek greek8 iso-ir-126 iso_8859-7:1987 sun_eu_greek",
    ),
    "iso-8859-8": (
        "iso8859-8",
        "csiso88598e csisolatinhebrew hebrew iso-8859-8-e iso-ir-138 iso_8859-8:1988 visual",
    ),
    "iso-8859-8-i": ("iso8859-8", "csiso88598i logical"),
    "iso-8859-10": ("iso8859-10", "csisolatin6 iso-ir-157 l6 latin6"),
    "iso-8859-13": ("iso8859-13", ""),
    "iso-8859-14": ("iso8859-14", ""),
    "iso-8859-15": ("iso8859-15", "csisolatin9 l9"),
    "iso-8859-16": ("iso8859-16", ""),
    "koi8-r": ("koi8-r", "cskoi8r koi koi8 koi8_r"),
    "koi8-u": ("koi8-u", "koi8-ru"),
    "macintosh": ("mac-roman", "csmacintosh mac x-mac-roman"),
    "windows-874": ("cp874", "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620"),
    "windows-1250": ("cp1250", "cp1250 x-cp1250"),
    "windows-1251": ("cp1251", "cp1251 x-cp1251"),
    "windows-1252": (
        "cp1252",
        "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 "
        "iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii x-cp1252",
    ),
    "windows-1253": ("cp1253", "cp1253 x-cp1253"),
    "windows-1254": (
        "cp1254",
        "cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 "
        "latin5 x-cp1254",
    ),
    "windows-1255": ("cp1255", "cp1255 x-cp1255"),
    "windows-1256": ("cp1256", "cp1256 x-cp1256"),
    "windows-1257": ("cp1257", "cp1257 x-cp1257"),
    "windows-1258": ("cp1258", "cp1258 x-cp1258"),
    "x-mac-cyrillic": ("mac-cyrillic", "x-mac-ukrainian"),
    "gbk": (
        "gb18030",
        "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 iso-ir-58 x-gbk",
    ),
    "gb18030": ("gb18030", ""),
    "big5": ("big5hkscs", "big5-hkscs cn-big5 csbig5 x-x-big5"),
    "euc-jp": ("euc_jp", "cseucpkdfmtjapanese x-euc-jp"),
    "iso-2022-jp": ("iso2022_jp", "csiso2022jp"),
    "shift_jis": ("cp932", "csshiftjis ms932 ms_kanji shift-jis sjis windows-31j x-sjis"),
    "euc-kr": (
        "cp949",
        "cseuckr csksc56011987 iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 "
        "windows-949",
    ),
    "utf-16be": ("utf-16-be", "unicodefffe"),
    "utf-16le": (
        "utf-16-le",
        "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16",
    ),
}


@functools.cache
def _labels() -> dict[str, tuple[str, str]]:
    labels = {}
    for name, (codec, others) in _ENCODINGS.items():
        labels[name] = (name, codec)
        for label in others.split():
            labels[label] = (name, codec)
        number = name.removeprefix("iso-8859-")
        if number.isdigit() and number != "16":
            labels[f"iso8859-{number}"] = labels[f"iso8859{number}"] = (name, codec)
            if len(number) == 1 or number == "15":
                labels[f"iso_8859-{number}"] = (name, codec)
    return labels


def encoding_of(label: str) -> tuple[str, str] | None:
    """The encoding that a label names, and Python's codec for it; None for a label of none."""
    return _labels().get(label.strip("\t\n\f\r ").lower())


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """Where a table of Python's has a gap, the web has a control character below 0xA0, else none.

    The euro sign of GBK is a gap, too.
    """
    if not isinstance(error, UnicodeDecodeError):
        raise error
    byte = error.object[error.start]
    if error.encoding == "gb18030" and byte == 0x80:
        return "\u20ac", error.start + 1
    gap = error.encoding == "charmap" and byte < 0xA0
    return (chr(byte) if gap else "\ufffd"), error.start + 1 if gap else error.end


def _refused(error: UnicodeError) -> tuple[str, int]:
    """As `_replaced`, but for those that are no character."""
    text, end = _replaced(error)
    if text == "\ufffd":
        raise error
    return text, end


# Names of error handlers for `codecs`: what is no text becomes U+FFFD, or is an error.
REPLACE, REFUSE = "edgekit-web-replace", "edgekit-web-refuse"
codecs.register_error(REPLACE, _replaced)
codecs.register_error(REFUSE, _refused)
