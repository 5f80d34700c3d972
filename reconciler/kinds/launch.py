"""What agents and a Session's own panes have in common: from a spec to a Launch and its fields."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from reconciler.kinds.ground import Ground
from reconciler.kinds.shape import RestartShape, StopShape
from reconciler.model.ids import Json
from reconciler.model.unit import Disruption, Field, Launch, Restart, RestartPolicy

HOT, RESTART = Disruption.HOT, Disruption.RESTART


def restart(spec: RestartShape) -> Restart:
    """Return when and how fast it is started again."""
    return _restart(spec["policy"], spec["backoff"]["base"], spec["backoff"]["max"])


@lru_cache(maxsize=1024, typed=True)
def _restart(policy: str, base_s: float, max_s: float) -> Restart:
    return Restart(RestartPolicy(policy), base_s, max_s)


def launch(
    command: list[str] | None,
    directory: str,
    env: Mapping[str, str],
    secrets: Mapping[str, str],
    ground: Ground,
) -> Launch:
    """Return how it is started. A secret covers a variable of the same name from further out."""
    return Launch(
        argv=tuple(command or ()),
        directory=directory,
        env=tuple(sorted((k, v) for k, v in env.items() if k not in secrets)),
        secrets=tuple(sorted((k, ground.reference(v)) for k, v in secrets.items())),
    )


def launch_fields(
    command: list[str] | None, directory: str, env: Mapping[str, str], secrets: Mapping[str, str]
) -> list[Field]:
    """Return the fields whose change restarts the process; secrets by reference as written."""
    argv: list[Json] = [*(command or ())]
    fields = [Field("command", argv, RESTART), Field("directory", directory, RESTART)]
    shown = sorted((k, v) for k, v in env.items() if k not in secrets)
    fields += [Field(f"env.{k}", v, RESTART) for k, v in shown]
    fields += [Field(f"secrets.{k}", v, RESTART) for k, v in sorted(secrets.items())]
    return fields


def lifecycle_fields(restarts: RestartShape, stop: StopShape) -> tuple[Field, ...]:
    """Return the fields that the reconciler itself obeys."""
    backoff = restarts["backoff"]
    return _lifecycle(restarts["policy"], backoff["base"], backoff["max"], stop["grace"])


# A thousand agents share a few of these.
@lru_cache(maxsize=1024, typed=True)
def _lifecycle(policy: str, base_s: float, max_s: float, grace_s: float) -> tuple[Field, ...]:
    return (
        Field("restart.policy", policy, HOT),
        Field("restart.backoff.base", base_s, HOT),
        Field("restart.backoff.max", max_s, HOT),
        Field("stop.grace", grace_s, HOT),
    )
