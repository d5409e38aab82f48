"""What clients did and saw, a JSON object a line; written by `people`, read by `checker`."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Journal:
    """An append-only file of events, each with its moment and whose it is."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1 << 16)

    def write(self, who: str, what: str, **fields: Any) -> None:
        """Note an event of one client."""
        event = {"t": round(time.time(), 4), "who": who, "what": what, **fields}
        self._file.write(json.dumps(event, ensure_ascii=False) + "\n")

    def flush(self) -> None:
        """Bring everything to the disk."""
        self._file.flush()

    def close(self) -> None:
        """The end of the run."""
        self._file.close()


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The events of a journal, in order."""
    with path.open() as file:
        for line in file:
            yield json.loads(line)


def fingerprint(text: str) -> str:
    """A text's stand-in in the journal."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
