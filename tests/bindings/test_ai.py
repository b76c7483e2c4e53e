"""Ai against a server of our own that speaks OpenAI's API, by way of the real fetch()."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from edgekit import App, FetchError, Request, Response
from edgekit.bindings.ai import Ai
from edgekit.bindings.ai_wire import MAX_EVENT, text_events
from edgekit.errors import AiError, UnsupportedError
from edgekit.web.abort import AbortSignal
from edgekit.web.streams import ReadableStream

USAGE = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}


class Server:
    """Answers with `answer`, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer: Any = {"choices": [{"message": {"content": "Hello!"}}], "usage": USAGE}
        self.status = 200
        self.headers: dict[str, str] = {}
        self.requests: list[tuple[str, Any, dict[str, str]]] = []
        self.app = App()
        self.app.fallback(self._answer)

    async def _answer(self, request: Request) -> Response:
        body = await request.json() if request.method == "POST" else None
        self.requests.append((request.path, body, dict(request.headers)))
        if isinstance(self.answer, list):
            events: Iterator[bytes] = iter(self.answer)
            headers = {"content-type": "text/event-stream", **self.headers}
            return Response(ReadableStream(events), headers=headers)
        if isinstance(self.answer, str):
            return Response(self.answer, status=self.status, headers=self.headers)
        return Response.json(self.answer, status=self.status, headers=self.headers)

    async def fetch(self, request: Request) -> Response:
        return await self.app.fetch(request)

    @property
    def body(self) -> Any:
        return self.requests[-1][1]


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def ai(server: Server) -> Ai:
    return Ai(server.fetch, "http://ai.test/v1/", "k3y", {"@cf/one": "one", "@cf/two": "two"})


async def refused(ai: Ai, inputs: Any, **options: Any) -> AiError:
    with pytest.raises(AiError) as caught:
        await ai.run("@cf/one", inputs, **options)
    return caught.value


def event(value: Any) -> bytes:
    return (
        b"data: "
        + (value.encode() if isinstance(value, str) else json.dumps(value).encode())
        + b"\n\n"
    )


def delta(content: str) -> bytes:
    return event({"choices": [{"delta": {"content": content}}]})


# Text


async def test_prompt_is_answered(ai: Ai, server: Server) -> None:
    server.headers = {"x-request-id": "r1"}
    result = await ai.run("@cf/one", {"prompt": "Hi", "max_tokens": 9, "lora": "x", "seed": None})
    assert result == {"response": "Hello!", "usage": USAGE}
    assert result.usage.totalTokens == 5
    path, body, headers = server.requests[0]
    assert path == "/v1/chat/completions"
    messages = [{"role": "user", "content": "Hi"}]
    assert body == {"model": "one", "messages": messages, "max_tokens": 9}
    assert headers["authorization"] == "Bearer k3y"
    assert headers["content-type"] == "application/json"
    assert (ai.last_request_id, ai.lastRequestHttpStatusCode) == ("r1", 200)  # type: ignore[attr-defined]


async def test_the_responses_api_has_one_form_on_both_sides(ai: Ai, server: Server) -> None:
    server.answer = {"id": "r", "output": [{"type": "message", "content": []}]}
    inputs = {"instructions": "Be brief.", "input": "Hi", "reasoning": {"effort": "low"}}
    assert await ai.run("@cf/one", inputs) == server.answer
    assert server.requests[0][:2] == ("/v1/responses", {**inputs, "model": "one"})
    server.answer = [b"event: response.completed\ndata: {}\n\n"]
    streamed = await ai.run("@cf/one", {**inputs, "stream": True})
    assert await streamed.read_all() == b"".join(server.answer)
    server.answer = {"id": "r"}
    formed = {"input": "Hi", "text": {"format": {"type": "json_object"}}}
    assert await ai.run("@cf/one", formed) == server.answer
    assert server.requests[-1][:2] == ("/v1/responses", {**formed, "model": "one"})


async def test_messages_are_passed_on_with_every_option(ai: Ai, server: Server) -> None:
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    options = {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 3,
        "seed": 1,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "stop": ["x"],
        "tool_choice": "auto",
    }
    await ai.run("@cf/one", {"messages": messages, **options})
    assert server.body == {"model": "one", "messages": messages, **options}


@pytest.mark.parametrize(
    ("models", "model", "name"),
    [
        ({}, "@cf/x", "@cf/x"),
        ({"@cf/x": "y"}, "@cf/x", "y"),
        ({"*": "all"}, "@cf/x", "all"),
        ({"*": "all", "@cf/x": "y"}, "@cf/x", "y"),
    ],
)
async def test_models_have_the_server_s_names(
    server: Server, models: dict[str, str], model: str, name: str
) -> None:
    await Ai(server.fetch, "http://ai.test/v1", None, models).run(model, {"prompt": "x"})
    assert server.body["model"] == name
    assert "authorization" not in server.requests[-1][2]


async def test_options_come_as_a_dict_too(ai: Ai, server: Server) -> None:
    options = {"prefix": "p", "extraHeaders": {"x-a": "1"}, "returnRawResponse": True, "other": 1}
    response = await ai.run("m", {"prompt": "x"}, options)
    assert isinstance(response, Response)
    assert (await response.json())["usage"] == USAGE
    assert server.body["model"] == "p:m"
    assert server.requests[-1][2]["x-a"] == "1"


async def test_tools_are_called(ai: Ai, server: Server) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}
    wrong = {"function": {"name": "sub", "arguments": "{a"}}
    none = {"function": {"name": "now", "arguments": ""}}
    message = {"content": None, "tool_calls": [call, wrong, none]}
    server.answer = {"choices": [{"message": message}]}
    tool = {"name": "add", "description": "d", "parameters": {"type": "object"}}
    result = await ai.run(
        "@cf/one", {"prompt": "x", "tools": [tool, {"type": "function", "function": tool}]}
    )
    assert server.body["tools"] == [{"type": "function", "function": tool}] * 2
    assert result == {
        "response": None,
        "tool_calls": [
            {"name": "add", "arguments": {"a": 1}},
            {"name": "sub", "arguments": "{a"},
            {"name": "now", "arguments": {}},
        ],
    }


async def test_json_mode_gives_a_value(ai: Ai, server: Server) -> None:
    server.answer = {"choices": [{"message": {"content": '{"city": "Wien"}'}}]}
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    form = {"type": "json_schema", "json_schema": schema}
    result = await ai.run("@cf/one", {"prompt": "x", "response_format": form})
    assert result.response == {"city": "Wien"}
    named = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    assert server.body["response_format"] == named
    for same in (named, {"type": "json_object"}):
        await ai.run("@cf/one", {"prompt": "x", "response_format": same})
        assert server.body["response_format"] == same
    server.answer = {"choices": [{"message": {"content": "no JSON"}}]}
    error = await refused(ai, {"prompt": "x", "response_format": {"type": "json_object"}})
    assert (error.code, str(error)) == (5025, "5025: JSON Mode couldn't be met")


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({}, "5006: Error: required properties at '/' are 'prompt' or 'messages'"),
        ({"messages": [], "prompt": ""}, "5006: Error: prompt and messages are mutually exclusive"),
    ],
)
async def test_inputs_of_no_known_kind_are_refused(ai: Ai, inputs: Any, text: str) -> None:
    error = await refused(ai, inputs)
    assert str(error).startswith(text)
    assert (error.code, error.name) == (5006, "InferenceUpstreamError")


# Streaming


async def test_stream_has_the_platform_s_events(ai: Ai, server: Server) -> None:
    server.answer = [
        event({"choices": [{"delta": {"role": "assistant"}}]}),
        delta("Hé"),
        delta("llo"),
        event({"choices": [], "usage": USAGE}),
        event("[DONE]"),
        delta("never read"),
    ]
    stream = await ai.run("@cf/one", {"prompt": "x", "stream": True})
    assert isinstance(stream, ReadableStream)
    assert (await stream.read_all()).decode() == (
        'data: {"response":"Hé"}\n\ndata: {"response":"llo"}\n\n'
        'data: {"response":"","usage":{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5}}\n\n'
        "data: [DONE]\n\n"
    )
    assert server.body["stream"] is True


async def test_stream_may_come_in_any_pieces(ai: Ai, server: Server) -> None:
    whole = b": comment\r\n\r\n" + delta("a").replace(b"\n", b"\r\n") + delta("b") + b"data: [DONE]"
    server.answer = [whole[at : at + 1] for at in range(len(whole))]
    stream = await ai.run("@cf/one", {"prompt": "x", "stream": True})
    expected = b'data: {"response":"a"}\n\ndata: {"response":"b"}\n\ndata: [DONE]\n\n'
    assert await stream.read_all() == expected


async def test_stream_that_just_ends_is_done(ai: Ai, server: Server) -> None:
    server.answer = [delta("a").strip()]
    stream = await ai.run("@cf/one", {"prompt": "x", "stream": True})
    assert (await stream.read_all()).endswith(b"data: [DONE]\n\n")


async def test_tool_calls_of_a_stream_come_whole_at_its_end(ai: Ai, server: Server) -> None:
    def part(index: int, **function: Any) -> bytes:
        call = {"index": index, "id": "x", "function": function}
        return event({"choices": [{"delta": {"tool_calls": [call]}}]})

    server.answer = [
        part(0, name="add", arguments=""),
        part(1, name="now"),
        part(0, arguments='{"a"'),
    ]
    server.answer += [part(0, arguments=":1}"), event("[DONE]")]
    stream = await ai.run("@cf/one", {"prompt": "x", "stream": True})
    assert (await stream.read_all()).decode().splitlines()[0] == (
        'data: {"response":"","tool_calls":[{"name":"add","arguments":{"a":1}},'
        '{"name":"now","arguments":{}}]}'
    )


async def test_server_that_does_not_stream_gives_one_event(ai: Ai, server: Server) -> None:
    server.answer = json.dumps({"choices": [{"message": {"content": "all"}}]}, indent=1)
    stream = await ai.run("@cf/one", {"prompt": "x", "stream": True})
    assert await stream.read_all() == b'data: {"response":"all"}\n\ndata: [DONE]\n\n'


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (event({"error": {"message": "overloaded"}}), "overloaded"),
        (event("{nonsense"), "the server streams what is not JSON"),
        (b"data: " + b"x" * (MAX_EVENT + 1), "too large"),
    ],
)
async def test_stream_that_goes_wrong_raises_where_it_is_read(
    ai: Ai, server: Server, data: bytes, text: str
) -> None:
    server.answer = [delta("a"), data]
    stream = await ai.run("@cf/one", {"prompt": "x", "stream": True})
    with pytest.raises(AiError, match=text):
        await stream.read_all()


async def test_events_are_handed_on_as_they_come() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield delta("first")
        raise AssertionError("nobody asked for more")

    events = text_events(chunks(), "m")
    assert await anext(events) == b'data: {"response":"first"}\n\n'


async def test_stream_that_is_left_early_lets_the_server_go(ai: Ai, server: Server) -> None:
    closed = []

    def events() -> Iterator[bytes]:
        try:
            while True:
                yield delta("more")
        finally:
            closed.append(True)

    server.answer = [b""]
    stream = await ai.run("@cf/one", {"prompt": "x", "stream": True})
    await stream.cancel()  # before anything was read

    async def fetch(request: Request) -> Response:
        headers = {"content-type": "text/event-stream"}
        return Response(ReadableStream(events()), headers=headers)

    stream = await Ai(fetch, "http://ai.test").run("m", {"prompt": "x", "stream": True})
    reader = stream.get_reader()
    for _ in range(3):
        await reader.read()
    assert not closed
    await reader.cancel()
    assert closed


# Embeddings, models


@pytest.mark.parametrize("text", ["one", ["one"], ("one",)])
async def test_embeddings(ai: Ai, server: Server, text: Any) -> None:
    server.answer = {"data": [{"index": 1, "embedding": [3, 4]}, {"index": 0, "embedding": [1, 2]}]}
    result = await ai.run("@cf/two", {"text": text})
    assert result == {"shape": [2, 2], "data": [[1, 2], [3, 4]]}
    assert server.requests[-1][:2] == ("/v1/embeddings", {"model": "two", "input": ["one"]})


async def test_embeddings_of_nothing(ai: Ai, server: Server) -> None:
    server.answer = {"data": []}
    assert await ai.run("@cf/two", {"text": []}) == {"shape": [0, 0], "data": []}


async def test_models_are_listed_in_the_platform_s_form(ai: Ai, server: Server) -> None:
    server.answer = {"data": [{"id": "llama-1"}, {"id": "llama-2"}, {"id": "bge"}]}
    models = await ai.models()
    assert [model.id for model in models] == ["llama-1", "llama-2", "bge"]
    assert models[0].task == {"id": "", "name": "", "description": ""}
    assert [m.id for m in await ai.models({"search": "LLAMA", "per_page": 1, "page": 2})] == [
        "llama-2"
    ]
    assert server.requests[-1][0] == "/v1/models"
    server.status = 500
    with pytest.raises(AiError):
        await ai.models()


# Errors


@pytest.mark.parametrize(
    ("status", "answer", "code", "text"),
    [
        (404, {"error": {"message": "m"}}, 5007, "5007: No such model @cf/one or task"),
        (400, {"error": {"code": "model_not_found"}}, 5007, "5007: No such model @cf/one or task"),
        (400, {"error": {"message": "bad"}}, 5004, "5004: bad"),
        (400, {"error": "bad"}, 5004, "5004: bad"),
        (401, {"error": {"message": "no key"}}, 10000, "10000: no key"),
        (429, {"message": "slow down"}, 3040, "3040: slow down"),
        (413, "", 3006, "3006: the server answered 413"),
        (500, "broken", None, "broken"),
        (503, {"detail": 1}, None, "the server answered 503"),
        (200, {"error": {"message": "late"}}, None, "late"),
    ],
)
async def test_errors_have_the_platform_s_numbers(
    ai: Ai, server: Server, status: int, answer: Any, code: int | None, text: str
) -> None:
    server.status, server.answer = status, answer
    error = await refused(ai, {"prompt": "x"})
    assert (error.code, str(error), error.name) == (code, text, "InferenceUpstreamError")
    assert ai.last_request_http_status_code == status


@pytest.mark.parametrize("answer", ["<html>", "[1]"])
async def test_answer_that_is_no_object_is_told(ai: Ai, server: Server, answer: str) -> None:
    server.answer = answer
    assert "the answer is not a JSON object" in str(await refused(ai, {"prompt": "x"}))


async def test_server_that_is_not_there() -> None:
    async def fetch(request: Request) -> Response:
        raise FetchError("connection refused", url=request.url)

    error = await refused(Ai(fetch, "http://ai.test"), {"prompt": "x"})
    assert str(error) == "connection refused"


async def test_aborted_before_it_began(ai: Ai) -> None:
    from edgekit import client
    from edgekit.errors import AbortError

    real = Ai(client.fetch, "http://127.0.0.1:9/v1")
    with pytest.raises(AbortError):
        await real.run("m", {"prompt": "x"}, signal=AbortSignal.abort())


async def test_without_a_server_it_says_what_to_set(server: Server) -> None:
    with pytest.raises(UnsupportedError, match="set EDGEKIT_AI_URL"):
        await Ai(server.fetch, None).run("m", {"prompt": "x"})


async def test_services_of_the_platform_are_refused_by_name(ai: Ai) -> None:
    for call in (
        lambda: ai.gateway("g"),
        lambda: ai.autorag("r"),
        lambda: ai.ai_search(),
        lambda: ai.to_markdown([]),
    ):
        with pytest.raises(UnsupportedError, match="not to be had here"):
            call()
    for option in ({"gateway": {"id": "g"}}, {"websocket": True}):
        with pytest.raises(UnsupportedError, match="the option"):
            await ai.run("m", {"prompt": "x"}, option)
