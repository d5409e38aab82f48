"""What of a record goes into the log; the settings name it."""

from __future__ import annotations

import logging


class Refusals(logging.Filter):
    """A request that was refused is a line: a traceback of it would only hide those of failures."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Take the traceback away, and the word ERROR, where the client was at fault."""
        if 400 <= getattr(record, "status_code", 0) < 500:
            record.exc_info = record.exc_text = None
            if record.levelno > logging.WARNING:
                record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True
