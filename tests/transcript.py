"""What a client makes of the server's events: `static/shared/transcript.js` said once more.

The names are those of that file, so that the two can be compared as they are.
"""

from __future__ import annotations

from typing import Any

from chat.protocol import MODE_AFTER

State = dict[str, Any]
MOST_AHEAD = 200
MOST_RESULTS = 5


def empty() -> State:
    """Nothing is known yet."""
    return {
        "chatId": None,
        "name": "",
        "mode": "ai",
        "modeSeq": 0,
        "epoch": 0,
        "lastSeq": 0,
        "hasOlder": False,
        "lines": [],
        "early": {},
        "pending": [],
        "draft": None,
        "doneTurn": 0,
        "isAnswering": False,
        "operator": "",
        "place": None,
        "wait": None,
        "rating": None,
        "kind": None,
        "results": [],
        "needs": None,
    }


def reduce(state: State, event: dict[str, Any]) -> State:
    """The state after an event; a new one where something changed."""
    handler = HANDLERS.get(event["type"])
    return handler(state, event) if handler else state


def restored(state: State, event: dict[str, Any]) -> State:
    return restore(state, event["chat"])


def message(state: State, event: dict[str, Any]) -> State:
    own = claim(state, event["chat_id"])
    if own is None:
        return settle(state, event["message"]["client_id"])
    line = event["message"]
    after = receive(raise_epoch(own, event["epoch"]), line)
    is_there = any(
        one["seq"] == line["seq"] and one["status"] == "done" for one in after["results"]
    )
    return ask(after) if line["event"] == "result" and not is_there else after


def ai_response(state: State, event: dict[str, Any]) -> State:
    own = claim(state, event["chat_id"])
    if own is None:
        return state
    after = receive(raise_epoch(own, event["epoch"]), event["message"])
    return finish(after, event["turn"], event["message"]["seq"] <= after["lastSeq"])


def ai_typing(state: State, event: dict[str, Any]) -> State:
    if event["chat_id"] != state["chatId"] or state["mode"] != "ai":
        return state
    turn = event.get("turn")
    if not event["active"]:
        drafted = state["draft"]["turn"] if state["draft"] else 0
        return finish(state, drafted if turn is None else turn, True)
    return state if turn and turn <= state["doneTurn"] else state | {"isAnswering": True}


def support_pending(state: State, event: dict[str, Any]) -> State:
    if event["chat_id"] != state["chatId"] or state["mode"] != "waiting":
        return state
    return state | {"place": event["place"], "wait": event["wait"]}


def support_joined(state: State, event: dict[str, Any]) -> State:
    if event["chat_id"] != state["chatId"] or event["epoch"] < state["epoch"]:
        return state
    return hold(raise_epoch(state, event["epoch"]), "operator", event["operator"])


def support_left(state: State, event: dict[str, Any]) -> State:
    if event["chat_id"] != state["chatId"] or event["epoch"] < state["epoch"]:
        return state
    return hold(raise_epoch(state, event["epoch"]), event["mode"], "")


def message_saved(state: State, event: dict[str, Any]) -> State:
    client_id, chat_id = event["client_id"], event["chat_id"]
    if not has_pending(state, client_id):
        return state
    own = claim(state, chat_id)
    if own is None or event["seq"] <= own["lastSeq"]:
        return settle(state, client_id)
    after = amend(own, client_id, {"status": "saved", "note": "", "chatId": chat_id})
    return ask(after) if event["seq"] > own["lastSeq"] + 1 else after


def error(state: State, event: dict[str, Any]) -> State:
    if not event["client_id"]:
        return state
    status = "refused" if event["retry_after"] is None else "sending"
    return amend(state, event["client_id"], {"status": status, "note": event["message"]})


def feedback_saved(state: State, event: dict[str, Any]) -> State:
    if event["chat_id"] != state["chatId"]:
        return state
    judged = {"helpful": event["helpful"]}
    lines = [line | judged if line["seq"] == event["seq"] else line for line in state["lines"]]
    return state | {"lines": lines}


def rated(state: State, event: dict[str, Any]) -> State:
    return state | {"rating": event["rating"]} if event["chat_id"] == state["chatId"] else state


def result(state: State, event: dict[str, Any]) -> State:
    if event["chat_id"] != state["chatId"]:
        return state
    return state | {"results": merge_results(state["results"], [event["result"]])}


def merge_results(own: list[Any], news: list[Any]) -> list[Any]:
    versions = {one["version"]: one for one in own}
    for one in news:
        known = versions.get(one["version"])
        if known is None or known["status"] == "working":
            versions[one["version"]] = one
    return [one for _version, one in sorted(versions.items())][-MOST_RESULTS:]


def ping(state: State, event: dict[str, Any]) -> State:
    chat_id = event["chat_id"]
    if not chat_id or (state["chatId"] and chat_id != state["chatId"]):
        return state
    return ask(state | {"needs": None}) if event["head_seq"] > state["lastSeq"] else state


def local_sent(state: State, event: dict[str, Any]) -> State:
    if has_pending(state, event["clientId"]):
        return state
    own = {key: event[key] for key in ("clientId", "chatId", "text", "at")}
    return state | {"pending": [*state["pending"], own | {"status": "sending", "note": ""}]}


def has_pending(state: State, client_id: str) -> bool:
    return any(own["clientId"] == client_id for own in state["pending"])


def claim(state: State, chat_id: str) -> State | None:
    if chat_id == state["chatId"]:
        return state
    return state | {"chatId": chat_id} if state["chatId"] is None else None


def ask(state: State) -> State:
    return state if state["needs"] else state | {"needs": {"after_seq": state["lastSeq"]}}


def settle(state: State, client_id: str | None) -> State:
    if not client_id or not has_pending(state, client_id):
        return state
    return state | {"pending": [own for own in state["pending"] if own["clientId"] != client_id]}


def amend(state: State, client_id: str, change: dict[str, Any]) -> State:
    if not has_pending(state, client_id):
        return state
    pending = [own | change if own["clientId"] == client_id else own for own in state["pending"]]
    return state | {"pending": pending}


def raise_epoch(state: State, epoch: int) -> State:
    if epoch <= state["epoch"]:
        return state
    draft = state["draft"]
    if draft and draft["epoch"] < epoch:
        void = {"draft": None, "isAnswering": False, "doneTurn": draft["turn"]}
        return state | void | {"epoch": epoch}
    return state | {"epoch": epoch}


def hold(state: State, mode: str, operator: str) -> State:
    after = state | {"mode": mode, "operator": operator}
    if mode != "ai":
        after |= {"draft": None, "isAnswering": False}
    if mode != "waiting":
        after |= {"place": None, "wait": None}
    return after


def receive(state: State, line: dict[str, Any]) -> State:
    after = settle(state, line["client_id"])
    seq = line["seq"]
    if seq <= after["lastSeq"] or seq in after["early"]:
        return after
    if seq > after["lastSeq"] + 1:
        return ask(after | {"early": after["early"] | {seq: line}})
    after = append(after, line)
    early = dict(after["early"])
    while after["lastSeq"] + 1 in early:
        after = append(after, early.pop(after["lastSeq"] + 1))
    early = {number: one for number, one in early.items() if number > after["lastSeq"]}
    is_whole = not early and not (after["draft"] and after["draft"]["ahead"])
    return after | {"early": early, "needs": None if is_whole else after["needs"]}


def append(state: State, line: dict[str, Any]) -> State:
    lines = state["lines"]
    if line["replaces"]:
        lines = [
            one | {"is_replaced": True} if one["seq"] == line["replaces"] else one for one in lines
        ]
    after = state | {"lines": [*lines, line], "lastSeq": line["seq"]}
    if line["role"] == "assistant":
        after = finish(after, after["draft"]["turn"] if after["draft"] else 0, True)
    mode = MODE_AFTER.get(line["event"]) if line["role"] == "system" else None
    if mode and line["seq"] > state["modeSeq"]:
        author = line["author"] if mode == "operator" else ""
        after = hold(after | {"modeSeq": line["seq"]}, mode, author)
    return after


def finish(state: State, turn: int, is_shown: bool) -> State:
    after = state | {"doneTurn": max(state["doneTurn"], turn)}
    if not is_shown or (after["draft"] and after["draft"]["turn"] > after["doneTurn"]):
        return after
    return after | {"draft": None, "isAnswering": False}


def ai_delta(state: State, event: dict[str, Any]) -> State:
    turn, attempt, epoch, draft = event["turn"], event["attempt"], event["epoch"], state["draft"]
    if (
        event["chat_id"] != state["chatId"]
        or epoch < state["epoch"]
        or turn <= state["doneTurn"]
        or (draft and (turn, attempt) < (draft["turn"], draft["attempt"]))
    ):
        return state
    if state["mode"] != "ai":
        return ask(state) if epoch > state["epoch"] else state
    is_same = draft and (draft["turn"], draft["attempt"]) == (turn, attempt)
    piece = {"offset": event["offset"], "text": event["text"]}
    grown = grow(draft if is_same else empty_draft(event), [piece])
    after = raise_epoch(state, epoch) | {"isAnswering": True, "draft": grown}
    return ask(after) if grown["ahead"] else after


def empty_draft(whose: dict[str, Any]) -> State:
    own = {key: whose[key] for key in ("turn", "attempt", "epoch")}
    return own | {"text": "", "length": 0, "ahead": []}


def grow(draft: State, pieces: list[dict[str, Any]]) -> State:
    text = draft["text"]
    ahead: list[dict[str, Any]] = []
    for piece in sorted([*draft["ahead"], *pieces], key=lambda one: one["offset"]):
        if piece["offset"] > len(text):
            if len(ahead) < MOST_AHEAD:
                ahead.append(piece)
            continue
        text += piece["text"][len(text) - piece["offset"] :]
    return draft | {"text": text, "length": len(text), "ahead": ahead}


def merge_draft(own: State | None, saved: dict[str, Any] | None) -> State | None:
    if not saved:
        return own
    its = (saved["turn"], saved["attempt"])
    if own and (own["turn"], own["attempt"]) > its:
        return own
    base = own if own and (own["turn"], own["attempt"]) == its else empty_draft(saved)
    return grow(base, [{"offset": 0, "text": saved["text"]}])


def restore(state: State, chat: dict[str, Any]) -> State:
    if not chat["has_existing_chat"]:
        return empty() | {"pending": state["pending"]}
    is_same = chat["chat_id"] == state["chatId"]
    is_following = is_same and chat["after_seq"] <= state["lastSeq"]
    after = state
    if not is_following:
        after = empty() | {
            "chatId": chat["chat_id"],
            "lastSeq": chat["after_seq"],
            "modeSeq": chat["head_seq"],
            "hasOlder": chat["has_more"],
            "pending": state["pending"],
            "early": state["early"] if is_same else {},
        }
    after = raise_epoch(after, chat["epoch"])
    for line in chat["history"]:
        after = receive(after, line)
    if chat["epoch"] >= after["epoch"]:
        after |= {"modeSeq": max(after["modeSeq"], chat["head_seq"])}
        after = hold(after, chat["mode"], chat["operator"])
        draft = merge_draft(after["draft"], chat["draft"]) if chat["is_answering"] else None
        after |= {key: chat[key] for key in ("name", "place", "wait", "rating", "kind")}
        after |= {"results": merge_results(after["results"], chat["results"])}
        after |= {"isAnswering": chat["is_answering"], "draft": draft}
    has_gap = chat["head_seq"] > after["lastSeq"] or bool(after["early"])
    is_moving = after["lastSeq"] > state["lastSeq"] or not is_following
    is_wanted = (has_gap and is_moving) or bool(after["draft"] and after["draft"]["ahead"])
    return after | {"needs": {"after_seq": after["lastSeq"]} if is_wanted else None}


HANDLERS = {
    "chat_restored": restored,
    "chat_switched": restored,
    "watching": restored,
    "message": message,
    "ai_response": ai_response,
    "ai_typing": ai_typing,
    "ai_delta": ai_delta,
    "support_pending": support_pending,
    "support_joined": support_joined,
    "support_left": support_left,
    "message_saved": message_saved,
    "error": error,
    "feedback_saved": feedback_saved,
    "rated": rated,
    "result": result,
    "ping": ping,
    "local_sent": local_sent,
}
