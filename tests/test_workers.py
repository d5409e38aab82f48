"""Which worker takes which tasks, and in what order."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from celery import current_app
from kombu.entity import Queue
from kombu.message import Message
from kombu.messaging import Consumer, Producer

from webassistant import settings
from webassistant.boot import processes


def test_every_queue_has_a_worker() -> None:
    taken = [
        set(process.arguments[process.arguments.index("-Q") + 1].split(","))
        for process in processes.workers(Path("var"))
        if "-Q" in process.arguments
    ]
    routed = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
    assert set.union(*taken) == routed | {settings.CELERY_TASK_DEFAULT_QUEUE}
    # What takes long may hold up no answer.
    assert {"reply"} in taken


def test_what_is_to_be_found_is_not_behind_everything_that_can_wait() -> None:
    indexing, background = (f"{name}-{uuid4()}" for name in ("indexing", "background"))
    seen: list[str] = []

    def hear(message: Message) -> None:
        seen.append(message.delivery_info["routing_key"])
        message.ack()

    with current_app.connection_for_write() as connection, connection.channel() as channel:
        queues = [Queue(name, auto_delete=True)(channel) for name in (indexing, background)]
        producer = Producer(channel)
        for queue in queues:
            queue.declare()
        for name in [background] * 6 + [indexing] * 2:
            producer.publish("a task", routing_key=name)
        with Consumer(channel, queues=queues, prefetch_count=1, on_message=hear):
            while len(seen) < 8:
                connection.drain_events(timeout=30)
    assert seen[:4].count(indexing) == 2
