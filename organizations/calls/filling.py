"""Templates of addresses and bodies, and arguments put into them.

An argument is a value at its place and nothing else: it cannot change the host, the path around
it, the query's other parts, or the structure of a body. What could is refused, not mended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]{0,63})\}")
_ADDRESS = re.compile(r"(https?://[^/?#{}\s\\]+)(/[^?#\s\\]*)?(?:\?([^#\s\\]*))?")
# Some servers undo an encoded slash before they look at the path, some undo it twice.
_NOT_IN_PATH = re.compile(r"[/\\%\x00-\x1f\x7f]")
LONGEST_ARGUMENT = 1000


class Unfillable(Exception):
    """These arguments do not fit; `code` says why, `name` which of them."""

    def __init__(self, code: str, name: str) -> None:
        super().__init__(code, name)
        self.code, self.name = code, name

    def __str__(self) -> str:
        reason = {
            "argument_missing": "is needed",
            "argument_path": "may not be empty, a dot, or hold / \\ % or control characters",
            "argument_shape": "must be a text, a number or true/false here",
            "argument_long": f"may have at most {LONGEST_ARGUMENT} characters here",
        }[self.code]
        return f"{self.name} {reason}."


def check_address(template: str) -> None:
    """Raise ValidationError unless this is an address with placeholders where they may stand."""
    found = _ADDRESS.fullmatch(template)
    if found is None:
        raise ValidationError(
            _("Write a whole address; {arguments} may stand in its path and after =."),
            code="template",
        )
    _origin, path, query = found.groups()
    for pair in (query or "").split("&"):
        name, _equals, value = pair.partition("=")
        if "{" in name or "}" in name:
            raise ValidationError(
                _("In the query an {argument} may stand after = only."), code="template_query"
            )
        check_text(value)
    check_text(path or "")


def check_body(template: Any) -> None:
    """Raise ValidationError for a body whose keys, or whose braces, are not as they should be."""
    if isinstance(template, dict):
        for key, value in template.items():
            if PLACEHOLDER.search(key):
                raise ValidationError(
                    _("The names in the body are fixed; an {argument} may stand as a value only."),
                    code="template_body",
                )
            check_body(value)
    elif isinstance(template, list):
        for value in template:
            check_body(value)


def check_text(text: str) -> None:
    """Raise ValidationError for a brace that belongs to no placeholder."""
    if re.search(r"[{}]", PLACEHOLDER.sub("", text)):
        raise ValidationError(
            _("A brace must belong to an {argument}, named in Latin letters, digits and _."),
            code="template_braces",
        )


def names_in(template: Any) -> set[str]:
    """The arguments that a text, or a body, asks for."""
    if isinstance(template, str):
        return set(PLACEHOLDER.findall(template))
    if isinstance(template, dict):
        template = list(template.values())
    if isinstance(template, list):
        return {name for part in template for name in names_in(part)}
    return set()


def names_in_path(template: str) -> set[str]:
    """The arguments without which there is no address."""
    found = _ADDRESS.fullmatch(template)
    return names_in(found[2] or "") if found else set()


def address(template: str, arguments: Mapping[str, Any]) -> str:
    """The address with the arguments in it; raises Unfillable."""
    found = _ADDRESS.fullmatch(template)
    if found is None:
        raise ValueError("not a template of an address")
    origin, path, query = found.groups()
    filled = "/".join(_segment(segment, arguments) for segment in (path or "/").split("/"))
    pairs = "&".join(pair for one in (query or "").split("&") for pair in _pairs(one, arguments))
    return f"{origin}{filled}" + (f"?{pairs}" if pairs else "")


def body(template: Any, arguments: Mapping[str, Any]) -> Any:
    """The body with the arguments in it; a part whose argument was not given is left out."""
    filled = _value(template, arguments)
    return None if filled is _LEFT_OUT else filled


def _segment(segment: str, arguments: Mapping[str, Any]) -> str:
    names = PLACEHOLDER.findall(segment)
    if not names:
        return segment
    for name in names:
        if arguments.get(name) is None:
            raise Unfillable("argument_missing", name)
        text = _text(name, arguments[name])
        if not text or _NOT_IN_PATH.search(text):
            raise Unfillable("argument_path", name)
    # Two arguments of a dot each would make a step upwards.
    if PLACEHOLDER.sub(lambda m: _text(m[1], arguments[m[1]]), segment) in (".", ".."):
        raise Unfillable("argument_path", names[0])
    return PLACEHOLDER.sub(lambda m: _encoded(m[1], arguments[m[1]]), segment)


def _pairs(pair: str, arguments: Mapping[str, Any]) -> Iterator[str]:
    name, equals, value = pair.partition("=")
    wanted = PLACEHOLDER.findall(value)
    if not wanted:
        yield pair
        return
    if any(arguments.get(one) is None for one in wanted):
        return
    whole = arguments[wanted[0]]
    if PLACEHOLDER.fullmatch(value) and isinstance(whole, list):
        for part in whole:
            yield f"{name}{equals}{_encoded(wanted[0], part)}"
        return
    yield f"{name}{equals}" + PLACEHOLDER.sub(lambda m: _encoded(m[1], arguments[m[1]]), value)


def _encoded(name: str, value: Any) -> str:
    return quote(_text(name, value), safe="", errors="replace")


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise Unfillable("argument_shape", name)
    text = str(value)
    if len(text) > LONGEST_ARGUMENT:
        raise Unfillable("argument_long", name)
    return text


_LEFT_OUT = object()


def _value(template: Any, arguments: Mapping[str, Any]) -> Any:
    if isinstance(template, dict):
        filled = {key: _value(value, arguments) for key, value in template.items()}
        return {key: value for key, value in filled.items() if value is not _LEFT_OUT}
    if isinstance(template, list):
        parts = [_value(value, arguments) for value in template]
        return [part for part in parts if part is not _LEFT_OUT]
    if not isinstance(template, str):
        return template
    names = PLACEHOLDER.findall(template)
    if any(arguments.get(name) is None for name in names):
        return _LEFT_OUT
    if PLACEHOLDER.fullmatch(template):
        return arguments[names[0]]
    return PLACEHOLDER.sub(lambda m: _text(m[1], arguments[m[1]]), template)
