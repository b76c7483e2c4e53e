"""A secret of a secrets store: its value at each call, and in no other place."""

from __future__ import annotations

import pytest

from edgekit import host
from edgekit.bindings.secrets_store import SecretsStoreSecret
from edgekit.engines.base import Put, Records
from edgekit.errors import BindingError, SecretsStoreError
from edgekit.testing.clock import ManualClock


@pytest.mark.usefixtures("clock")
async def test_the_value_is_read_at_each_call(records: Records, clock: ManualClock) -> None:
    secret = SecretsStoreSecret(records, "secrets/one", "KEY")
    for value in ("first", "sécond" * 20_000):
        await records.apply([Put("secrets/one", b"KEY", value.encode())], now=host.now())
        assert await secret.get() == value


@pytest.mark.usefixtures("clock")
async def test_a_secret_that_is_not_there_is_an_error(records: Records) -> None:
    with pytest.raises(SecretsStoreError, match=r'^Secret "KEY" not found$') as caught:
        await SecretsStoreSecret(records, "secrets/one", "KEY").get()
    assert isinstance(caught.value, BindingError)


def test_its_repr_is_its_name() -> None:
    assert repr(SecretsStoreSecret(None, "secrets/one", "KEY")) == "<SecretsStoreSecret 'KEY'>"  # type: ignore[arg-type]
