"""What frames are made of: their limits, and the words that commands and events share."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MAX_TEXT = 4000
MAX_FRAME = 16 * 1024
PAGE_SIZE = 200

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)]
# What PostgreSQL can hold: the seq of a line or the id of a row, and the last seq that was seen.
MOST = 2**63 - 1
Whole = Annotated[int, Field(ge=1, le=MOST)]
LastSeq = Annotated[int, Field(ge=0, le=MOST)]
ModeName = Literal["ai", "waiting", "operator", "closed"]
ChatType = Literal["general", "sales", "support"]
# The short name of a type of chats that the owner has made; empty: none.
KindSlug = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{0,40}$")]

# What a system line does to who holds the chat; a client replaying lines needs nothing else.
MODE_AFTER: dict[str, ModeName] = {
    "waiting": "waiting",
    "cancelled": "ai",
    "joined": "operator",
    "left": "ai",
    "transferred": "operator",
    "unanswered": "ai",
    "closed": "closed",
}


class Frame(BaseModel):
    """A JSON object with a type; an unknown field is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Whether it carries JSON of somebody's own, of which pydantic takes too much.
    has_any_json: ClassVar[bool] = False
