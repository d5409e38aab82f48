"""What knowledge has had embedded, told to those who keep the accounts, above this package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from ai.metering import listening
from knowledge import entries

TASK = "chat.tasks.book"


@contextmanager
def told(organization_id: int) -> Iterator[None]:
    """Have the calls of embedders within the block booked, whatever becomes of the block.

    The built-in embedder makes none. A call that was told twice is booked once.
    """
    with listening() as calls:
        try:
            yield
        finally:
            if calls:
                packed = [asdict(call) | {"key": str(call.key)} for call in calls]
                entries.tell(TASK, organization_id, packed)
