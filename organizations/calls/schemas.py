"""JSON schemas of a tool's arguments: which are taken, and what is wrong with given arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from organizations import misfits

MOST_ARGUMENTS = 30
LONGEST_SCHEMA = 8000
DEEPEST = 8
MOST_PROBLEMS = 5
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
# A reference may lead out into the net, and a pattern may take for ever on a hostile argument.
REFUSED = {"$ref", "$dynamicRef", "$recursiveRef", "$id", "$schema", "pattern", "patternProperties"}
NOTHING: dict[str, Any] = {"type": "object", "properties": {}}


def check(schema: Any) -> None:
    """Raise ValidationError unless this describes a JSON object of named arguments."""
    # The library takes some time to import, and most processes never need it.
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise ValidationError(
            _('Describe an object: {"type": "object", "properties": {…}}.'), code="schema_object"
        )
    if len(orjson.dumps(schema)) > LONGEST_SCHEMA or _depth(schema) > DEEPEST:
        raise ValidationError(_("The schema is too large or too deep."), code="schema_size")
    refused = sorted(REFUSED & set(_keywords(schema)))
    if refused:
        raise ValidationError(
            _("The schema may not use %(name)s."),
            code="schema_keyword",
            params={"name": refused[0]},
        )
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ValidationError(
            _("This is no JSON schema: %(problem)s"),
            code="schema",
            params={"problem": error.message[: misfits.LONGEST]},
        ) from None
    names = schema.get("properties", {})
    if len(names) > MOST_ARGUMENTS or not all(NAME.fullmatch(name) for name in names):
        raise ValidationError(
            _("Name at most %(most)s arguments, in Latin letters, digits and _."),
            code="schema_names",
            params={"most": MOST_ARGUMENTS},
        )


def problems(schema: dict[str, Any], arguments: Any) -> list[str]:
    """What is wrong with the arguments, for whoever gave them; empty: nothing."""
    # What no template could use would only be carried to somebody's server.
    strict = {"additionalProperties": False, **schema}
    return misfits.of(arguments, strict, MOST_PROBLEMS)


def properties(schema: dict[str, Any]) -> dict[str, Any]:
    """The arguments' own schemas by their names."""
    return dict(schema.get("properties") or {})


def required(schema: dict[str, Any]) -> set[str]:
    """The arguments that must be given."""
    return set(schema.get("required") or [])


def _depth(value: Any) -> int:
    deepest, level = 0, [value]
    while level and deepest <= DEEPEST:
        deepest += 1
        level = [part for whole in level for part in _parts(whole)]
    return deepest


def _parts(value: Any) -> Iterator[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (part for part in inner if isinstance(part, dict | list))


def _keywords(schema: Any) -> Iterator[str]:
    """Every key that a validator would read as a word of its own; names of arguments are none."""
    if isinstance(schema, list):
        for part in schema:
            yield from _keywords(part)
    if not isinstance(schema, dict):
        return
    for key, value in schema.items():
        yield key
        if key in ("enum", "const", "default", "examples"):
            continue
        if key in ("properties", "$defs", "dependentSchemas") and isinstance(value, dict):
            for part in value.values():
                yield from _keywords(part)
        else:
            yield from _keywords(value)
