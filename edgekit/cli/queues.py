"""`edgekit queues`: the queues of the store that the server uses, also while it runs.

Commands and options are those of `wrangler queues`. What differs: there is nothing remote; a queue
begins with its first use, so `create` is for those that are to have settings; consumers are what the
wrangler file says, so there are no commands for them. A server notices within a second.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from edgekit.cli.local import on_store, print_json, print_table

if TYPE_CHECKING:
    from edgekit.config import Config
    from edgekit.engines.open import Store
    from edgekit.engines.queues import QueueState

MAX_DELAY = 86_400  # seconds
RETENTION = (60, 14 * 86_400)  # seconds

_name = click.argument("name")
_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")


def _settings(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "--message-retention-period-secs",
            "retention",
            type=click.IntRange(*RETENTION),
            metavar="SECONDS",
            help=f"How long a message is kept ({RETENTION[0]} to {RETENTION[1]}; 4 days).",
        ),
        click.option(
            "--delivery-delay-secs",
            "delay",
            type=click.IntRange(0, MAX_DELAY),
            metavar="SECONDS",
            help=f"How long a message waits before it is handed out (0 to {MAX_DELAY}; 0).",
        ),
    ):
        command = option(command)
    return command


@click.group()
def queues() -> None:
    """Look at queues, empty them, stop their delivery."""


@queues.command("list")
@_json
@on_store
async def list_(store: Store, config: Config, as_json: bool) -> None:
    """All queues, those that the wrangler file names included."""
    states = {state.name: state for state in await store.queues().list()}
    names = sorted(states.keys() | _known(config))
    if as_json:
        print_json([_shown(name, states.get(name), config) for name in names])
        return
    rows = []
    for name in names:
        shown = _shown(name, states.get(name), config)
        rows.append(
            (
                name,
                shown["backlog"]["messages"],
                shown["backlog"]["bytes"],
                shown["backlog"]["oldest"],
                "paused" if shown["delivery_paused"] else "",
                len(shown["producers"]),
                len(shown["consumers"]),
            )
        )
    print_table(["name", "messages", "bytes", "oldest", "delivery", "producers", "consumers"], rows)


@queues.command()
@_name
@_json
@on_store
async def info(store: Store, config: Config, name: str, as_json: bool) -> None:
    """All that is known of the queue NAME."""
    shown = _shown(name, await _state(store, config, name), config)
    if as_json:
        print_json(shown)
        return
    backlog = shown["backlog"]
    for title, value in (
        ("Queue Name", name),
        ("Created On", shown["created_on"] or "with its first message"),
        ("Messages", f"{backlog['messages']} ({backlog['bytes']} bytes)"),
        ("Oldest Message", backlog["oldest"] or "none"),
        ("Delivery", "paused" if shown["delivery_paused"] else "active"),
        ("Delivery Delay", f"{shown['delivery_delay']:g} s"),
        ("Message Retention", f"{shown['message_retention_period']:g} s"),
        ("Producers", ", ".join(shown["producers"]) or "none in the configuration"),
        ("Consumers", ", ".join(shown["consumers"]) or "none in the configuration"),
    ):
        click.echo(f"{title}: {value}")


@queues.command()
@_name
@_settings
@on_store
async def create(
    store: Store, config: Config, name: str, delay: int | None, retention: int | None
) -> None:
    """Make the queue NAME."""
    from edgekit import host

    if not name or len(name) > 63:
        raise click.UsageError("a queue's name has 1 to 63 characters")
    if any(state.name == name for state in await store.queues().list()):
        raise click.ClickException(f"there is a queue {name!r} already")
    await store.queues().configure(name, delay=delay, retention=retention, now=host.now())
    click.echo(f"Created queue {name!r}. To use it in a Worker, in the configuration file:")
    binding = name.upper().replace("-", "_")
    click.echo(f'  "queues": {{"producers": [{{"binding": "{binding}", "queue": "{name}"}}],')
    click.echo(f'             "consumers": [{{"queue": "{name}"}}]}}')


@queues.command()
@_name
@_settings
@on_store
async def update(
    store: Store, config: Config, name: str, delay: int | None, retention: int | None
) -> None:
    """Change the settings of the queue NAME."""
    if delay is None and retention is None:
        raise click.UsageError(
            "say what to change: --delivery-delay-secs, --message-retention-period-secs"
        )
    await _configure(store, config, name, delay=delay, retention=retention)
    click.echo(f"Updated queue {name!r}.")


@queues.command()
@_name
@click.option("-y", "--force", is_flag=True, help="Do not ask.")
@on_store
async def delete(store: Store, config: Config, name: str, force: bool) -> None:
    """Remove the queue NAME with its messages."""
    state = await _state(store, config, name)
    count = state.backlog.messages if state else 0
    if not force and not click.confirm(f"Delete the queue {name!r} with its {count} messages?"):
        click.echo("Nothing was deleted.")
        return
    await store.queues().delete(name)
    click.echo(f"Deleted queue {name!r}.")


@queues.command()
@_name
@click.option("-y", "--force", is_flag=True, help="Do not ask.")
@on_store
async def purge(store: Store, config: Config, name: str, force: bool) -> None:
    """Remove all messages from the queue NAME; those being handled do not come again."""
    from edgekit import host

    state = await _state(store, config, name)
    count = state.backlog.messages if state else 0
    if not force and not click.confirm(f"Remove all {count} messages from the queue {name!r}?"):
        click.echo("Nothing was removed.")
        return
    removed = await store.queues().purge(name, now=host.now())
    click.echo(f"Purged queue {name!r}: {removed} messages removed.")


@queues.command("pause-delivery")
@_name
@on_store
async def pause_delivery(store: Store, config: Config, name: str) -> None:
    """Hand out no messages of the queue NAME; it goes on taking them."""
    await _configure(store, config, name, paused=True)
    click.echo(f"Paused message delivery for queue {name!r}.")


@queues.command("resume-delivery")
@_name
@on_store
async def resume_delivery(store: Store, config: Config, name: str) -> None:
    """Hand out the messages of the queue NAME again."""
    await _configure(store, config, name, paused=False)
    click.echo(f"Resumed message delivery for queue {name!r}.")


async def _configure(store: Store, config: Config, name: str, **settings: Any) -> None:
    from edgekit import host

    await _state(store, config, name)  # or a misspelt name would make a queue
    await store.queues().configure(name, **settings, now=host.now())


async def _state(store: Store, config: Config, name: str) -> QueueState | None:
    """The queue as it is kept; None where only the configuration knows it."""
    states = {state.name: state for state in await store.queues().list()}
    known = _known(config)
    letters = {entry.dead_letter_queue for entry in config.queues.consumers} - {None}
    if name not in states and name not in known | letters:
        there = ", ".join(sorted(states.keys() | known)) or "none"
        raise click.ClickException(f"there is no queue {name!r}; there: {there}")
    return states.get(name)


def _known(config: Config) -> set[str]:
    """The queues that the configuration sends to or consumes."""
    producers = {entry.queue for entry in config.queues.producers}
    return producers | {entry.queue for entry in config.queues.consumers}


def _shown(name: str, state: QueueState | None, config: Config) -> dict[str, Any]:
    from edgekit.engines.queues import RETENTION as KEPT

    backlog = state.backlog if state else None
    return {
        "queue_name": name,
        "created_on": _time(state.created) if state else None,
        "backlog": {
            "messages": backlog.messages if backlog else 0,
            "bytes": backlog.size if backlog else 0,
            "oldest": _time(backlog.oldest) if backlog and backlog.oldest is not None else None,
        },
        "delivery_paused": state.paused if state else False,
        "delivery_delay": state.delay if state else 0,
        "message_retention_period": state.retention if state else KEPT,
        "producers": [each.binding for each in config.queues.producers if each.queue == name],
        "consumers": [
            config.name or "worker" for each in config.queues.consumers if each.queue == name
        ],
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
