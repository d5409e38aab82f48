"""Embedded pieces on their way into the database, kept on the disk: a document may have many."""

from __future__ import annotations

import dataclasses
import json
import struct
import tempfile
from collections.abc import Iterator, Sequence

from django.conf import settings

from knowledge.models import DIMENSIONS
from knowledge.passages import Piece

# The column keeps halves of floats, too.
_VECTOR = struct.Struct(f"{DIMENSIONS}e")
IN_MEMORY = 1024 * 1024


class Spool:
    """Pieces with their vectors, in order; small ones never touch the disk."""

    def __init__(self) -> None:
        self._count = 0
        # Beside the data: a folder for temporary files may itself lie in memory.
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY, dir=str(settings.VAR_DIR))  # noqa: SIM115

    def __len__(self) -> int:
        return self._count

    def add(self, pieces: Sequence[Piece], vectors: Sequence[Sequence[float]]) -> None:
        """Put pieces behind those that are there."""
        for piece, vector in zip(pieces, vectors, strict=True):
            line = json.dumps(dataclasses.astuple(piece))
            self._file.write(line.encode() + b"\n" + _VECTOR.pack(*vector))
        self._count += len(pieces)

    def batches(self, size: int) -> Iterator[tuple[list[Piece], list[list[float]]]]:
        """All of them, so many at a time."""
        self._file.seek(0)
        for start in range(0, self._count, size):
            pieces, vectors = [], []
            for _number in range(min(size, self._count - start)):
                heading, text, is_answer, wordings, keywords, is_wording = json.loads(
                    self._file.readline()
                )
                asked = tuple(wordings), tuple(keywords)
                pieces.append(Piece(heading, text, is_answer, *asked, is_wording))
                vectors.append(list(_VECTOR.unpack(self._file.read(_VECTOR.size))))
            yield pieces, vectors

    def close(self) -> None:
        """Let the disk have its room back."""
        self._file.close()
