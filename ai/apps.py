"""The ai app: no models of rows, only ports to models of language."""

from django.apps import AppConfig


class AIConfig(AppConfig):
    name = "ai"
    label = "ai"
