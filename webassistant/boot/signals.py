"""How the supervisor hears: of requests to end, and of the end of a child."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """A signal asked us to end; raised wherever the main thread is."""


class Alarm:
    """A sleep that the death of a child interrupts."""

    def __init__(self) -> None:
        # A pipe, since a lock taken in a signal handler may be held by the code it interrupted.
        self.reader, writer = os.pipe()
        for end in (self.reader, writer):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def wait(self, seconds: float) -> None:
        ready, _, _ = select.select([self.reader], [], [], seconds)
        if ready:
            os.read(self.reader, 4096)


def listen() -> Alarm:
    """Turn the signals that ask for an end into `Stopped`, and let dying children wake us."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped(signal.Signals(number).name)

    for number in ENDING:
        # Under nohup the hang-up is ignored on purpose.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
    # A handler, even an empty one, is what makes the signal write to the pipe.
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    return Alarm()


def ignore() -> None:
    """For the time of stopping: a second Ctrl-C must not leave half of the processes behind."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
