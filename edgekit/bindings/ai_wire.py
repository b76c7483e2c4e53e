"""Between the forms of Workers AI and of OpenAI's HTTP API: requests one way, answers and errors back.

Pure: it takes and gives values, and asks nobody. Specs: Workers AI's model schemas and its table of
errors; OpenAI's API reference ("chat/completions", "embeddings", "models").
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from contextlib import aclosing
from typing import Any, cast

from edgekit import host
from edgekit.errors import AiError
from edgekit.web.spelling import Plain
from edgekit.web.sse import encode_event

MAX_EVENT = 4 * 1024 * 1024  # bytes of one event that a server streams

_PASSED_ON = (
    "frequency_penalty",
    "logprobs",
    "max_tokens",
    "presence_penalty",
    "seed",
    "stop",
    "temperature",
    "tool_choice",
    "top_k",
    "top_p",
)
# The platform's number and text for a status; https://developers.cloudflare.com/workers-ai/platform/errors/
_ERRORS = {
    400: 5004,
    401: 10000,
    403: 5018,
    404: 5007,
    408: 3007,
    413: 3006,
    422: 5004,
    429: 3040,
}


def chat_request(model: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Text generation as a request to /chat/completions. AiError for inputs that are nothing of the kind."""
    messages, prompt = inputs.get("messages"), inputs.get("prompt")
    if (messages is None) == (prompt is None):
        wrong = "required properties at '/' are 'prompt' or 'messages' (or 'input'; 'text', for embeddings)"
        if messages is not None:
            wrong = "prompt and messages are mutually exclusive"
        raise AiError(f"5006: Error: {wrong}", code=5006)
    if messages is None:
        messages = [{"role": "user", "content": prompt}]
    body: dict[str, Any] = {"model": model, "messages": list(messages)}
    for name in _PASSED_ON:
        if inputs.get(name) is not None:
            body[name] = inputs[name]
    if tools := inputs.get("tools"):
        body["tools"] = [
            tool if "function" in tool else {"type": "function", "function": dict(tool)}
            for tool in tools
        ]
    if form := inputs.get("response_format"):
        body["response_format"] = _response_format(form)
    if inputs.get("stream"):
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return body


def embedding_request(model: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Embeddings of one text or several as a request to /embeddings."""
    text = inputs["text"]
    return {"model": model, "input": list(text) if isinstance(text, list | tuple) else [text]}


def text_result(answer: Mapping[str, Any], inputs: Mapping[str, Any]) -> Plain:
    """A whole answer of /chat/completions as the platform's."""
    choices = answer.get("choices") or [{}]
    message = choices[0].get("message") or {}
    content = message.get("content")
    if inputs.get("response_format") and isinstance(content, str):
        try:
            content = host.json_decode(content)
        except host.JSONSyntaxError:
            raise AiError("5025: JSON Mode couldn't be met", code=5025) from None
    result = Plain(response=content)
    if calls := message.get("tool_calls"):
        result["tool_calls"] = [_tool_call(call) for call in calls]
    if usage := answer.get("usage"):
        result["usage"] = Plain(usage)
    return result


def embedding_result(answer: Mapping[str, Any]) -> Plain:
    """An answer of /embeddings as the platform's."""
    listed = sorted(answer.get("data") or [], key=lambda one: one.get("index", 0))
    data = [one["embedding"] for one in listed]
    return Plain(shape=[len(data), len(data[0]) if data else 0], data=data)


def model_result(model: Mapping[str, Any]) -> Plain:
    """One of /models as the platform lists its own; what that API does not tell is empty."""
    id = str(model.get("id"))
    task = {"id": "", "name": "", "description": ""}
    return Plain(id=id, source=0, name=id, description="", task=task, tags=[], properties=[])


def failure(status: int, content: Any, model: str) -> AiError:
    """An answer that is an error as the platform's: its number, and the text of the server."""
    error = content.get("error", content) if isinstance(content, Mapping) else content
    message = error.get("message") if isinstance(error, Mapping) else error
    text = str(message or f"the server answered {status}").strip()[:1000]
    code = _ERRORS.get(status)
    kind = error.get("code") if isinstance(error, Mapping) else None
    if code == 5007 or kind == "model_not_found":
        return AiError(f"5007: No such model {model} or task", code=5007)
    if code is None:
        return AiError(text)
    return AiError(f"{code}: {text}", code=code)


async def text_events(chunks: AsyncIterable[bytes], model: str) -> AsyncGenerator[bytes]:
    """A stream of /chat/completions as the platform's: `{"response": ...}` each, with the usage in the
    last one, then [DONE].
    """
    usage: Any = None
    calls: dict[int, dict[str, Any]] = {}
    # Closed by hand, and so its source: who leaves early is to hold no connection.
    async with aclosing(_data_of(chunks)) as events:
        async for data in events:
            if data == b"[DONE]":
                break
            try:
                event = host.json_decode(data)
            except host.JSONSyntaxError:
                raise AiError(f"the server streams what is not JSON: {data[:200]!r}") from None
            if "error" in event:
                raise failure(500, event, model)
            usage = event.get("usage") or usage
            for choice in event.get("choices") or ():
                delta = choice.get("delta") or choice.get("message") or {}
                for call in delta.get("tool_calls") or ():
                    _gather(calls, call)
                if delta.get("content"):
                    yield encode_event({"data": {"response": delta["content"]}})
    last: dict[str, Any] = {"response": ""}
    if calls:
        last["tool_calls"] = [_tool_call(call) for _, call in sorted(calls.items())]
    if usage:
        last["usage"] = usage
    if len(last) > 1:
        yield encode_event({"data": last})
    yield encode_event("[DONE]")


async def _data_of(chunks: AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    """The data of each server-sent event."""
    rest = b""
    lines: list[bytes] = []
    async with aclosing(cast("AsyncGenerator[bytes]", aiter(chunks))) as source:
        async for chunk in source:
            rest += chunk
            *whole, rest = rest.split(b"\n")
            for line in whole:
                line = line.removesuffix(b"\r")
                if line.startswith(b"data:"):
                    lines.append(line[5:].removeprefix(b" "))
                elif not line and lines:
                    yield b"\n".join(lines)
                    lines.clear()
            if len(rest) + sum(map(len, lines)) > MAX_EVENT:
                raise AiError("the server streams an event that is too large")
    if rest.startswith(b"data:"):
        lines.append(rest[5:].strip())
    if lines:
        yield b"\n".join(lines)


def _response_format(form: Mapping[str, Any]) -> dict[str, Any]:
    schema = form.get("json_schema")
    if form.get("type") == "json_schema" and isinstance(schema, Mapping) and "schema" not in schema:
        # There the schema stands alone; here it has a name.
        return {"type": "json_schema", "json_schema": {"name": "answer", "schema": dict(schema)}}
    return dict(form)


def _tool_call(call: Mapping[str, Any]) -> Plain:
    function = call.get("function") or {}
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = host.json_decode(arguments or "{}")
        except host.JSONSyntaxError:
            pass  # a model's own mistake: its text is what there is
    return Plain(name=function.get("name"), arguments=arguments)


def _gather(calls: dict[int, dict[str, Any]], part: Mapping[str, Any]) -> None:
    """A tool call comes in pieces: its name first, then its arguments, some characters at a time."""
    kept = calls.setdefault(part.get("index", 0), {"function": {"name": "", "arguments": ""}})
    for name, value in (part.get("function") or {}).items():
        if isinstance(value, str):
            kept["function"][name] = kept["function"].get(name, "") + value
