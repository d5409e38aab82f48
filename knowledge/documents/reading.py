"""A file read by a child process: what it says, and what its silence or its death means."""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from typing import IO, BinaryIO, cast

from knowledge.confined import START
from knowledge.documents import kinds
from knowledge.documents.blocks import Block, Unreadable

log = logging.getLogger(__name__)

# No page and no part of a file takes an honest parser so long.
SILENCE_SECONDS = 60.0
CHUNK = 256 * 1024
LONGEST_LINE = 8 * 1024 * 1024


def read(file: BinaryIO, name: str, largest: int) -> Generator[Block, None, None]:
    """The blocks of a file that lies on a disk, as its reading goes on; raises Unreadable."""
    kind = kinds.check(file, name, largest)
    # The child reads by the descriptor, which knows nothing of what Python has read ahead.
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    child = subprocess.Popen(
        [sys.executable, "-m", "knowledge.documents.child", kind],
        stdin=file.fileno(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        **START,
    )
    try:
        yield from _blocks(child)
    finally:
        child.kill()
        child.wait()
        cast(IO[bytes], child.stdout).close()


def _blocks(child: subprocess.Popen[bytes]) -> Iterator[Block]:
    for line in _lines(child):
        said = json.loads(line)
        if "error" in said:
            if "cause" in said:
                log.info("a file could not be parsed: %s", said["cause"])
            raise Unreadable(said["error"])
        if "end" in said:
            return
        yield Block(said["share"], said["text"], said["heading"])
    raise Unreadable(_reason_of_death(child.wait()))


def _lines(child: subprocess.Popen[bytes]) -> Iterator[bytes]:
    pipe, rest = cast(IO[bytes], child.stdout).fileno(), b""
    deadline = time.monotonic() + SILENCE_SECONDS
    while True:
        ready, _write, _errors = select.select([pipe], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            raise Unreadable("too_slow")
        chunk = os.read(pipe, CHUNK)
        if not chunk:
            return
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > LONGEST_LINE:
            raise Unreadable("too_heavy")
        yield from lines
        if lines:
            # Counted from when we listen again: while we work with a block, the child waits.
            deadline = time.monotonic() + SILENCE_SECONDS


def _reason_of_death(code: int) -> str:
    """The kernel ends a child that takes too much time or memory."""
    log.info("the reader of a file ended with %s", code)
    if code == -signal.SIGXCPU:
        return "too_slow"
    return "too_heavy" if code == -signal.SIGKILL else "corrupt"
