"""Frames that no client of ours sends, in families; each knows how it must be answered."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chat.protocol import MAX_FRAME, MAX_TEXT

Fields = dict[str, Any]
GARBAGE = ["", " ", "\t", "'", "{", "]", ",", "//", "/* */", "\ufeff", "0x1", "-", "Infinity"]
# Refusals of a frame that is well made and asks for what is not there or not allowed.
DOMAIN = frozenset(
    {
        *(
            "unknown_chat",
            "unknown_message",
            "unknown_member",
            "unknown_contact",
            "unknown_call",
            "not_yours",
        ),
        "nothing_to_keep",
        "nothing_hidden",
        "not_the_last_answer",
        *("chat_closed", "bad_email", "client_id_reused"),
    }
)
PARSING = frozenset(
    {
        *("bad_json", "bad_frame", "bad_character", "unknown_command"),
        *("text_empty", "text_too_long", "frame_too_large"),
    }
)


@dataclass(frozen=True)
class Mutation:
    """A frame, and the errors that may answer it: exactly one of `codes`, or none where `fine`."""

    raw: str | bytes
    codes: frozenset[str] = frozenset()
    is_fine: bool = False
    closes: int | None = None

    @property
    def client_id(self) -> str | None:
        """The id that the answer must carry, where the frame has a readable one."""
        try:
            content = json.loads(self.raw)
            return str(uuid.UUID(content["client_id"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None


@dataclass
class Source:
    """Where mutations begin: well-made frames of one socket, by command."""

    dice: random.Random
    commands: dict[str, Callable[[], Fields]]
    # Commands that are answered with no error, however often they come.
    harmless: list[str]
    # A field to be left out, by command.
    required: dict[str, list[str]]
    numbers: list[tuple[str, str]]
    foreign: list[tuple[str, str]]
    other_sockets: list[str]
    closing: list[tuple[Fields, int]] = field(default_factory=list)
    # Texts that this connection has sent already, and which connection it is.
    repeated: set[int] = field(default_factory=set)
    connection: int = 0

    def begin(self) -> None:
        """A new connection, of which nothing was sent yet."""
        self.connection += 1
        self.repeated.clear()

    def frame(self, command: str | None = None) -> Fields:
        """A well-made frame."""
        command = command or self.dice.choice(list(self.commands))
        return {"type": command, **self.commands[command]()}

    def texts(self) -> str:
        """A command with a text."""
        return self.dice.choice([c for c in self.commands if "text" in self.commands[c]()])


def error(raw: str | bytes | Fields, *codes: str) -> Mutation:
    """A frame that must be refused."""
    return Mutation(raw if isinstance(raw, str | bytes) else json.dumps(raw), frozenset(codes))


def fine(raw: str | bytes | Fields, *codes: str) -> Mutation:
    """A frame that may be taken, or refused with one of the codes."""
    content = raw if isinstance(raw, str | bytes) else json.dumps(raw)
    return Mutation(content, frozenset(codes), is_fine=True)


def cut_off(source: Source) -> Mutation:
    whole = json.dumps(source.frame())
    return error(whole[: source.dice.randrange(len(whole))], "bad_json")


def empty(source: Source) -> Mutation:
    texts: list[str | bytes] = ["", " ", "\n\t", b"", b"  "]
    return error(source.dice.choice(texts), "bad_json")


def no_object(source: Source) -> Mutation:
    values = ["[]", "null", "true", "0", "-1.5", '"message"', "[[]]", '["type", "message"]']
    return error(source.dice.choice(values), "unknown_command")


def array_of_frames(source: Source) -> Mutation:
    return error(json.dumps([source.frame() for _ in range(3)]), "unknown_command")


def unknown_type(source: Source) -> Mutation:
    names = ["", "rm -rf /", "__init__", "websocket.close", "Message", "message ", "a" * 999]
    return error(source.frame() | {"type": source.dice.choice(names)}, "unknown_command")


def no_type(source: Source) -> Mutation:
    frame = source.frame()
    del frame["type"]
    return error(frame, "unknown_command")


def type_of_a_wrong_type(source: Source) -> Mutation:
    wrong = source.dice.choice([None, 1, True, [], ["message"], {}, {"message": 1}, 1.5])
    return error(source.frame() | {"type": wrong}, "unknown_command")


def another_sockets_command(source: Source) -> Mutation:
    return error({"type": source.dice.choice(source.other_sockets)}, "unknown_command")


def homoglyph(source: Source) -> Mutation:
    frame = source.frame()
    twins = {"e": "е", "a": "а", "o": "о", "c": "с", "p": "р", "t": "т", "s": "ѕ"}
    letters = [n for n, letter in enumerate(frame["type"]) if letter in twins]
    at = source.dice.choice(letters)
    name = frame["type"]
    frame["type"] = name[:at] + twins[name[at]] + name[at + 1 :]
    return error(frame, "unknown_command")


def field_of_a_wrong_type(source: Source) -> Mutation:
    command = source.dice.choice(list(source.required))
    name = source.dice.choice(source.required[command])
    wrong: Any = source.dice.choice([None, [], [1], {"a": 1}, [[]]])
    return error(source.frame(command) | {name: wrong}, "bad_frame")


def missing_field(source: Source) -> Mutation:
    command = source.dice.choice(list(source.required))
    frame = source.frame(command)
    del frame[source.dice.choice(source.required[command])]
    return error(frame, "bad_frame")


def extra_field(source: Source) -> Mutation:
    names = ["is_admin", "__proto__", "constructor", "organization_id", "seq_", "Text", "x" * 500]
    return error(source.frame() | {source.dice.choice(names): 1}, "bad_frame")


def huge_number(source: Source) -> Mutation:
    command, name = source.dice.choice(source.numbers)
    values = ["2147483648", "9223372036854775808", "18446744073709551616", "1" + "0" * 30]
    values += ["1e300", "1" * 300, "4294967296"]
    return fine(numbered(source, command, name, values), "bad_frame", *DOMAIN)


def wrong_number(source: Source) -> Mutation:
    command, name = source.dice.choice(source.numbers)
    return error(numbered(source, command, name, ["1.5", "1e-3", '"one"', "null"]), "bad_frame")


def negative_number(source: Source) -> Mutation:
    command, name = source.dice.choice(source.numbers)
    values = ["-1", "-2147483649", "-9223372036854775809", "-1e30"]
    return fine(numbered(source, command, name, values), "bad_frame", *DOMAIN)


def numbered(source: Source, command: str, name: str, values: list[str]) -> str:
    """A frame with a number written as it is."""
    raw = json.dumps(source.frame(command) | {name: "@number@"})
    return raw.replace('"@number@"', source.dice.choice(values))


def no_number(source: Source) -> Mutation:
    command, name = source.dice.choice(source.numbers)
    values = ["1e999", "-1e999", "NaN", "Infinity", "-Infinity", "0x10", "01", "+1", "1_000"]
    return error(numbered(source, command, name, values), "bad_json")


def deep_nesting(source: Source) -> Mutation:
    depth = source.dice.randrange(500, 8000)
    opening, closing = source.dice.choice([("[", "]"), ('{"a":', "}")])
    core = "1" if opening != "[" else ""
    raw = opening * depth + core + closing * depth
    if source.dice.random() < 0.5:
        raw = opening * depth
    return error(raw, "bad_json", "unknown_command", "frame_too_large")


def deep_field(source: Source) -> Mutation:
    command = source.dice.choice(list(source.required))
    name = source.dice.choice(source.required[command])
    depth = source.dice.randrange(10, 900)
    raw = json.dumps(source.frame(command) | {name: "@deep@"})
    return error(raw.replace('"@deep@"', "[" * depth + "]" * depth), "bad_frame")


def escaped_nul(source: Source) -> Mutation:
    frame = source.frame(source.texts())
    frame[source.dice.choice(["text", "client_id"])] += "\0"
    return error(frame, "bad_character")


def nul_in_a_key(source: Source) -> Mutation:
    return error(source.frame() | {"a\0": 1}, "bad_character")


def raw_control(source: Source) -> Mutation:
    raw = json.dumps(source.frame(source.texts()) | {"text": "@"})
    return error(raw.replace("@", chr(source.dice.randrange(0x20))), "bad_json")


def escaped_control(source: Source) -> Mutation:
    control = "".join(chr(source.dice.choice([*range(1, 32), 127, 0x85])) for _ in range(5))
    frame = source.frame(harmless_text(source))
    return fine(frame | {"text": f"a{control}b"})


def harmless_text(source: Source) -> str:
    return next(c for c in source.harmless if "text" in source.commands[c]())


def strange_text(source: Source) -> Mutation:
    texts = ["{0.__class__}", "%s%n%d", "${7*7}", "<script>alert(1)</script>", "'; DROP TABLE--"]
    texts += [
        "\u202e\u2066abc",
        "\u200b",
        "e\u0301" * 50,
        "👩‍👩‍👧‍👦" * 20,
        "\ufffe\uffff",
        "\\u0000",
    ]
    frame = source.frame(harmless_text(source))
    return fine(frame | {"text": source.dice.choice(texts)})


def lone_surrogate(source: Source) -> Mutation:
    raw = json.dumps(source.frame(source.texts()) | {"text": "@"})
    half = source.dice.choice(["\\ud800", "\\udfff", "\\ud83d", "\\ud83d\\ud83d", "\\udc00\\ud800"])
    return error(raw.replace("@", half), "bad_json")


def duplicate_keys(source: Source) -> Mutation:
    frame = source.frame(source.dice.choice(source.harmless))
    return fine('{"type": "nonsense", ' + json.dumps(frame)[1:])


def wrong_encoding(source: Source) -> Mutation:
    raw = json.dumps(
        source.frame(source.texts()) | {"text": "Сколько стоит тур?"}, ensure_ascii=False
    )
    encoding = source.dice.choice(["utf-16", "utf-16-le", "utf-32", "cp1251", "koi8-r"])
    return error(raw.encode(encoding), "bad_json")


def broken_utf8(source: Source) -> Mutation:
    raw = json.dumps(source.frame(source.texts()) | {"text": "@"}).encode()
    broken = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xe2\x82", b"\xf5\x80\x80\x80"]
    return error(raw.replace(b"@", source.dice.choice(broken)), "bad_json")


def binary(source: Source) -> Mutation:
    return fine(json.dumps(source.frame(source.dice.choice(source.harmless))).encode())


def binary_garbage(source: Source) -> Mutation:
    return error(b"\x00" + source.dice.randbytes(source.dice.randrange(1, 200)), "bad_json")


def too_large(source: Source) -> Mutation:
    size = MAX_FRAME + source.dice.choice([1, 100, 16 * 1024, 48 * 1024])
    kind = source.dice.choice(["{", " ", "a", '"text": '])
    return error((kind * size)[:size], "frame_too_large")


def too_large_in_bytes(source: Source) -> Mutation:
    frame = source.frame(source.texts()) | {"text": "ы" * (MAX_FRAME // 2)}
    return error(json.dumps(frame, ensure_ascii=False), "frame_too_large")


def too_long(source: Source) -> Mutation:
    text = "x" * (MAX_TEXT + source.dice.choice([1, 10, 5000]))
    return error(source.frame(source.texts()) | {"text": text}, "text_too_long")


def blank(source: Source) -> Mutation:
    text = source.dice.choice(["", " ", "\n\r\t ", "\u2003\u00a0", "\u2028"])
    return error(source.frame(source.texts()) | {"text": text}, "text_empty")


def foreign_id(source: Source) -> Mutation:
    command, name = source.dice.choice(source.foreign)
    return error(source.frame(command) | {name: str(uuid.uuid4())}, "unknown_chat")


def no_uuid(source: Source) -> Mutation:
    command, name = source.dice.choice(source.foreign)
    wrong = ["", "1", "nonsense", "z" * 32, "0" * 31, 7, "../../etc/passwd"]
    return error(source.frame(command) | {name: source.dice.choice(wrong)}, "bad_frame")


def byte_order_mark(source: Source) -> Mutation:
    return error("\ufeff" + json.dumps(source.frame()), "bad_json")


def trailing_garbage(source: Source) -> Mutation:
    tail = source.dice.choice(["}", ",", "x", "{}", json.dumps(source.frame())])
    return error(json.dumps(source.frame()) + tail, "bad_json")


def another_dialect(source: Source) -> Mutation:
    frame = json.dumps(source.frame())
    changed = [
        frame.replace('"', "'"),
        frame[:-1] + ",}",
        "/* */" + frame,
        frame + " // done",
        "for(;;);" + frame,
        frame.replace(": ", "= "),
    ]
    return error(source.dice.choice(changed), "bad_json")


def flipped_bits(source: Source) -> Mutation:
    raw = bytearray(json.dumps(source.frame(source.dice.choice(source.harmless))).encode())
    for _ in range(source.dice.randrange(1, 4)):
        raw[source.dice.randrange(len(raw))] ^= 1 << source.dice.randrange(8)
    return fine(bytes(raw), *PARSING, *DOMAIN)


def shuffled(source: Source) -> Mutation:
    fields = list(source.frame(source.dice.choice(source.harmless)).items())
    source.dice.shuffle(fields)
    return fine(dict(fields))


def again(source: Source) -> Mutation:
    """A text whose id is one of a few: mostly a repeat of what was sent before."""
    number = source.dice.randrange(5)
    source.repeated.add(number)
    return fine(source.frame(harmless_text(source)) | repeated(source, number))


def repeated(source: Source, number: int) -> Fields:
    client_id = uuid.UUID(int=source.connection * 10 + number)
    return {"client_id": str(client_id), "text": f"Repeated {number}"}


def other_words(source: Source) -> Mutation:
    if not source.repeated:
        return again(source)
    number = source.dice.choice(sorted(source.repeated))
    frame = source.frame(harmless_text(source)) | repeated(source, number)
    return error(frame | {"text": str(source.dice.random())}, "client_id_reused")


def final(source: Source) -> Mutation:
    frame, code = source.dice.choice(source.closing)
    return Mutation(json.dumps(frame), closes=code)


FAMILIES: list[Callable[[Source], Mutation]] = [
    *(cut_off, empty, no_object, array_of_frames, unknown_type, no_type, type_of_a_wrong_type),
    *(another_sockets_command, homoglyph, field_of_a_wrong_type, missing_field, extra_field),
    *(huge_number, wrong_number, negative_number, no_number, deep_nesting, deep_field),
    *(escaped_nul, nul_in_a_key, raw_control, escaped_control, strange_text, lone_surrogate),
    *(duplicate_keys, wrong_encoding, broken_utf8, binary, binary_garbage, too_large),
    *(too_large_in_bytes, too_long, blank, foreign_id, no_uuid, byte_order_mark),
    *(trailing_garbage, another_dialect, flipped_bits, shuffled, again, other_words),
]
