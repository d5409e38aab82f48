"""The knowledge app."""

from typing import Any

from django.apps import AppConfig
from django.db import transaction
from django.db.models.signals import post_delete
from django.utils.translation import gettext_lazy as _


class KnowledgeConfig(AppConfig):
    name = "knowledge"
    verbose_name = _("Knowledge")

    def ready(self) -> None:
        """A file goes with its row, however the row goes: alone, in a list, or with all."""
        post_delete.connect(drop_file, sender="knowledge.Document", dispatch_uid="drop_file")


def drop_file(instance: Any, **kwargs: Any) -> None:
    """Take a deleted document's file off the disk, once the deletion is committed."""
    storage, name = instance.file.storage, instance.file.name
    if name:
        transaction.on_commit(lambda: storage.delete(name))
