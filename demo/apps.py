"""The demo: a tour operator in Tatarstan, to look at and to throw away."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DemoConfig(AppConfig):
    name = "demo"
    verbose_name = _("Demo")

    def ready(self) -> None:
        """Register the context provider."""
        from demo import providers  # noqa: F401
