"""`edgekit analytics "SELECT ... FROM dataset"`: what Workers have written to Analytics Engine.

The platform answers such queries by its SQL API only; wrangler has no command for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from edgekit.cli.local import on_store, print_json, print_table

if TYPE_CHECKING:
    from edgekit.engines.open import Store

MAX_SECONDS = 30.0


@click.command()
@click.argument("sql")
@click.option("--json", "as_json", is_flag=True, help="As JSON: an array of objects.")
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=10_000, show_default=True, metavar="ROWS"
)
@on_store
async def analytics(store: Store, config: Any, sql: str, as_json: bool, limit: int) -> None:
    """Query the data points that Workers have written.

    Each dataset is a table with the columns dataset, timestamp (UTC), _sample_interval, index1,
    blob1 to blob20 and double1 to double20. "SHOW TABLES" lists them. SQLite's SQL, and of the
    platform's now(), toDateTime(), toUnixTimestamp(), toStartOfInterval() and INTERVAL '1' DAY:

    \b
      SELECT blob1 AS city, count() AS n, avg(double1) AS degrees FROM weather
      WHERE timestamp > now() - INTERVAL '1' DAY GROUP BY city ORDER BY n DESC
    """
    from edgekit import host

    answer = await store.analytics().query(sql, now=host.now(), rows=limit, seconds=MAX_SECONDS)
    if as_json:
        print_json([dict(zip(answer.columns, row, strict=True)) for row in answer.rows])
    elif answer.columns:
        print_table(answer.columns, answer.rows)
    if answer.cut:
        click.echo(f"There are more than {limit} rows; see --limit.", err=True)
