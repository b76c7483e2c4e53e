"""The platform's env as the Worker's: bindings in our own wrappers, variables as Python values."""

from __future__ import annotations

from typing import Any

import js

from edgekit.env import Env, build, declarations
from edgekit.on_workers.bindings import wrap
from edgekit.worker import Worker


def build_env(worker: Worker, env: Any) -> Env:
    """The env of `worker`, checked against every Env class in it. ConfigError lists what is wrong."""
    kinds = {d.name: d.kind for cls in worker.env_classes() for d in declarations(cls)}
    values = {name: wrap(getattr(env, name), kinds.get(name)) for name in js.Object.keys(env)}
    first, *others = worker.env_classes()
    for cls in others:
        build(cls, values)
    return build(first, values)
