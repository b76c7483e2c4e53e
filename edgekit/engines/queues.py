"""What an engine of queues is: the protocol that the Queues binding and its consumers are built on.

As with all engines: it knows nothing of Workers, is told the time (`now`, seconds since 1970), and
everything is plain data. It keeps messages, hands them out in batches to one at a time, and forgets
them when it is told to. When a batch is to be made, what a failure means and how often something is
tried is the consumer's business. One suite holds every engine to these rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

RETENTION = 4 * 86400.0  # seconds that a queue keeps a message, unless it was told otherwise


class Sent(NamedTuple):
    """One message as it is sent.

    `kind` says how `body` is to be read, `sent` is the time it was sent, `delay` (seconds) how long
    nobody is to have it; None: the queue's own delay.
    """

    id: str
    kind: str
    body: bytes
    sent: float
    delay: float | None = None


class Claimed(NamedTuple):
    """One message as it is handed out, for the `attempts`th time; `number` is its name in its batch."""

    number: int
    id: str
    kind: str
    body: bytes
    sent: float
    attempts: int


class Waiting(NamedTuple):
    """What could be handed out: how many messages (none counted above the limit that was asked for),
    since when the first of them, and the next moment at which there may be more.
    """

    ready: int
    since: float
    next: float | None


class Backlog(NamedTuple):
    """The messages of a queue, those included that are handed out or delayed."""

    messages: int
    size: int  # bytes of their bodies
    oldest: float | None  # when the oldest was sent


class Batch(NamedTuple):
    """Messages that nobody else is given until the moment `until`."""

    id: int
    queue: str
    until: float
    backlog: Backlog  # the queue's, these messages included
    messages: list[Claimed]


class QueueState(NamedTuple):
    """A queue as it is kept; times in seconds."""

    name: str
    created: float
    backlog: Backlog
    paused: bool
    delay: float
    retention: float


# Called with the moment at which something becomes due, and how many messages it is.
Notice = Callable[[float, int], None]


class Queues(Protocol):
    """Queues by their names, used from one event loop at a time. A queue begins with its first use.

    Durability is that of `Records`: what `send` and `settle` have acknowledged survives the death of
    the process. A message is handed out at least once: what was handed out and not settled comes
    again, after `until`, or as soon as `recover` finds that its holder is dead.
    Every method raises StorageError when the store cannot be read or written, or is closed.
    """

    # Whether other processes may change the queues too.
    shared: bool

    async def send(self, queue: str, messages: Sequence[Sent], *, now: float) -> Backlog:
        """Keep all of these messages or none; the backlog with them."""
        ...

    async def backlog(self, queue: str) -> Backlog:
        """What a queue holds."""
        ...

    async def waiting(self, queue: str, *, now: float, limit: int) -> Waiting:
        """What could be handed out now; nothing, while delivery is paused."""
        ...

    async def claim(
        self,
        queue: str,
        *,
        limit: int,
        batches: int,
        concurrency: int | None,
        now: float,
        until: float,
    ) -> list[Batch]:
        """Up to `batches` batches of up to `limit` messages each that are due, in the order in which
        they were sent; but so many only that in all processes together no more than `concurrency`
        batches are handed out. Each message's `attempts` rises by one.
        """
        ...

    async def settle(
        self,
        batch: Batch,
        *,
        retry: Sequence[tuple[int, float]] = (),
        dead: Sequence[int] = (),
        dead_letter_queue: str | None = None,
        now: float,
    ) -> None:
        """End a batch: `retry` are (number, moment from which it is due again), `dead` go to the dead
        letter queue, with their id and the time they were sent, or are forgotten where there is none;
        all others are done with, and forgotten. Nothing happens to what is no longer in this batch.
        """
        ...

    async def recover(self, *, now: float) -> int:
        """Make due what processes had claimed that are dead; the number of their batches."""
        ...

    async def purge(self, queue: str, *, now: float) -> int:
        """Forget all messages, also those handed out; their number."""
        ...

    async def configure(
        self,
        queue: str,
        *,
        paused: bool | None = None,
        delay: float | None = None,
        retention: float | None = None,
        now: float,
    ) -> None:
        """Change what is given; create the queue where there is none."""
        ...

    async def delete(self, queue: str) -> bool:
        """Forget the queue and its messages; False where there is none."""
        ...

    async def list(self) -> list[QueueState]:
        """All queues, by name."""
        ...

    async def sweep(self, *, now: float, limit: int = 1000) -> int:
        """Forget up to `limit` messages that are older than their queue keeps them; the number."""
        ...

    def watch(self, queue: str, notice: Notice) -> Callable[[], None]:
        """Call `notice` whenever something of the queue has become due, or will, by what is done in
        this process; what is returned ends that. What other processes do is found by `waiting`.
        """
        ...

    async def close(self) -> None:
        """Give back what is handed out. Closing twice is fine."""
        ...
