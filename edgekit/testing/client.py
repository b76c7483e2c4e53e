"""TestClient: a Worker run in process, through the same ASGI host that serves it in production.

No socket and no server: requests go in as ASGI messages, responses come back as `Response`. The
store is in memory and new for each client, and time stands still until `client.clock` is turned.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from types import TracebackType
from typing import Any

from edgekit import host
from edgekit.asgi_call import call_asgi
from edgekit.bindings.queues import Queue, batch_of, outcome
from edgekit.bindings.scheduled import ScheduledController
from edgekit.bindings.tail import TraceItem
from edgekit.context import Background, ExecutionContext
from edgekit.engines.open import open_store
from edgekit.engines.queues import Backlog, Claimed, Sent
from edgekit.env import Env
from edgekit.runtime.host import Host
from edgekit.runtime.isolate import Isolate
from edgekit.testing.clock import ManualClock
from edgekit.web.headers import Headers
from edgekit.web.request import HeadersInit, Request
from edgekit.web.response import Response
from edgekit.web.spelling import Plain
from edgekit.web.streams import ReadableStream
from edgekit.worker import Worker
from edgekit.worker import worker as as_worker

logger = logging.getLogger(__name__)

# Of the event loop, in which tasks go on whose sleep is over, while others sleep still.
_TURNS = 20


async def _post(mail: Any) -> None:
    """Carries no mail anywhere."""


class ScheduledResult(Plain):
    """How a scheduled handler did: `outcome` "ok" or "exception", and whether it called `no_retry`."""

    __slots__ = ()
    outcome: str
    noRetry: bool


class QueueResult(Plain):
    """What a queue handler did with a batch, as the platform tells it.

    `outcome` is "ok" or "exception", `explicitAcks` a list of ids, `retryMessages` one of
    `{"msgId", "delaySeconds"?}`, `retryBatch` is `{"retry": bool, "delaySeconds"?}`. What nothing was
    said of is done with if the outcome is ok.
    """

    __slots__ = ()
    outcome: str
    ackAll: bool
    retryBatch: Plain
    explicitAcks: list[str]
    retryMessages: list[Plain]


class EmailResult(Plain):
    """What an email handler did: `outcome` "ok" or "exception", `rejectReason` if it rejected the email,
    `forwards` and `replies` with `sender`, `recipients` and `raw` each.
    """

    __slots__ = ()
    outcome: str
    rejectReason: str | None
    forwards: list[Plain]
    replies: list[Plain]


class _Caught:
    """In place of an engine: what was sent to a queue, and not kept."""

    messages: Sequence[Sent] = ()

    async def send(self, queue: str, messages: Sequence[Sent], *, now: float) -> Backlog:
        self.messages = messages
        return Backlog(len(messages), 0, now)


class TestClient:
    """`async with TestClient(app, env={...}) as client: response = await client.get("/")`.

    `app` is an App, a Worker, an async function or a WorkerEntrypoint class. `env` adds to, and
    overrides, what the configuration gives: vars, or objects that stand for bindings. Each request
    returns when its `wait_until` tasks have ended too, or sleep by the clock. What a handler raises
    is raised here; with `raise_errors=False` it is the 500 that a visitor would get.
    Headers given to the client go with every request. Redirects are not followed. For a web socket
    send `headers={"Upgrade": "websocket"}`: `response.web_socket` is the client's end, to `accept()`.
    `services` are other Workers by name, for `services` and `tail_consumers` of the configuration (or,
    without one, for bindings of that name); those without a `config` of their own have none.
    """

    __test__ = False  # pytest: not a test, whatever its name says

    def __init__(
        self,
        app: Any,
        env: Mapping[str, Any] | None = None,
        *,
        base_url: str = "http://localhost",
        headers: HeadersInit | None = None,
        raise_errors: bool = True,
        clock: ManualClock | None = None,
        services: Mapping[str, Any] | None = None,
    ) -> None:
        worker: Worker = as_worker(app)
        self.clock = clock or ManualClock()
        self._base_url = base_url
        self._headers = Request(base_url, headers=headers).headers
        beside = {name: as_worker(other) for name, other in services.items()} if services else None
        self._store = open_store("memory:", durable=False)
        self._isolate = Isolate(worker, store=self._store, overrides=env, beside=beside)
        self._host = Host(worker, isolate=self._isolate, raise_errors=raise_errors)
        self._app = worker.wrap(self._host)
        self._exchanges = Background()
        self._going_on: set[asyncio.Task[Any]] = set()  # tasks that requests do not wait for
        self._stack = ExitStack()

    async def __aenter__(self) -> TestClient:
        self._stack.enter_context(host.use_clock(self.clock))
        try:
            await self._host.start()
        except BaseException:
            self._stack.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._settle()
            # What is left waits in vain for a reader, or for the clock to be turned.
            await self._exchanges.drain(0.1)
            await self._isolate.background.drain(0.1)
            await self._host.stop()
        finally:
            await self._store.close()
            self._stack.close()

    @property
    def env(self) -> Env:
        """The Worker's env, to put data where handlers find it and to look at what they did."""
        return self._isolate.env

    def env_of(self, service: str) -> Env:
        """The env of one of `services`."""
        return self._isolate.others[service].env

    async def fetch(self, request: Request | str, **init: Any) -> Response:
        """Send a Request, or a URL or path with Request's options and `json=`, which becomes the body."""
        if not isinstance(request, Request):
            url = host.parse_url(request, self._base_url)
            if "json" in init:
                init["body"] = host.json_encode(init.pop("json"))
                init["headers"] = headers = Headers(init.get("headers"))
                headers.setdefault("content-type", "application/json")
            request = Request(url.href if url else request, **init)
        for name, value in self._headers.items():
            if name not in request.headers:
                request.headers.append(name, value)
        before = self._isolate.tasks
        response = await call_asgi(self._app, request, ExecutionContext(self._exchanges.spawn))
        response.url = request.url
        if response.web_socket is not None or isinstance(response._body, ReadableStream):
            # What began with a socket or a stream goes on until the test has read it.
            self._going_on |= self._isolate.tasks - before
        await self._settle()
        return response

    async def get(self, url: str, **init: Any) -> Response:
        """GET `url`."""
        return await self.fetch(url, method="GET", **init)

    async def head(self, url: str, **init: Any) -> Response:
        """HEAD `url`."""
        return await self.fetch(url, method="HEAD", **init)

    async def post(self, url: str, **init: Any) -> Response:
        """POST to `url`."""
        return await self.fetch(url, method="POST", **init)

    async def put(self, url: str, **init: Any) -> Response:
        """PUT to `url`."""
        return await self.fetch(url, method="PUT", **init)

    async def patch(self, url: str, **init: Any) -> Response:
        """PATCH `url`."""
        return await self.fetch(url, method="PATCH", **init)

    async def delete(self, url: str, **init: Any) -> Response:
        """DELETE `url`."""
        return await self.fetch(url, method="DELETE", **init)

    async def options(self, url: str, **init: Any) -> Response:
        """OPTIONS of `url`."""
        return await self.fetch(url, method="OPTIONS", **init)

    async def scheduled(
        self, cron: str = "", *, time: datetime | float | None = None
    ) -> ScheduledResult:
        """Run the scheduled handler to its end, as if `cron` had fired, and say how it went.

        `time` is when it was due, a datetime or milliseconds since 1970; default: now. With
        `raise_errors` what fails is raised.
        """
        if isinstance(time, datetime):
            time = time.timestamp() * 1000
        controller = ScheduledController(cron, time)
        result = await self._outcome_of("scheduled", controller)
        return ScheduledResult(outcome=result, noRetry=controller._no_retry)

    async def tail(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Give trace items to the tail handler; see edgekit.bindings.tail.TraceItem."""
        await self._outcome_of("tail", [TraceItem(event) for event in events])

    async def queue(self, name: str, messages: Iterable[Any]) -> QueueResult:
        """Give one batch to the handler of the queue `name`, past the queue, and say what it did.

        A message is a body, or, as for `send_batch`, a dict with a "body" and maybe "content_type", and
        here "id" and "attempts" (1). With `raise_errors` what fails is raised. To see retries happen,
        send to the queue and `advance`.
        """
        specs = [m if isinstance(m, Mapping) and "body" in m else {"body": m} for m in messages]
        caught: Any = _Caught()
        if specs:
            await Queue(caught, name).send_batch(specs)
        claimed = [
            Claimed(n, spec.get("id", m.id), m.kind, m.body, m.sent, spec.get("attempts", 1))
            for n, (spec, m) in enumerate(zip(specs, caught.messages, strict=True))
        ]
        batch = batch_of(name, claimed)
        result = await self._outcome_of("queue", batch)
        return QueueResult(outcome(batch, failed=result != "ok"))

    async def email(
        self, raw: str | bytes, *, from_: str = "from@example.com", to: str = "to@example.com"
    ) -> EmailResult:
        """Give an incoming email to the handler, and say what it did with it.

        `raw` is a message of RFC 5322 with a Message-ID; `from_` and `to` are the envelope's. What is
        forwarded or replied is sent nowhere. With `raise_errors` what fails is raised.
        """
        # Imported here: few Workers take email, and it takes a tenth of the start.
        from edgekit.bindings.email_incoming import ForwardableEmailMessage

        data = raw.encode() if isinstance(raw, str) else raw
        message = ForwardableEmailMessage(from_, to, data, _post)
        result = await self._outcome_of("email", message)
        did = message.outcome
        return EmailResult(
            outcome=result,
            rejectReason=did.reject_reason,
            forwards=[Plain(mail._asdict()) for mail in did.forwards],
            replies=[Plain(mail._asdict()) for mail in did.replies],
        )

    async def advance(self, seconds: float) -> None:
        """Let time pass, from one moment that somebody waits for to the next: crons fire, consumers
        get their messages, and what that sets going ends before time goes on.
        """
        end = self.clock.now() + seconds
        await self._settle()
        while (due := self.clock.due()) is not None and due <= end:
            self.clock.turn_to(due)
            await self._settle()
        self.clock.turn_to(end)

    async def _outcome_of(self, kind: str, subject: Any) -> str:
        try:
            await self._isolate.run_to_end(kind, subject)
        except Exception:
            if self._host.raise_errors:
                raise
            logger.exception("the %s event failed", kind)
            return "exception"
        finally:
            await self._settle()
        return "ok"

    async def _settle(self) -> None:
        """Wait for `wait_until` tasks, except while somebody sleeps by a clock that stands still."""
        while tasks := self._isolate.tasks - self._going_on:
            if self.clock.sleeping.is_set():
                for _ in range(_TURNS):
                    await asyncio.sleep(0)
                return
            sleeping = asyncio.ensure_future(self.clock.sleeping.wait())
            await asyncio.wait({*tasks, sleeping}, return_when=asyncio.FIRST_COMPLETED)
            sleeping.cancel()
