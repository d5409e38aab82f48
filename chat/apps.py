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
        from django.db.models.signals import post_delete

        from chat import lessons
        from chat.models import Chat
        from chat.trials import gates  # noqa: F401  (it registers itself)

        def forget(sender: type[Chat], instance: Chat, **kwargs: Any) -> None:
            lessons.forget(instance.organization_id, instance.chat_id)

        post_delete.connect(forget, sender=Chat, weak=False, dispatch_uid="chat.lessons.forget")
