"""The Celery application; `celery -A webassistant` starts here."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webassistant.settings")

app = Celery("webassistant")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
