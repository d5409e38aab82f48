"""Frames are read in one quick step, and with care where that fails: both take the same."""

from __future__ import annotations

import json
import typing
import uuid
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from chat import protocol
from chat.delivery import frames
from chat.protocol import Frame
from chat.refusals import Refused

ID = str(uuid.UUID(int=7))
# Of each command, what its own fields may be.
RIGHT: list[Any] = [ID, "x", "a" * 43, 1, True, "away", {}, [1]]
VALUES = [
    *("NaN", "Infinity", "1e400", "1", "1.0", "2.5", "-0", "-1", "01", "1e3", "true", "null"),
    *("9223372036854775807", "9223372036854775808", "18446744073709551616", "1" * 40),
    *("[]", "{}", "[1, 2]", '"x"', '"1"', '" 1 "', '"true"', '" "', "'x'", '"\\ud800"'),
    *(f'"{ID}"', f'"{{{ID}}}"', f'"urn:uuid:{ID}"', f'"{ID.upper()}"', f'"{ID.replace("-", "")}"'),
    *('"\\u0000"', '{"a": NaN}', '{"a": 1e999}', '{"a": "\\u0000"}', '{"a":' * 9 + "1" + "}" * 9),
]
STOP = b'{"type": "stop"}'
ODD = [
    *(b"", b"null", b"[]", b"[" * 5000, b"\xef\xbb\xbf" + STOP, b" " + STOP + b"\n", STOP + b" x"),
    *(STOP + b"\0", STOP.decode().encode("utf-16"), STOP.replace(b"stop", b"sto\xff")),
    *(STOP.replace(b"}", more) for more in (b",}", b', "type": "typing"}', b', "x": 1}')),
]


def commands() -> list[tuple[TypeAdapter[Any], type[Frame]]]:
    both: list[tuple[TypeAdapter[Any], Any]] = [
        (protocol.visitor_commands, protocol.VisitorCommand),
        (protocol.operator_commands, protocol.OperatorCommand),
    ]
    return [
        (adapter, one)
        for adapter, union in both
        for one in typing.get_args(typing.get_args(union)[0])
    ]


def outcome(read: Any, raw: bytes, adapter: TypeAdapter[Any]) -> Any:
    try:
        return read(raw, adapter)
    except Refused as refused:
        return refused.code, refused.client_id


def right(command: type[Frame]) -> dict[str, Any]:
    """The least that the command takes."""
    found: dict[str, Any] = {"type": typing.get_args(command.model_fields["type"].annotation)[0]}
    for name, field in command.model_fields.items():
        if name == "type" or not field.is_required():
            continue
        for value in RIGHT:
            try:
                command(**found | {name: value})
            except ValidationError as error:
                if any(one["loc"][:1] == (name,) for one in error.errors()):
                    continue
            found[name] = value
            break
    command(**found)
    return found


@pytest.mark.parametrize(
    ("adapter", "command"), commands(), ids=lambda one: getattr(one, "__name__", "")
)
def test_a_frame_is_taken_the_same_quickly_and_with_care(
    adapter: TypeAdapter[Any], command: type[Frame]
) -> None:
    base = right(command)
    assert isinstance(frames.parse(json.dumps(base).encode(), adapter), command)
    for name in (*command.model_fields, "unknown"):
        for value in VALUES:
            raw = json.dumps(base | {name: "@"}).replace('"@"', value).encode()
            assert outcome(frames.parse, raw, adapter) == outcome(
                frames._parse_with_care, raw, adapter
            ), raw
    for raw in ODD:
        assert outcome(frames.parse, raw, adapter) == outcome(frames._parse_with_care, raw, adapter)


@pytest.mark.parametrize("context", ['{"a": NaN}', '{"a": [Infinity]}'])
def test_what_is_no_json_elsewhere_is_none_here(context: str) -> None:
    raw = f'{{"type": "page", "context": {context}}}'.encode()
    assert outcome(frames.parse, raw, protocol.visitor_commands) == ("bad_json", None)


def test_a_seq_beyond_what_the_database_holds_is_refused() -> None:
    raw = json.dumps({"type": "restore_chat", "last_seq": 2**63}).encode()
    assert outcome(frames.parse, raw, protocol.visitor_commands) == ("bad_frame", None)
