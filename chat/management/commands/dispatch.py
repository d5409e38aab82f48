"""`manage.py dispatch`: the process that sends turns to workers when nobody else did."""

from __future__ import annotations

import logging
import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand
from django.db import InterfaceError, OperationalError, close_old_connections

from chat import approvals, conversation, results, turns
from chat.accounting import ledger
from chat.models import ChatResult

log = logging.getLogger(__name__)

EVERY_SECONDS = 0.5


class Command(BaseCommand):
    help = "Send turns that wait to the workers, and find the lost ones, until it is stopped."

    def handle(self, *args: Any, **options: Any) -> None:
        stopping = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopping.set())
        while not stopping.wait(EVERY_SECONDS):
            try:
                dispatch_once()
            except (OperationalError, InterfaceError) as error:
                log.warning("no database: %s", type(error).__name__)
            finally:
                close_old_connections()


def dispatch_once() -> None:
    """One round: what is due goes to the workers, what failed too often goes to people."""
    waiting = turns.overdue()
    if waiting:
        turns.dispatch(waiting)
    for turn_id in turns.exhausted():
        conversation.give_up(turn_id)
    if due := results.overdue():
        turns.dispatch(due, ChatResult)
    for result_id in results.exhausted():
        results.give_up(result_id)
    approvals.sweep()
    ledger.sweep()
