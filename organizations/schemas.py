"""The JSON schemas of results: which may be saved, what fits one, and what is wrong with the rest.

A bounded part of JSON Schema (2020-12): objects, arrays, texts, numbers and yes-or-no, with titles,
choices and bounds. There are no references, patterns or alternatives, so that a schema is always
small, cheap to check with, and can be shown to people. Four keywords are ours, and no model sees
them: `titles` and `labels` (words by language), `from` (what is known without a model), `default`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from ai.texts import storable
from organizations import misfits

Schema = dict[str, Any]

MOST_CHARACTERS = 16_000
MOST_DEPTH = 5
MOST_PROPERTIES = 60
LONGEST_TEXT = 4000
MOST_ITEMS = 50
MOST_CHOICES = 50
LONGEST_NAME = 60
MOST_ERRORS = 10

TYPES = ("object", "array", "string", "number", "integer", "boolean")
OURS = ("titles", "labels", "from", "default")
COUNTS = ("minLength", "maxLength", "minItems", "maxItems")
BOUNDS = ("minimum", "maximum")
KEYWORDS = {
    *("type", "title", "description", "properties", "required", "additionalProperties", "items"),
    *("enum", *COUNTS, *BOUNDS, *OURS),
}
# What a field may be filled from without a model; `chat.rules` knows how.
SOURCES = (
    *("visitor.name", "visitor.email", "visitor.phone"),
    *("dialogue", "first_message", "page.url", "page.title"),
)


def check(schema: Any) -> None:
    """Raise ValidationError for what is no schema of a result, naming the place and the rule."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise _wrong("", _('a result is an object: {"type": "object", "properties": {…}}'))
    if len(json.dumps(schema, ensure_ascii=False)) > MOST_CHARACTERS:
        raise _wrong("", _("longer than %(most)s characters") % {"most": MOST_CHARACTERS})
    properties = 0
    for place, part in _parts(schema, "", 1):
        _check_part(part, place)
        properties += len(part.get("properties", {}))
    if properties > MOST_PROPERTIES:
        raise _wrong("", _("more than %(most)s fields") % {"most": MOST_PROPERTIES})
    if not schema.get("properties"):
        raise _wrong("", _("a result has at least one field"))


def _wrong(place: str, what: str) -> ValidationError:
    sentence = _("The schema is wrong at %(place)s: %(what)s.")
    return ValidationError(
        sentence, code="schema", params={"place": place or _("its beginning"), "what": what}
    )


def _parts(schema: Any, place: str, depth: int) -> Iterator[tuple[str, Schema]]:
    """The schema and every schema inside it, each with its place."""
    if not isinstance(schema, dict):
        raise _wrong(place, _("an object is expected"))
    if depth > MOST_DEPTH:
        raise _wrong(place, _("nested deeper than %(most)s levels") % {"most": MOST_DEPTH})
    yield place, schema
    properties = schema.get("properties", {})
    if not isinstance(properties, dict):
        raise _wrong(place, _("“properties” is an object"))
    for name, inner in properties.items():
        yield from _parts(inner, f"{place}.{name}".lstrip("."), depth + 1)
    if "items" in schema:
        yield from _parts(schema["items"], f"{place}[]", depth + 1)


def _check_part(part: Schema, place: str) -> None:
    if unknown := sorted(set(part) - KEYWORDS):
        raise _wrong(place, _("“%(name)s” is not known here") % {"name": unknown[0][:40]})
    kind = part.get("type")
    if kind not in TYPES:
        raise _wrong(place, _("“type” is one of %(types)s") % {"types": ", ".join(TYPES)})
    if kind == "array" and "items" not in part:
        raise _wrong(place, _("an array says what its “items” are"))
    if part.get("additionalProperties", False) is not False:
        raise _wrong(place, _("“additionalProperties” is false: nothing else is kept"))
    names = part.get("properties", {})
    if any(not name or len(name) > LONGEST_NAME or "\0" in name for name in names):
        raise _wrong(
            place, _("a field's name has 1 to %(most)s characters") % {"most": LONGEST_NAME}
        )
    required = part.get("required", [])
    if not isinstance(required, list) or not all(
        isinstance(name, str) and name in names for name in required
    ):
        raise _wrong(place, _("“required” lists fields that are there"))
    for name in COUNTS:
        if name in part and (type(part[name]) is not int or part[name] < 0):
            raise _wrong(place, _("“%(name)s” is a whole number") % {"name": name})
    for name in BOUNDS:
        if name in part and type(part[name]) not in (int, float):
            raise _wrong(place, _("“%(name)s” is a number") % {"name": name})
    _check_words(part, place)


def _check_words(part: Schema, place: str) -> None:
    choices = part.get("enum")
    if choices is not None and not (
        part["type"] == "string"
        and isinstance(choices, list)
        and 0 < len(choices) <= MOST_CHOICES
        and all(isinstance(choice, str) and choice for choice in choices)
    ):
        raise _wrong(place, _("“enum” lists texts, at most %(most)s") % {"most": MOST_CHOICES})
    if any(not isinstance(part.get(name, ""), str) for name in ("title", "description")):
        raise _wrong(place, _("“title” and “description” are texts"))
    if not _is_texts(part.get("titles", {})):
        raise _wrong(place, _('“titles” are texts by language: {"en": "…"}'))
    labels = part.get("labels", {})
    if not isinstance(labels, dict) or not all(map(_is_texts, labels.values())):
        raise _wrong(place, _('“labels” are words by language: {"en": {"high": "High"}}'))
    source = part.get("from")
    if source is not None and (source not in SOURCES or part["type"] != "string"):
        raise _wrong(place, _("“from” is one of %(names)s") % {"names": ", ".join(SOURCES)})
    if "default" in part and errors(part["default"], part):
        raise _wrong(place, _("“default” does not fit its own field"))


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def plain(schema: Schema) -> Schema:
    """The schema as others know JSON Schema: closed, with every bound said, without our words."""
    made = {key: value for key, value in schema.items() if key not in OURS}
    if schema["type"] == "object":
        inner = schema.get("properties", {})
        made["properties"] = {name: plain(part) for name, part in inner.items()}
        made["additionalProperties"] = False
    elif schema["type"] == "array":
        made["items"] = plain(schema["items"])
        made["maxItems"] = min(schema.get("maxItems", MOST_ITEMS), MOST_ITEMS)
    elif schema["type"] == "string":
        made["maxLength"] = min(schema.get("maxLength", LONGEST_TEXT), LONGEST_TEXT)
    return made


def fitted(data: Any, schema: Schema) -> Any:
    """The data without what the schema does not name, and without what cannot be stored."""
    if isinstance(data, str):
        return storable(data).strip()
    if isinstance(data, list) and schema["type"] == "array":
        return [fitted(item, schema["items"]) for item in data]
    if isinstance(data, dict) and schema["type"] == "object":
        # A model says of what it does not know that it is null; that is, that it is not there.
        return {
            name: fitted(data[name], part)
            for name, part in schema.get("properties", {}).items()
            if data.get(name) is not None
        }
    return data


def errors(data: Any, schema: Schema) -> list[str]:
    """What does not fit, a line each, for whoever made the data; empty: it fits."""
    return misfits.of(data, plain(schema), MOST_ERRORS)


def title(part: Schema, language: str, name: str = "") -> str:
    """What people call a field."""
    own = part.get("titles", {}).get(language) or part.get("title")
    return str(own or name.replace("_", " ").capitalize())


def label(part: Schema, language: str, value: str) -> str:
    """What people call a choice."""
    return str(part.get("labels", {}).get(language, {}).get(value) or value)


def needs_no_model(schema: Schema) -> bool:
    """Whether every field that must be there is filled from something that is known anyway."""
    fields = schema.get("properties", {})
    return bool(schema.get("required")) and all(
        "from" in fields[name] or "default" in fields[name] for name in schema["required"]
    )
