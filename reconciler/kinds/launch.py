"""What agents and a Session's own panes have in common: from a spec to a Launch and its fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from reconciler.kinds.ground import Ground
from reconciler.kinds.shape import BurstShape, HealShape, RestartShape, StopShape
from reconciler.model.ids import Json
from reconciler.model.unit import (
    Disruption,
    Field,
    Heal,
    Healing,
    Launch,
    Restart,
    RestartPolicy,
)

HOT, RESTART = Disruption.HOT, Disruption.RESTART


def restart(spec: RestartShape) -> Restart:
    """Return when and how fast it is started again."""
    backoff, burst = spec["backoff"], spec["burst"]
    return _restart(
        spec["policy"], backoff["base"], backoff["max"], burst["count"], burst["window"]
    )


@lru_cache(maxsize=1024, typed=True)
def _restart(policy: str, base_s: float, max_s: float, count: int, window_s: float) -> Restart:
    return Restart(RestartPolicy(policy), base_s, max_s, count, window_s)


def healing(spec: HealShape, otherwise: Healing) -> Healing:
    """Return what is mended by itself; `otherwise` is what holds for all that does not say."""
    return _healing(spec["crash"] or otherwise.crash.value, spec["edit"] or otherwise.edit.value)


# One value for all that say the same, so that comparing them is quick.
@lru_cache
def _healing(crash: str, edit: str) -> Healing:
    return Healing(Heal(crash), Heal(edit))


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
    """Return the fields that the reconciler itself obeys.

    The later ones are there only where they say something of their own: what ran before an
    upgrade must look the same to a newer version.
    """
    backoff = restarts["backoff"]
    told = _lifecycle(restarts["policy"], backoff["base"], backoff["max"], stop["grace"])
    return (*told, *_later(restarts["burst"], stop))


# A thousand agents share a few of these.
@lru_cache(maxsize=1024, typed=True)
def _lifecycle(policy: str, base_s: float, max_s: float, grace_s: float) -> tuple[Field, ...]:
    return (
        Field("restart.policy", policy, HOT),
        Field("restart.backoff.base", base_s, HOT),
        Field("restart.backoff.max", max_s, HOT),
        Field("stop.grace", grace_s, HOT),
    )


_USUAL, _KILL_S = Restart(), 5.0


def _later(burst: BurstShape, stop: StopShape) -> Iterator[Field]:
    if burst["count"] != _USUAL.burst_count:
        yield Field("restart.burst.count", burst["count"], HOT)
    if burst["window"] != _USUAL.burst_window_s:
        yield Field("restart.burst.window", burst["window"], HOT)
    if stop["quit"]:
        yield Field("stop.quit", [*stop["quit"]], HOT)
    if stop["kill"] != _KILL_S:
        yield Field("stop.kill", stop["kill"], HOT)


def care_fields(heal: HealShape, *, protect: bool) -> Iterator[Field]:
    """Yield what a file says itself of healing and protection; nothing when it says nothing."""
    if heal["crash"] is not None:
        yield Field("heal.crash", heal["crash"], HOT)
    if heal["edit"] is not None:
        yield Field("heal.edit", heal["edit"], HOT)
    if protect:
        yield Field("protect", value=True, disruption=HOT)
