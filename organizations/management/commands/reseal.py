"""`manage.py reseal`: seals every stored secret with the first of ENCRYPTION_KEYS."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from organizations import sealing
from organizations.models import Provider


class Command(BaseCommand):
    help = "Seal providers' keys with the first of ENCRYPTION_KEYS, to retire an older one."

    def handle(self, *args: Any, **options: Any) -> None:
        done, unreadable = 0, []
        for pk in Provider.unscoped.order_by("pk").values_list("pk", flat=True):
            with transaction.atomic():
                provider = Provider.unscoped.select_for_update().get(pk=pk)
                try:
                    provider.sealed_key = sealing.reseal(provider.sealed_key)
                    provider.sealed_headers = sealing.reseal(provider.sealed_headers)
                except sealing.Unreadable:
                    unreadable.append(pk)
                    continue
                provider.save(update_fields=["sealed_key", "sealed_headers"])
                done += 1
        self.stdout.write(f"{done} providers were sealed with the first key")
        if unreadable:
            self.stderr.write(f"no key opens the secrets of providers {unreadable}")
            raise SystemExit(1)
