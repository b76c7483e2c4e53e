"""Version metadata: `env.CF_VERSION.id`, `.tag` and `.timestamp`, what is deployed and since when."""

from __future__ import annotations

from typing import ClassVar

from edgekit.web.spelling import Plain


class WorkerVersionMetadata(Plain):
    """A plain object of three texts: `id` (a UUID), `tag` ("" if there is none) and `timestamp` (ISO
    8601, in UTC). The same in every process of a deployment.
    """

    __slots__ = ()

    binding_kind: ClassVar[str] = "version_metadata"

    id: str
    tag: str
    timestamp: str
