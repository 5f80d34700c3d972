"""The types that fields are made of: text from YAML becomes numbers, durations and safe words.

Every scalar arrives as text. A refused value never appears in a message where it could be secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic import (
    GetCoreSchemaHandler as Handler,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from reconciler.kinds.names import NAME, shown
from reconciler.kinds.spans import seconds, written


def refusal(
    rule: str, what: str, *, fix: str = "", at: tuple[str | int, ...] = ()
) -> PydanticCustomError:
    """Return the error that becomes a Problem of `rule`; `at` leads from this value further in."""
    return PydanticCustomError(rule, "{what}", {"what": what, "fix": fix, "at": at})


class Strict(BaseModel):
    """A mapping that knows all its fields; an empty value means the default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, value: object) -> object:
        if not isinstance(value, dict) or None not in value.values():
            return value
        known = {field.alias or name for name, field in cls.model_fields.items()}
        return {k: v for k, v in value.items() if v is not None or k not in known}


@dataclass(frozen=True, slots=True)
class _Read:
    """A value read from text, with its own JSON schema."""

    def read(self, value: object) -> object:
        raise NotImplementedError

    def schema(self, plain: JsonSchemaValue) -> JsonSchemaValue:
        raise NotImplementedError

    def __get_pydantic_core_schema__(self, source: Any, handler: Handler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return self.schema(handler(core))


@dataclass(frozen=True, slots=True)
class Whole(_Read):
    """A whole number within limits, both included."""

    least: int
    most: int

    def read(self, value: object) -> object:
        """Return the number that plain decimal digits mean."""
        if not isinstance(value, str) or not re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", value):
            raise refusal("schema/integer", f"{shown(value)} is not a whole number")
        number = int(value)
        if not self.least <= number <= self.most:
            raise refusal(
                "schema/range",
                f"{number} is not between {self.least} and {self.most}",
                fix=f"choose a number from {self.least} to {self.most}",
            )
        return number

    def schema(self, plain: JsonSchemaValue) -> JsonSchemaValue:
        """Add the limits."""
        return {**plain, "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Span(_Read):
    """A duration within limits, both included, in seconds."""

    least: float
    most: float

    def read(self, value: object) -> object:
        """Return the seconds that the text means."""
        length = seconds(value) if isinstance(value, str) else None
        if length is None:
            raise refusal("schema/duration", f"{shown(value)} is not a duration")
        if not self.least <= length <= self.most:
            least, most = written(self.least), written(self.most)
            what = f"{shown(value)} is not between {least} and {most}"
            fix = f"choose a duration from {least} to {most}"
            raise refusal("schema/range", what, fix=fix)
        return length

    def schema(self, plain: JsonSchemaValue) -> JsonSchemaValue:
        """Describe the text, not the number it becomes."""
        pattern = r"^([0-9]+ms|(?=.)([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+(\.[0-9]+)?s)?)$"
        kept = {k: v for k, v in plain.items() if k not in {"type", "default"}}
        shaped: JsonSchemaValue = {**kept, "type": "string", "pattern": pattern}
        return shaped


@dataclass(frozen=True, slots=True)
class Shaped:
    """Text that matches a pattern as a whole, or breaks `rule`."""

    pattern: str
    rule: str

    def check(self, value: str) -> str:
        """Return the text as it is."""
        if re.fullmatch(self.pattern, value) is None:
            raise refusal(self.rule, f"{shown(value)} is not allowed here")
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: Handler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(core), "pattern": f"^(?:{self.pattern})$"}


def _flag(value: object) -> object:
    words = {"true": True, "false": False}
    if not isinstance(value, str) or value not in words:
        raise refusal("schema/boolean", f"{shown(value)} is not true or false")
    return words[value]


def printable(most: int, rule: str = "schema/text") -> Callable[[str], str]:
    """Return a check for non-empty printable text of at most `most` characters."""

    def check(value: str) -> str:
        if not value:
            raise refusal("schema/empty", "an empty text")
        if len(value) > most:
            raise refusal("schema/long", f"a text of {len(value)} characters; at most {most}")
        if not value.isprintable():
            raise refusal(rule, f"{shown(value)} holds a character that cannot be seen")
        return value

    return check


def text(most: int) -> Callable[[str], str]:
    """Return a check for text of at most `most` bytes that may have lines, and nothing unseen."""

    def check(value: str) -> str:
        if not value.strip():
            raise refusal("schema/empty", "an empty text")
        if len(value.encode()) > most:
            raise refusal("schema/long", f"a text of {len(value)} characters; at most {most}")
        if not all(line.isprintable() for line in value.replace("\t", " ").split("\n")):
            raise refusal("schema/text", "a text that holds a character that cannot be seen")
        return value

    return check


def _without_nul(most: int, *, least: int = 0) -> Callable[[str], str]:
    def check(value: str) -> str:
        if len(value) < least:
            raise refusal("schema/empty", "an empty text")
        if "\x00" in value:
            raise refusal("launch/nul", "a NUL byte")
        if len(value.encode()) > most:
            raise refusal("schema/long", f"a text of {len(value)} characters; at most {most}")
        return value

    return check


def _branch(text: str) -> str:
    plain = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_./@+-]{0,199}", text)
    if plain is None or ".." in text or "@{" in text or "//" in text:
        raise refusal("fleet/branch", f"{shown(text)} is not a branch's name")
    if text.endswith((".lock", "/", ".")) or "/." in text:
        raise refusal("fleet/branch", f"{shown(text)} is not a branch's name")
    return text


# What a person may write without quotes although an editor reads it as a number or a boolean.
_LOOSE = WithJsonSchema({"type": ["string", "number", "boolean"]})

Flag = Annotated[bool, BeforeValidator(_flag)]
Name = Annotated[str, Shaped(NAME, "name/unit")]
Label = Annotated[str, Shaped(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,62}", "schema/label")]
Text = Annotated[str, AfterValidator(printable(256)), _LOOSE]
Raw = Annotated[str, AfterValidator(_without_nul(131_072)), _LOOSE]
Word = Annotated[str, AfterValidator(_without_nul(131_072, least=1)), _LOOSE]
Directory = Annotated[str, AfterValidator(printable(4096, "directory/unsafe"))]
Branch = Annotated[str, AfterValidator(_branch)]
