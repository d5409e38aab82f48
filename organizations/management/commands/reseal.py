"""`manage.py reseal`: seals every stored secret with the first of ENCRYPTION_KEYS."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from organizations import sealing
from organizations.models import ContextProvider, Provider, Tool

# Which columns of which rows are sealed.
SEALED: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (Provider, ("sealed_key", "sealed_headers")),
    (Tool, ("sealed_headers",)),
    (ContextProvider, ("sealed_headers",)),
)


class Command(BaseCommand):
    help = "Seal all stored secrets with the first of ENCRYPTION_KEYS, to retire an older one."

    def handle(self, *args: Any, **options: Any) -> None:
        is_whole = True
        for model, columns in SEALED:
            name = model._meta.model_name
            done, unreadable = resealed(model, columns)
            self.stdout.write(f"{done} {name}s were sealed with the first key")
            if unreadable:
                is_whole = False
                self.stderr.write(f"no key opens the secrets of {name}s {unreadable}")
        if not is_whole:
            raise SystemExit(1)


def resealed(model: Any, columns: tuple[str, ...]) -> tuple[int, list[int]]:
    """How many rows were sealed anew, and those that no key opens."""
    done, unreadable = 0, []
    for pk in model.unscoped.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            row = model.unscoped.select_for_update().get(pk=pk)
            try:
                for column in columns:
                    setattr(row, column, sealing.reseal(getattr(row, column)))
            except sealing.Unreadable:
                unreadable.append(pk)
                continue
            row.save(update_fields=columns)
            done += 1
    return done, unreadable
