"""The kinds as schemas: for editors, for did-you-mean, and for what a change of a field costs.

Brings pydantic; imported on demand only.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Union, cast, get_args, get_origin

from pydantic import BaseModel

from reconciler.kinds import KINDS
from reconciler.kinds.spans import written
from reconciler.kinds.specs.document import DOCUMENTS, Metadata
from reconciler.model.ids import Json
from reconciler.model.unit import Disruption


def json_schema(kind: str) -> dict[str, Json]:
    """Return the JSON Schema (2020-12) of a whole document. Raises LookupError for no kind."""
    schema = _document(kind).model_json_schema(by_alias=True)
    said = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": kind}
    return cast(dict[str, Json], _as_written(said))


def _as_written(schema: Any) -> Any:
    """Return the schema with the defaults of durations as a person writes them.

    The defaults of whole mappings go: each of their fields tells its own.
    """
    if isinstance(schema, list):
        return [_as_written(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    told = {name: _as_written(part) for name, part in schema.items()}
    default = told.get("default")
    if isinstance(default, float):
        told["default"] = written(default)
    elif "default" in told and "$ref" in told:
        del told["default"]
    return told


@cache
def classes(kind: str) -> Mapping[str, Disruption]:
    """Return what a change of each field costs; raises LookupError for a field without a class."""
    spec = inside(_document(kind), ("spec",))
    found = dict(_classes(spec, "")) if spec is not None else {}
    labels = {n: d for n, d in _classes(Metadata, "") if n.startswith("labels")}
    return types.MappingProxyType({**found, **labels} if kind in _LABELLED else found)


_LABELLED = frozenset(kind.name for kind in KINDS.values() if kind.folder)


def inside(model: type[BaseModel], loc: tuple[str | int, ...]) -> type[BaseModel] | None:
    """Return the model that describes the value at `loc` of a document, or None."""
    shape: Any = model
    for part in loc:
        shape = _step(shape, part)
    return shape if isinstance(shape, type) and issubclass(shape, BaseModel) else None


def field_names(model: type[BaseModel]) -> list[str]:
    """Return the names a person writes."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _document(kind: str) -> type[BaseModel]:
    if kind not in DOCUMENTS:
        raise LookupError(f"no kind {kind}; known: {', '.join(KINDS)}")
    return DOCUMENTS[kind]


def _step(shape: Any, part: str | int) -> Any:
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        found = [f for name, f in shape.model_fields.items() if part in (name, f.alias)]
        return _bare(found[0].annotation) if found else None
    arguments = get_args(shape)
    if get_origin(shape) is list and isinstance(part, int):
        return _bare(arguments[0])
    return _bare(arguments[1]) if get_origin(shape) is dict else None


def _bare(annotation: Any) -> Any:
    """Return the type below `Annotated` and `| None`."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, types.UnionType):
            annotation = next(a for a in get_args(annotation) if a is not type(None))
        else:
            return annotation


def _classes(model: type[BaseModel], above: str) -> Iterator[tuple[str, Disruption]]:
    for name, field in model.model_fields.items():
        shape, path = _bare(field.annotation), f"{above}{field.alias or name}"
        if get_origin(shape) is list:
            shape = _bare(get_args(shape)[0])
            path = f"{path}[]" if _is_model(shape) else path
        if _is_model(shape):
            yield from _classes(shape, f"{path}.")
            continue
        said = [word for word in field.metadata if isinstance(word, Disruption)]
        if not said:
            raise LookupError(f"{model.__name__}.{name} does not say what changing it costs")
        yield (f"{path}.*" if get_origin(shape) is dict else path), said[0]


def _is_model(shape: Any) -> bool:
    return isinstance(shape, type) and issubclass(shape, BaseModel)
