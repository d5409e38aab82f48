"""The operators app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OperatorsConfig(AppConfig):
    name = "operators"
    verbose_name = _("Operators")

    def ready(self) -> None:
        """Tell the chat who is at work: it lies below and cannot ask."""
        from chat import waiting
        from operators import presence

        waiting.presence_is_told_by(presence.is_anybody_online)
