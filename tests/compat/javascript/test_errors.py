"""Errors of edgekit are JsExceptions too, for those who look for them."""

from __future__ import annotations

import copy
import pickle

import pytest

from edgekit import errors
from edgekit.compat.javascript.errors import (
    AggregateError,
    DOMException,
    Error,
    JsException,
    RangeError,
    thrown,
)

ERRORS = [
    (errors.KVTypeError("x", code=400), "TypeError", "x"),
    (errors.KVError("x"), "Error", "x"),
    (errors.R2RangeError("x"), "RangeError", "x"),
    (errors.D1Error("D1_ERROR: x", code="SQLITE_ERROR"), "Error", "D1_ERROR: x"),
    (errors.WebTypeError("x"), "TypeError", "x"),
    (errors.WebRangeError("x"), "RangeError", "x"),
    (errors.WebSyntaxError("x"), "SyntaxError", "x"),
    (errors.DataCloneError("x"), "DataCloneError", "x"),
    (errors.AbortError("x"), "AbortError", "x"),
    (errors.AbortTimeout("x"), "TimeoutError", "x"),
    (errors.HTTPError(400, {"error": "x", "path": "$"}), "TypeError", "x"),
    (errors.AiError("x"), "InferenceUpstreamError", "x"),
    (errors.FetchError("x", url="u"), "Error", "x"),
]


@pytest.mark.parametrize(("error", "name", "message"), ERRORS, ids=lambda value: str(value)[:30])
def test_an_error_of_edgekits_is_both(error: errors.EdgekitError, name: str, message: str):
    kind, args = type(error), error.args
    seen = thrown(error)
    assert isinstance(seen, JsException)
    assert isinstance(seen, kind)
    assert (seen.name, seen.message, str(seen)) == (name, message, f"{name}: {message}")
    assert seen.args == args
    assert thrown(seen) is seen
    assert seen.stack.startswith(str(seen))


def test_errors_of_the_projects_own_code_stay_what_they_are():
    with pytest.raises(TypeError) as caught:
        exec("raise TypeError('mine')", {"__name__": "main"})
    assert thrown(caught.value) is caught.value
    assert not isinstance(caught.value, JsException)


def test_an_error_is_made_of_a_message_or_of_a_name_too():
    assert (JsException("m").name, JsException("TypeError", "m").name) == ("Error", "TypeError")
    assert str(Error.new()) == "Error"
    assert isinstance(RangeError.new("x"), JsException)
    assert DOMException.new("m", "AbortError").code == 20
    assert DOMException.new("m", "Odd").code == 0
    assert len(AggregateError.new([Error.new("a")], "m").errors) == 1


def test_an_error_can_be_copied():
    error = pickle.loads(pickle.dumps(JsException("TypeError", "m")))
    assert str(copy.copy(error)) == "TypeError: m"
