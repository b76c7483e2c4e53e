"""Two spellings, one mechanism."""

from __future__ import annotations

from typing import Any

import pytest

from edgekit.web.spelling import Plain, Spelled, camel, options, snake


@pytest.mark.parametrize(
    ("python", "platform"),
    [
        ("get", "get"),
        ("get_with_metadata", "getWithMetadata"),
        ("expiration_ttl", "expirationTtl"),
        ("http_etag", "httpEtag"),
        ("is_eu_country", "isEuCountry"),
        ("to_json2", "toJson2"),
    ],
)
def test_snake_and_camel(python: str, platform: str) -> None:
    assert (snake(platform), camel(python)) == (python, platform)
    assert (snake(python), camel(platform)) == (python, platform)


class Thing(Spelled):
    __slots__ = ("some_value",)

    def do_it(self) -> int:
        return 1

    @options
    def put(
        self, key: str, value: Any, some_option: int = 0, *, other_option: int = 0, plain: int = 0
    ) -> tuple[Any, ...]:
        """The docstring."""
        return key, value, some_option, other_option, plain


def test_attributes_in_camel_case() -> None:
    thing = Thing()
    thing.some_value = 5
    assert (thing.doIt(), thing.someValue) == (1, 5)


@pytest.mark.parametrize("name", ["nothing", "noThing", "no_thing", "__noThing__", "doit"])
def test_an_attribute_that_is_not_there(name: str) -> None:
    assert not hasattr(Thing(), name)
    with pytest.raises(AttributeError, match="'Thing' object has no attribute"):
        getattr(Thing(), name)


def test_a_slot_without_value_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError):
        Thing().someValue  # noqa: B018


@pytest.mark.parametrize(
    ("args", "kwargs", "expected"),
    [
        (("k", "v"), {}, (0, 0, 0)),
        (("k", "v"), {"some_option": 1, "other_option": 2}, (1, 2, 0)),
        (("k", "v"), {"someOption": 1, "otherOption": 2}, (1, 2, 0)),
        (("k", "v", {"someOption": 1, "otherOption": 2}), {}, (1, 2, 0)),
        (("k", "v", {"some_option": 1, "other_option": 2}), {}, (1, 2, 0)),
        (("k", "v", {"some_option": 1}), {"otherOption": 2}, (1, 2, 0)),
        (("k", "v", {"someOption": 1}), {"some_option": 2}, (2, 0, 0)),
        (("k", "v", 7), {"plain": 3}, (7, 0, 3)),
        (("k", "v", 7, {"plain": 3}), {}, (7, 0, 3)),
        (("k", "v", {}), {}, (0, 0, 0)),
        (("k", "v", 7, None), {}, (7, 0, 0)),
        (("k", "v", {"nobodyKnowsThis": 1}), {}, (0, 0, 0)),
    ],
)
def test_options_as_keywords_or_one_dict(args, kwargs, expected) -> None:
    assert Thing().put(*args, **kwargs) == ("k", "v", *expected)


def test_a_dict_in_a_required_place_is_the_value() -> None:
    assert Thing().put("k", {"someOption": 1}) == ("k", {"someOption": 1}, 0, 0, 0)


def test_required_arguments_by_name() -> None:
    assert Thing().put(key="k", value={"a": 1}, plain=1) == ("k", {"a": 1}, 0, 0, 1)


def test_an_unknown_keyword_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="nobody_knows_this"):
        Thing().put("k", "v", nobodyKnowsThis=1)


def test_the_dict_is_not_changed() -> None:
    given = {"someOption": 1}
    Thing().put("k", "v", given)
    assert given == {"someOption": 1}


def test_options_keeps_name_and_docstring() -> None:
    assert (Thing.put.__name__, Thing.put.__doc__) == ("put", "The docstring.")


def test_plain_is_a_dict_with_attributes_in_either_spelling() -> None:
    plain = Plain({"listComplete": True, "cache_status": None, "name": "x"})
    assert plain == {"listComplete": True, "cache_status": None, "name": "x"}
    assert plain.listComplete is plain.list_complete is plain["listComplete"] is True
    assert plain.cacheStatus is plain.cache_status is None
    assert plain.name == "x"


def test_plain_without_that_key_is_an_attribute_error() -> None:
    assert not hasattr(Plain(), "a")
    assert getattr(Plain(), "someThing", 1) == 1


def test_plain_takes_attributes() -> None:
    plain = Plain()
    plain.a = 1
    assert plain == {"a": 1}
