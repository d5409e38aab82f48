"""A deploy, with real processes: the server says goodbye, the worker finishes what it began."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import uuid
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from chat import visitor
from chat.delivery.closing import RESTART
from chat.delivery.socket import COME_BACK_MS
from chat.models import Message, Turn
from tests.openai_server import OpenAIServer
from tests.processes import started, web
from tests.product import SECONDS, wait_until
from webassistant.boot import processes
from webassistant.boot.child import Child
from webassistant.server import GRACE_SECONDS

pytestmark = pytest.mark.django_db(transaction=True)


async def visit(port: int, key: str) -> ClientConnection:
    """A registered visitor."""
    origin = Origin(f"http://127.0.0.1:{port}")
    socket = await connect(f"ws://127.0.0.1:{port}/ws/chat/", origin=origin, proxy=None)
    hello = {"type": "register", "widget": key, "token": secrets.token_urlsafe(32)}
    await socket.send(json.dumps(hello))
    while json.loads(await socket.recv())["type"] != "chat_restored":
        pass
    return socket


async def frames_until_closed(socket: ClientConnection) -> tuple[list[dict[str, Any]], int]:
    """Everything the server still says, and the code with which it closes."""
    frames = []
    try:
        while True:
            frames.append(json.loads(await socket.recv()))
    except ConnectionClosed:
        # Without a close frame it is 1006.
        return frames, socket.close_code or 0


def test_stopped_server_says_bye_to_every_socket_and_loses_nothing(
    acme: Any, tmp_path: Path
) -> None:
    client_ids = [str(uuid.uuid4()) for _ in range(5)]

    async def scenario(server: Child, port: int) -> list[tuple[list[dict[str, Any]], int]]:
        sockets = [await visit(port, acme.widget.key) for _ in client_ids]
        # The signal falls among messages that were sent and not acked yet.
        for socket, client_id in zip(sockets, client_ids, strict=True):
            await socket.send(json.dumps({"type": "message", "client_id": client_id, "text": "Hi"}))
        server.process.send_signal(signal.SIGTERM)
        return await asyncio.gather(*(frames_until_closed(socket) for socket in sockets))

    with web(tmp_path) as (server, port):
        ends = asyncio.run(scenario(server, port))
        assert server.process.wait(GRACE_SECONDS + SECONDS) == -signal.SIGTERM

    for frames, code in ends:
        assert code == RESTART
        assert frames[-1]["type"] == "bye"
        assert 0 <= frames[-1]["retry"] < COME_BACK_MS
    assert len({frames[-1]["retry"] for frames, _code in ends}) > 1
    acked = {
        frame["client_id"]
        for frames, _code in ends
        for frame in frames
        if frame["type"] == "message_saved"
    }
    stored = {str(found) for found in Message.unscoped.values_list("client_id", flat=True)}
    assert acked <= stored
    assert "Cancel" not in (tmp_path / "web.log").read_text()


def test_stopped_worker_finishes_the_answer_it_has_begun(acme: Any, tmp_path: Path) -> None:
    acme.agent.model = "fake-gate"
    acme.agent.save()
    reply = processes.workers(tmp_path)[0]
    with (
        OpenAIServer() as model,
        started(
            "reply",
            reply.arguments,
            tmp_path,
            OPENAI_API_KEY="any",
            OPENAI_BASE_URL=model.base_url,
        ) as worker,
    ):
        visitor.say(acme.visitor(), acme.visit, "What does it cost?", uuid.uuid4())
        turn = Turn.unscoped.get()
        wait_until(lambda: model.sent_pieces >= 2, "the answer has begun")
        worker.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "Warm shutdown" in worker.log.read_text(), "the worker has heard")
        assert worker.is_alive()
        model.open_gate()
        assert worker.process.wait(SECONDS) == 0

    turn.refresh_from_db()
    answer = Message.unscoped.get(role=Message.Role.ASSISTANT)
    assert (turn.status, turn.attempt, answer.turn_id) == (Turn.Status.DONE, 1, turn.pk)
    assert answer.content == "I do not know that."
