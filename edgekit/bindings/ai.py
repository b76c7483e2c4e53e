"""Ai: run a model, by way of any server that speaks OpenAI's HTTP API. Spec: Workers AI.

Calls and answers have the platform's form; `ai_wire.py` turns them into that API's and back. What a
model can do here: text from a prompt, messages or an input, with tools and JSON mode, whole or
streamed, and embeddings. AI Gateway, AutoRAG, AI Search and toMarkdown are services of the platform:
UnsupportedError.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, ClassVar, NoReturn

from edgekit import host
from edgekit.bindings.ai_wire import (
    chat_request,
    embedding_request,
    embedding_result,
    failure,
    model_result,
    text_events,
    text_result,
)
from edgekit.errors import AiError, FetchError, UnsupportedError
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.spelling import Plain, Spelled, options
from edgekit.web.streams import ReadableStream

_NOT_SET = (
    "env.AI has no server to ask: set EDGEKIT_AI_URL to one that speaks OpenAI's API, such as"
    " http://localhost:11434/v1, and EDGEKIT_AI_KEY if it wants a key"
)

Fetch = Callable[[Request], Awaitable[Response]]


class Ai(Spelled):
    """`await env.AI.run("@cf/meta/llama-3.1-8b-instruct", {"prompt": "Hello"})`.

    `last_request_id` and `last_request_http_status_code` are those of the last answer, as on the
    platform (and as there of little use beside other requests).
    """

    __slots__ = (
        "_fetch",
        "_key",
        "_models",
        "_url",
        "last_request_http_status_code",
        "last_request_id",
    )

    binding_kind: ClassVar[str] = "ai"

    last_request_id: str | None
    last_request_http_status_code: int | None

    def __init__(
        self,
        fetch: Fetch,
        url: str | None,
        key: str | None = None,
        models: Mapping[str, str] | None = None,
    ) -> None:
        """`url` ends before `/chat/completions`. `models` gives the server's name of a model for the
        platform's; "*" stands for all that are not there, which else keep their name.
        """
        self._fetch = fetch
        self._url = url.rstrip("/") if url else None
        self._key = key
        self._models = models or {}
        self.last_request_id = None
        self.last_request_http_status_code = None

    @options
    async def run(
        self,
        model: str,
        inputs: Mapping[str, Any],
        *,
        gateway: Any = None,
        prefix: str | None = None,
        extra_headers: Mapping[str, str] | None = None,
        session_options: Any = None,
        return_raw_response: bool = False,
        websocket: bool = False,
        signal: Any = None,
    ) -> Any:
        """What the model makes of `inputs`.

        With `prompt` or `messages`: a dict with `response` (text; a value with `response_format`),
        `usage`, and `tool_calls` where there are any; with `stream=True` a ReadableStream of
        server-sent events, `data: {"response": "..."}` each, then `data: [DONE]`. With `input`, and
        perhaps `instructions`: an answer of OpenAI's Responses API, or a stream of its events. With
        `text` (one or several) and no `input`: `data`, a list of floats for each, and their `shape`.
        `return_raw_response` gives the server's own Response. Raises AiError, "5007: No such model
        ..." among others.
        """
        if gateway is not None:
            _unsupported("the option gateway", "AI Gateway")
        if websocket:
            _unsupported("the option websocket", "models over web sockets")
        name = self._name_of(f"{prefix}:{model}" if prefix else model)
        headers = dict(extra_headers or {})
        if "input" in inputs:  # beside which `text` is the form of the answer
            path, body = "/responses", {**inputs, "model": name}
        elif "text" in inputs:
            path, body = "/embeddings", embedding_request(name, inputs)
        else:
            path, body = "/chat/completions", chat_request(name, inputs)
        response = await self._ask(path, body, headers=headers, signal=signal)
        if return_raw_response:
            return response
        if not response.ok:
            raise await self._failed(response, model)
        if path == "/embeddings":
            return embedding_result(await self._json(response, model))
        if path == "/responses":  # which has the same form on both sides
            streams = inputs.get("stream")
            return response.body if streams else Plain(await self._json(response, model))
        if inputs.get("stream"):
            return ReadableStream(_stream(response, model))
        return text_result(await self._json(response, model), inputs)

    async def models(self, params: Mapping[str, Any] | None = None) -> list[Plain]:
        """What the server offers, as the platform lists models; `search`, `page` and `per_page` apply."""
        response = await self._ask("/models", None)
        if not response.ok:
            raise await self._failed(response, "")
        listed = (await self._json(response, "")).get("data") or []
        wanted = params or {}
        text = str(wanted.get("search") or "").lower()
        found = [model_result(one) for one in listed if text in str(one.get("id")).lower()]
        size = int(wanted.get("per_page") or len(found) or 1)
        start = (int(wanted.get("page") or 1) - 1) * size
        return found[start : start + size]

    def gateway(self, id: str, options: Any = None) -> NoReturn:
        """Not here."""
        _unsupported("gateway()", "AI Gateway")

    def autorag(self, id: str | None = None) -> NoReturn:
        """Not here."""
        _unsupported("autorag()", "AutoRAG")

    def ai_search(self) -> NoReturn:
        """Not here."""
        _unsupported("ai_search()", "AI Search")

    def to_markdown(self, files: Any = None, options: Any = None) -> NoReturn:
        """Not here."""
        _unsupported("to_markdown()", "the conversion of documents")

    def _name_of(self, model: str) -> str:
        return self._models.get(model) or self._models.get("*") or model

    async def _ask(
        self,
        path: str,
        body: Mapping[str, Any] | None,
        *,
        headers: Mapping[str, str] | None = None,
        signal: Any = None,
    ) -> Response:
        if self._url is None:
            raise UnsupportedError(_NOT_SET)
        init: dict[str, Any] = {"headers": {"accept": "application/json", **(headers or {})}}
        if self._key:
            init["headers"]["authorization"] = f"Bearer {self._key}"
        if body is not None:
            init["method"] = "POST"
            init["body"] = host.json_encode(body)
            init["headers"]["content-type"] = "application/json"
        if signal is not None:
            init["signal"] = signal
        try:
            response = await self._fetch(Request(self._url + path, init))
        except FetchError as error:
            raise AiError(str(error)) from error
        self.last_request_id = response.headers.get("x-request-id")
        self.last_request_http_status_code = response.status
        return response

    async def _json(self, response: Response, model: str) -> Any:
        data = await response.bytes()
        try:
            found = host.json_decode(data)
        except host.JSONSyntaxError:
            found = None
        if not isinstance(found, dict):
            raise AiError(f"{self._url}: the answer is not a JSON object: {data[:200]!r}")
        if "error" in found and len(found) == 1:
            raise failure(500, found, model)
        return found

    async def _failed(self, response: Response, model: str) -> AiError:
        text = await response.text()
        try:
            content = host.json_decode(text)
        except host.JSONSyntaxError:
            content = text
        return failure(response.status, content, model)


async def _stream(response: Response, model: str) -> AsyncIterator[bytes]:
    chunks = response.body
    if chunks is None or "text/event-stream" not in response.headers.get("content-type", ""):
        # A server that does not stream: all of it is one event.
        data = (await response.bytes()).replace(b"\r", b" ").replace(b"\n", b" ")
        chunks = ReadableStream([b"data: " + data])
    async with aclosing(text_events(chunks, model)) as events:
        async for event in events:
            yield event


def _unsupported(what: str, service: str) -> NoReturn:
    raise UnsupportedError(
        f"env.AI: {what}: {service} is a service of the platform, not to be had here"
    )
