"""The bounds that wrangler sets to what its file says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgekit.config import Config, load
from edgekit.errors import ConfigError


def read(folder: Path, environment: str | None = None, **content: Any) -> Config:
    file = folder / "wrangler.json"
    file.write_text(json.dumps(content))
    return load(file, env=environment, environ={})


@pytest.mark.parametrize("name", ["worker", "_worker", "0-worker_1", "w-", "a" * 300])
def test_names_that_a_worker_can_have(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, name=name).name == name


@pytest.mark.parametrize("name", ["Worker", "-worker", "my worker", "w.x", "wörker", "w\n"])
def test_names_that_a_worker_cannot_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"wrangler\.json: name: Expected lower-case letters"):
        read(tmp_path, name=name)
    with pytest.raises(ConfigError, match=r"wrangler\.json: env\.p\.name: "):
        read(tmp_path, "p", name="fine", env={"p": {"name": name}})


@pytest.mark.parametrize("date", ["2024-12-31", "2024-02-31"])
def test_dates_of_compatibility(tmp_path: Path, date: str) -> None:
    assert read(tmp_path, compatibility_date=date).compatibility_date == date


@pytest.mark.parametrize(
    "date", ["2024-13-01", "2024-00-01", "2024-01-00", "2024-01-32", "2024-1-1", "2024-01-01\n"]
)
def test_what_is_no_date(tmp_path: Path, date: str) -> None:
    with pytest.raises(ConfigError, match="compatibility_date: Expected a date such as"):
        read(tmp_path, compatibility_date=date)


@pytest.mark.parametrize("name", ["abc", "0-9", "a" * 63])
def test_names_that_a_bucket_can_have(tmp_path: Path, name: str) -> None:
    loaded = read(tmp_path, r2_buckets=[{"binding": "FILES", "bucket_name": name}])
    assert loaded.r2_buckets[0].bucket == name


@pytest.mark.parametrize(
    "name", ["", "ab", "abc\n", "a" * 64, "Files", "-files", "files-", "my_files"]
)
@pytest.mark.parametrize("key", ["bucket_name", "preview_bucket_name"])
def test_names_that_a_bucket_cannot_have(tmp_path: Path, name: str, key: str) -> None:
    with pytest.raises(ConfigError, match=rf"r2_buckets\[0\]\.{key}: Expected 3 to 63 lower-case"):
        read(tmp_path, r2_buckets=[{"binding": "FILES", key: name}])


def test_mail_goes_to_one_address_or_to_those_allowed(tmp_path: Path) -> None:
    one, several = (
        {"destination_address": "a@x.com"},
        {"allowed_destination_addresses": ["b@x.com"]},
    )
    read(tmp_path, send_email=[{"name": "A", **one}, {"name": "B", **several}])
    with pytest.raises(ConfigError, match=r"send_email\[0\]: .* cannot both be given"):
        read(tmp_path, send_email=[{"name": "A", **one, **several}])


def test_unknown_keys_beside_producers_and_consumers_are_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    read(tmp_path, queues={"consumer": [], "producers": [{"binding": "Q", "queue": "q"}]})
    assert "unknown key 'consumer' in queues; did you mean 'consumers'?" in caplog.text
