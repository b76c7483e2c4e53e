"""What `isinstance` tells by the names of `pyodide.ffi`, and crypto without its package."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import pytest

from edgekit.compat.convert import Date
from edgekit.compat.http import Request as SdkRequest
from edgekit.compat.javascript import kinds
from edgekit.compat.javascript.arrays import Uint8Array
from edgekit.compat.javascript.convert import native, view
from edgekit.compat.javascript.crypto import crypto
from edgekit.compat.javascript.maps import Map
from edgekit.compat.javascript.promises import Promise
from edgekit.compat.javascript.proxies import create_proxy
from edgekit.compat.javascript.proxy import JsNull, JsProxy, jsnull
from edgekit.compat.javascript.values import Array, Object
from edgekit.compat.javascript.web import Headers, Response
from edgekit.errors import UnsupportedError
from edgekit.web.response import Response as WebResponse


def test_each_kind_has_its_objects_and_no_others():
    assert isinstance(Array.new(), kinds.JsArray)
    assert isinstance(Map.new(), kinds.JsMap)
    assert isinstance(Map.new(), kinds.JsMutableMap)
    assert isinstance(Uint8Array.new(1), kinds.JsBuffer)
    assert isinstance(Uint8Array.new(1), kinds.JsTypedArray)
    assert isinstance(Headers, kinds.JsClass)
    assert isinstance(Headers, kinds.JsCallable)
    assert isinstance(Map.new().keys(), kinds.JsIterator)
    assert isinstance(Map.new().keys(), kinds.JsGenerator)
    assert isinstance(Array.new(), kinds.JsIterable)
    assert isinstance(create_proxy(print), kinds.JsCallableDoubleProxy)
    assert isinstance(Response.new("x").body, kinds.JsAsyncIterable)
    assert isinstance(Response.new("x"), kinds.JsFetchResponse)
    for kind in (
        kinds.JsMap,
        kinds.JsPromise,
        kinds.JsCallable,
        kinds.JsDomElement,
        kinds.JsWeakRef,
    ):
        assert not isinstance(Array.new(), kind)
    assert kinds.JsPromise[int] is kinds.JsPromise


async def test_a_promise_is_one():
    assert isinstance(Promise.resolve(1), kinds.JsPromise)


async def test_what_the_sdk_leaves_javascripts_counts_as_a_proxy_and_nothing_else_does():
    request = SdkRequest("https://e.com/", method="POST", body="x", cf={"a": [1]})
    left = (request.cf, request.cf.a, request.body, await request.clone().buffer())
    assert [isinstance(value, JsProxy) for value in left] == [True] * 4
    own = (request, request.headers, await request.blob(), Date(2026, 1, 1), {}, None)
    assert [isinstance(value, JsProxy) for value in own] == [False] * 6


def test_a_view_and_what_it_shows_are_one():
    response = WebResponse("x")
    seen = view(response)
    assert native(seen) is response
    assert view(seen) is seen
    assert seen == view(response)
    assert len({seen, view(response)}) == 1
    assert seen != Object.new()


def test_there_is_one_null():
    import copy
    import pickle

    assert JsNull() is jsnull
    assert copy.copy(jsnull) is jsnull
    assert pickle.loads(pickle.dumps([jsnull]))[0] is not None


async def test_ciphers_without_their_package_name_the_extra(monkeypatch: pytest.MonkeyPatch):
    original = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name.startswith("cryptography"):
            raise ImportError(name)
        return original(name, *args)

    for name in list(sys.modules):
        if name.startswith("cryptography") or name.endswith("crypto_ciphers"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    from edgekit.compat.javascript import late

    monkeypatch.setattr(late, "crypto_ciphers", late._Late("crypto_ciphers"))
    with pytest.raises(UnsupportedError, match=r"pip install 'edgekit-asgi\[crypto\]'"):
        await crypto.subtle.generateKey("Ed25519", True, ["sign"])
    digest = await crypto.subtle.digest("MD5", b"")
    assert digest.to_bytes().hex() == "d41d8cd98f00b204e9800998ecf8427e"


async def test_a_digest_of_a_stream():
    stream = crypto.DigestStream.new("SHA-256")
    writer = stream.getWriter()
    await writer.write(Uint8Array.new([97]))
    await writer.close()
    assert (await stream.digest).to_bytes().hex().startswith("ca978112ca1b")
    assert stream.bytesWritten == 1


def test_buffers_of_the_same_bytes():
    assert crypto.subtle.timingSafeEqual(b"ab", Uint8Array.new([97, 98]))
    assert not crypto.subtle.timingSafeEqual(b"ab", b"ac")
    with pytest.raises(Exception, match="same byte length"):
        crypto.subtle.timingSafeEqual(b"a", b"ab")
