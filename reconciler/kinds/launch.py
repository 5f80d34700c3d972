"""What agents and a Session's own panes have in common: from a spec to a Launch and its fields."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.kinds.ground import Ground
from reconciler.kinds.shape import RestartShape, StopShape
from reconciler.model.ids import Json
from reconciler.model.unit import Disruption, Field, Launch, Restart, RestartPolicy

HOT, RESTART = Disruption.HOT, Disruption.RESTART

_POLICIES = {policy.value: policy for policy in RestartPolicy}
_DEFAULT_RESTART = Restart()


def restart(spec: RestartShape) -> Restart:
    """Return when and how fast it is started again."""
    base, most = spec["backoff"]["base"], spec["backoff"]["max"]
    if spec["policy"] == "always" and base == 1.0 and most == 60.0:
        return _DEFAULT_RESTART
    return Restart(_POLICIES[spec["policy"]], base, most)


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
    if env:
        shown = sorted((k, v) for k, v in env.items() if k not in secrets)
        fields += [Field(f"env.{k}", v, RESTART) for k, v in shown]
    if secrets:
        fields += [Field(f"secrets.{k}", v, RESTART) for k, v in sorted(secrets.items())]
    return fields


def lifecycle_fields(restarts: RestartShape, stop: StopShape) -> tuple[Field, ...]:
    """Return the fields that the reconciler itself obeys."""
    return (
        Field("restart.policy", restarts["policy"], HOT),
        Field("restart.backoff.base", restarts["backoff"]["base"], HOT),
        Field("restart.backoff.max", restarts["backoff"]["max"], HOT),
        Field("stop.grace", stop["grace"], HOT),
    )
