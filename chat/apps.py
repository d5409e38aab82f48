"""The chat app."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChatConfig(AppConfig):
    name = "chat"
    verbose_name = _("Chat")

    def ready(self) -> None:
        """A chat may be erased with its visitor, from the admin or a shell: always completely."""
        from django.contrib.admin.models import LogEntry
        from django.contrib.contenttypes.models import ContentType
        from django.db.models import Model
        from django.db.models.signals import post_delete

        from chat import lessons
        from chat.models import Chat, ContactRequest, Customer, TestCase
        from chat.trials import gates  # noqa: F401  (it registers itself)

        def forget(sender: type[Chat], instance: Chat, **kwargs: Any) -> None:
            lessons.forget(instance.organization_id, instance.chat_id)

        def unname(sender: type[Model], instance: Model, **kwargs: Any) -> None:
            # The admin's record of changes names a row by a person's own words.
            entries = LogEntry.objects.filter(
                content_type=ContentType.objects.get_for_model(sender), object_id=str(instance.pk)
            )
            entries.update(object_repr=f"#{instance.pk}")

        post_delete.connect(forget, sender=Chat, weak=False, dispatch_uid="chat.lessons.forget")
        for model in (ContactRequest, Customer, TestCase):
            post_delete.connect(unname, sender=model, weak=False, dispatch_uid=f"unname.{model}")
