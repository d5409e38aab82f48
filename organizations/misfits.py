"""What of some data does not fit a JSON schema. For `schemas` and `calls.schemas`."""

from __future__ import annotations

from itertools import islice
from typing import Any

LONGEST = 200


def of(data: Any, schema: dict[str, Any], most: int) -> list[str]:
    """At most so many lines, a place and its rule each, for whoever made the data."""
    # The library takes some time to import, and most processes never need it.
    from jsonschema import Draft202012Validator

    found = Draft202012Validator(schema).iter_errors(data)
    return [f"{_place(error.path)}: {error.message}"[:LONGEST] for error in islice(found, most)]


def _place(path: Any) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).lstrip(".") or "the whole"
