"""Wiring only: settings, routes, servers. Nobody imports it but Django and Celery."""

from webassistant.celery import app as celery_app

__all__ = ["celery_app"]
