"""A secret of a secrets store: `await env.API_KEY.get()`. Written by `edgekit secrets-store secret`.

The value is read at each call, so that a new one holds at once. It is in no repr and in no log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from edgekit import host
from edgekit.errors import SecretsStoreError
from edgekit.web.spelling import Spelled

if TYPE_CHECKING:
    from edgekit.engines.base import Records


class SecretsStoreSecret(Spelled):
    """One secret. `space` is its store in the records engine, `name` its name there."""

    __slots__ = ("_name", "_records", "_space")

    binding_kind: ClassVar[str] = "secrets_store_secrets"

    def __init__(self, records: Records, space: str, name: str) -> None:
        self._records = records
        self._space = space
        self._name = name

    async def get(self) -> str:
        """The value; SecretsStoreError where there is no such secret."""
        record = await self._records.get(self._space, self._name.encode(), now=host.now())
        if record is None:
            raise SecretsStoreError(f'Secret "{self._name}" not found')
        return b"".join(record.value).decode()

    def __repr__(self) -> str:
        return f"<SecretsStoreSecret {self._name!r}>"
