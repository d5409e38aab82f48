"""One chat as a client holds it; the rules are those of static/shared/transcript.js.

A line is applied by seq: a repeat is dropped, a line from the future is kept aside, and the gap is
asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chat.protocol import MODE_AFTER

Line = dict[str, Any]


@dataclass
class Transcript:
    """The lines from `first_seq` to `last_seq`, without a gap."""

    # Called once for every line that is taken in.
    seen: Callable[[str, Line], None]
    chat_id: str | None = None
    first_seq: int = 1
    last_seq: int = 0
    epoch: int = 0
    mode: str = "ai"
    is_answering: bool = False
    early: dict[int, Line] = field(default_factory=dict)
    wants: bool = False

    def receive(self, line: Line) -> None:
        """Take a line in, whenever it comes."""
        seq = line["seq"]
        if seq <= self.last_seq or seq in self.early:
            return
        if seq > self.last_seq + 1:
            self.early[seq] = line
            self.wants = True
            return
        self._append(line)
        while following := self.early.pop(self.last_seq + 1, None):
            self._append(following)
        self.early = {seq: line for seq, line in self.early.items() if seq > self.last_seq}
        if not self.early:
            self.wants = False

    def restore(self, chat: dict[str, Any]) -> None:
        """Take in the server's picture of the chat: what is missing, or another chat whole."""
        if not chat["has_existing_chat"]:
            self.reset(None, 0)
            return
        if chat["chat_id"] != self.chat_id or chat["after_seq"] > self.last_seq:
            early = self.early if chat["chat_id"] == self.chat_id else {}
            self.reset(chat["chat_id"], chat["after_seq"])
            self.early = early
        before = self.last_seq
        for line in chat["history"]:
            self.receive(line)
        if chat["epoch"] >= self.epoch:
            self.epoch, self.mode = chat["epoch"], chat["mode"]
            self.is_answering = chat["is_answering"]
        has_gap = chat["head_seq"] > self.last_seq or bool(self.early)
        # A page that brought nothing is not asked for again at once; the next ping will see.
        self.wants = has_gap and self.last_seq > before

    def reset(self, chat_id: str | None, after_seq: int) -> None:
        """Begin anew with another chat, or as after a reload."""
        self.chat_id, self.first_seq, self.last_seq = chat_id, after_seq + 1, after_seq
        self.epoch, self.mode, self.is_answering = 0, "ai", False
        self.early, self.wants = {}, False

    def raise_epoch(self, epoch: int) -> None:
        """Whoever holds the chat has changed."""
        self.epoch = max(self.epoch, epoch)

    def _append(self, line: Line) -> None:
        self.last_seq = line["seq"]
        if line["role"] == "assistant":
            self.is_answering = False
        self.mode = MODE_AFTER.get(line["event"], self.mode)
        self.seen(self.chat_id or "", line)
