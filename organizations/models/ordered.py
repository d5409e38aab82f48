"""A field for JSON whose keys stay in their order, which PostgreSQL's own type does not keep."""

from __future__ import annotations

import json
from typing import Any

from django.db import models


class OrderedJSONField(models.TextField):  # type: ignore[type-arg]
    """An object as its owner wrote it. Nothing is searched for inside it."""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        """The object behind the text."""
        return None if value is None else json.loads(value)

    def to_python(self, value: Any) -> Any:
        """The object; a text is one that was written down."""
        return json.loads(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> str | None:
        """The text of the object."""
        return None if value is None else json.dumps(value, ensure_ascii=False)

    def value_to_string(self, obj: models.Model) -> str:
        """The text, for serialisers."""
        return self.get_prep_value(self.value_from_object(obj)) or ""
