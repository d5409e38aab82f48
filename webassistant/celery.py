"""The Celery application; `celery -A webassistant` starts here."""

import os

from celery import Celery
from kombu.transport.redis import Channel, QoS

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webassistant.settings")

app = Celery("webassistant")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


class SurvivingQoS(QoS):
    """Lets go of the unacked tasks of a connection that is gone, where kombu ends the worker.

    Kombu would put them back, or ack them, over a channel that it has just closed. What was lost
    with the connection is found in PostgreSQL.
    """

    restore_at_shutdown = False

    def ack(self, delivery_tag: str) -> None:
        """Ack a task, unless the channel it came by is closed."""
        if self.channel.connection is not None:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]


Channel.QoS = SurvivingQoS
