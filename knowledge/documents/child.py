"""The process that meets the file: `python -m knowledge.documents.child KIND`, the file as input.

It has little memory, little time, may write no file, and knows no secret. It says what it reads in
lines of JSON: blocks, then one line with the end, or with the reason why there is none.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from knowledge.confined import limit_itself
from knowledge.documents.blocks import Block, Unreadable

# Room for the interpreter, a parser, and what a large but honest file needs.
MEMORY_BYTES = 400 * 1024 * 1024
CPU_SECONDS = 300


def parser_of(kind: str) -> Callable[[BinaryIO], Iterator[Block]]:
    """The reader of a kind of file; no other is loaded."""
    if kind == "pdf":
        from knowledge.documents.pdf import read_pdf

        return read_pdf
    if kind == "word":
        from knowledge.documents.word import read_word

        return read_word
    if kind == "html":
        from knowledge.documents.page import read_page

        return read_page
    from knowledge.documents import plain

    return plain.read_table if kind == "table" else plain.read_text


def lines(kind: str, file: BinaryIO) -> Iterator[dict[str, Any]]:
    """All blocks of the file and the end, or the reason why there is none."""
    try:
        for block in parser_of(kind)(file):
            yield {"share": block.share, "text": block.text, "heading": block.heading}
    except Unreadable as error:
        yield {"error": error.code}
    except MemoryError:
        yield {"error": "too_heavy"}
    except Exception as error:
        # The parsers meet hostile and broken files and trip over them in a hundred ways (their own
        # errors, zlib's, lxml's, KeyError…); whichever it is, the file is at fault.
        yield {"error": "corrupt", "cause": type(error).__name__}
    else:
        yield {"end": True}


def main() -> None:
    """The command line."""
    limit_itself(MEMORY_BYTES, CPU_SECONDS)
    # Parsers complain in words of the file.
    logging.disable()
    # A bare `os.write` ends in the middle of a long line when the process is stopped and goes on.
    with open(0, "rb", closefd=False) as file, open(1, "wb", closefd=False) as out:
        for line in lines(sys.argv[1], file):
            # A parent that is gone ends us here.
            out.write(json.dumps(line).encode() + b"\n")
            out.flush()


if __name__ == "__main__":
    main()
