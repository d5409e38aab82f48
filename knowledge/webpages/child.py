"""The process that meets a stranger's markup: `python -m knowledge.webpages.child page|sitemap`.

It reads its input to the end and says one line of JSON. It has little memory and little time, may
write no file, and knows no secret.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from knowledge.confined import limit_itself

MEMORY_BYTES = 512 * 1024 * 1024
CPU_SECONDS = 10


def said(kind: str, data: bytes) -> dict[str, Any]:
    """What is in it, or the reason why that cannot be said."""
    try:
        if kind == "sitemap":
            from knowledge.webpages import sitemaps

            try:
                is_index, found = sitemaps.addresses(data)
            except sitemaps.Wrong as wrong:
                return {"error": str(wrong)}
            return {"is_index": is_index, "addresses": found}
        from knowledge.webpages import extraction

        title, body, canonical = extraction.extract(data.decode("utf-8", "replace"))
    except MemoryError:
        return {"error": "too_heavy"}
    except Exception as error:
        # Strangers' markup trips parsers in a hundred ways; whichever it is, the page is at fault.
        return {"error": "page_broken", "cause": type(error).__name__}
    return {"title": title, "body": body, "canonical": canonical}


def main() -> None:
    """The command line."""
    limit_itself(MEMORY_BYTES, CPU_SECONDS)
    logging.disable()
    answer = json.dumps(said(sys.argv[1], sys.stdin.buffer.read()))
    sys.stdout.write(answer)


if __name__ == "__main__":
    main()
