"""The categories that an import names: found however they are written, or made."""

from __future__ import annotations

from knowledge.imports.checking import ARROW, parts_of
from knowledge.models import Category
from knowledge.written import fold, tidy_text
from organizations.models import Organization


class Shelves:
    """The categories of an organization by their paths."""

    def __init__(self, organization: Organization) -> None:
        self._organization = organization
        self._found: dict[str, Category | None] = {}
        self._paths: dict[str, str] = {}
        self.new: list[str] = []
        rows = Category.objects.of(organization).select_related("parent").order_by("-pk")
        for category in rows:
            path = tidy_text(str(category))
            self._found[fold(path)], self._paths[fold(path)] = category, path

    def path(self, path: str) -> str:
        """The path as it is, or will be, written; notes the new ones. Raises Wrong."""
        if not path or fold(path) in self._paths:
            return self._paths.get(fold(path), "")
        whole = ""
        for part in parts_of(path):
            whole = f"{whole}{ARROW}{part}" if whole else part
            if fold(whole) not in self._paths:
                self._paths[fold(whole)] = whole
                self.new.append(whole)
            whole = self._paths[fold(whole)]
        return whole

    def get(self, path: str) -> Category | None:
        """The category, made with the one that it is inside of where they are not there."""
        if not path:
            return None
        found = self._found.get(fold(path))
        if found is None:
            parent, whole = None, ""
            for part in parts_of(path):
                whole = f"{whole}{ARROW}{part}" if whole else part
                found = self._found.get(fold(whole)) or Category.unscoped.create(
                    organization=self._organization, parent=parent, name=part
                )
                self._found[fold(whole)] = parent = found
        return found
