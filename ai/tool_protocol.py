"""Tools in the words of the OpenAI protocol: what is sent, and the pieces that come back."""

from __future__ import annotations

from typing import Any

from ai.interface import ChatRequest, PromptMessage, ToolSpec, ToolUse
from ai.texts import storable

MOST_USES = 16
LONGEST_ARGUMENTS = 32_000
LONGEST_NAME = 100


def wire_message(message: PromptMessage) -> dict[str, Any]:
    """A message of the prompt."""
    wire: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.uses:
        wire["tool_calls"] = [
            {
                "id": use.id,
                "type": "function",
                "function": {"name": use.name, "arguments": use.arguments},
            }
            for use in message.uses
        ]
    if message.use_id:
        wire["tool_call_id"] = message.use_id
    return wire


def tool_options(request: ChatRequest) -> dict[str, Any]:
    """The tools of a request, and whether they may be used."""
    options: dict[str, Any] = {"tools": [_wire_tool(tool) for tool in request.tools]}
    if not request.may_use_tools:
        options["tool_choice"] = "none"
    return options


def _wire_tool(tool: ToolSpec) -> dict[str, Any]:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
    }
    return {"type": "function", "function": function}


class UseParts:
    """Uses of tools, put together from the pieces of a stream.

    Whatever a model or a server does here ends in a `ToolUse`, whose arguments may be no JSON.
    """

    def __init__(self) -> None:
        self._parts: dict[Any, _Part] = {}
        self._last: Any = None

    def __bool__(self) -> bool:
        return bool(self._parts)

    def take(self, delta: Any) -> None:
        """Add what one chunk brought."""
        pieces = delta.get("tool_calls") if isinstance(delta, dict) else None
        for piece in pieces if isinstance(pieces, list) else ():
            if isinstance(piece, dict):
                self._add(piece)

    def whole(self) -> tuple[ToolUse, ...]:
        """The uses, in the order in which they began."""
        return tuple(
            ToolUse(part.id or f"call_{number}", part.name, part.arguments)
            for number, part in enumerate(self._parts.values())
        )

    def _add(self, piece: dict[str, Any]) -> None:
        key = self._key(piece)
        if key not in self._parts and len(self._parts) >= MOST_USES:
            return
        part = self._parts.setdefault(key, _Part())
        function = piece.get("function")
        said = function if isinstance(function, dict) else {}
        part.id = part.id or _text(piece.get("id"))[:LONGEST_NAME]
        part.name = part.name or _text(said.get("name"))[:LONGEST_NAME]
        # What is cut off is no JSON any more, and the model is told so.
        part.arguments = (part.arguments + _text(said.get("arguments")))[:LONGEST_ARGUMENTS]

    def _key(self, piece: dict[str, Any]) -> Any:
        """Which use a piece is of: its index, else its id; a piece with neither goes on."""
        index, name = piece.get("index"), _text(piece.get("id"))
        known = self._parts.get(index)
        if isinstance(index, int) and (known is None or not name or known.id in ("", name)):
            self._last = index
        elif name:
            # Some servers number every use 0, or not at all.
            self._last = name
        return self._last


class _Part:
    """A use of which not everything may have come."""

    def __init__(self) -> None:
        self.id = self.name = self.arguments = ""


def _text(value: Any) -> str:
    return storable(value) if isinstance(value, str) else ""
