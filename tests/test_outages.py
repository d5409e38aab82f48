"""What a server that is killed and comes back does to the processes that use it."""

from __future__ import annotations

import os
import signal
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from kombu.connection import Connection
from kombu.simple import SimpleQueue

from chat import visitor
from chat.models import Message, Turn
from tests.openai_server import OpenAIServer
from tests.processes import started
from tests.product import wait_until
from webassistant import services
from webassistant.boot import processes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def redis_folder() -> Iterator[Path]:
    """A short path, for the socket of a Redis of our own."""
    with tempfile.TemporaryDirectory(prefix="webassistant-") as folder:
        yield Path(folder)


def test_worker_survives_the_death_of_redis_in_the_middle_of_an_answer(
    acme: Any, tmp_path: Path, redis_folder: Path
) -> None:
    acme.agent.model = "fake-gate"
    acme.agent.save()
    reply, _indexing, dispatcher = processes.workers(tmp_path)
    with ExitStack() as stack:
        redis = services.start_redis(redis_folder, durable=False)
        stack.callback(lambda: redis.stop())
        model = stack.enter_context(OpenAIServer())
        environment = {
            "REDIS_URL": redis.url,
            "OPENAI_API_KEY": "any",
            "OPENAI_BASE_URL": model.base_url,
        }
        worker, _dispatcher = (
            stack.enter_context(started(name, arguments, tmp_path, **environment))
            for name, arguments in (
                # Late acks only here: they make sure that there is an unacked task.
                ("reply", (*reply.arguments, "--", "task.acks_late=1")),
                ("dispatcher", dispatcher.arguments),
            )
        )
        visitor.say(acme.visitor(), acme.visit, "What does it cost?", uuid.uuid4())
        # The worker listens to another Redis than this process: the dispatcher is to send it.
        Turn.unscoped.update(dispatched_at=None)
        wait_until(lambda: model.sent_pieces >= 2, "the answer has begun")

        os.kill(redis.child.process.pid, signal.SIGKILL)
        redis.child.process.wait()
        wait_until(
            lambda: "Cannot connect to" in worker.log.read_text() or not worker.is_alive(),
            "the worker has tried to come back",
        )
        redis = services.start_redis(redis_folder, durable=False)
        model.open_gate()
        wait_until(
            lambda: Turn.unscoped.filter(status=Turn.Status.DONE).exists(), "the answer is saved"
        )
        assert worker.is_alive()

    turn = Turn.unscoped.get()
    assert turn.attempt == 1
    assert Message.unscoped.get(role=Message.Role.ASSISTANT).turn_id == turn.pk


def test_ack_over_a_closed_connection_ends_no_worker() -> None:
    broker = Connection(settings.CELERY_BROKER_URL)
    channel = broker.channel()
    queue = SimpleQueue(channel, f"test-{uuid.uuid4().hex}")
    queue.put("task")
    message = queue.get(timeout=5)
    queue.queue.delete()
    channel.close()
    message.ack()
    broker.release()
