"""The Celery application; `celery -A webassistant` starts here."""

import os

from celery import Celery
from kombu.transport.redis import QoS

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webassistant.settings")

app = Celery("webassistant")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# A worker that holds an unacked task when Redis goes away would end on it: kombu puts such tasks
# back over a connection that it has just closed. What was lost is found in PostgreSQL anyway.
QoS.restore_at_shutdown = False
