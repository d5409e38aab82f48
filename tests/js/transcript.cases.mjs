/**
 * What the reducer of a dialogue promises, as named cases. Run by `node --test` and, in a real
 * browser, by tests/browser/test_transcript.py; so this file uses nothing of either.
 */

import { emptyTranscript, LOCAL, reduce, visiblePending } from "../../static/shared/transcript.js";

const CHAT = "11111111-1111-4111-8111-111111111111";
const OTHER = "22222222-2222-4222-8222-222222222222";
const MINE = "33333333-3333-4333-8333-333333333333";

/** Compare as data: order of keys does not matter. */
export function same(actual, expected, what = "") {
  const canonical = (value) =>
    JSON.stringify(value, (_key, part) =>
      part && typeof part === "object" && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
        : part,
    );
  if (canonical(actual) !== canonical(expected)) {
    throw new Error(`${what} is ${canonical(actual)}, not ${canonical(expected)}`);
  }
}

const line = (seq, fields = {}) => ({
  seq,
  role: "user",
  event: "",
  text: `line ${seq}`,
  html: `<p>line ${seq}</p>`,
  timestamp: "2026-01-01T10:00:00+03:00",
  author: "",
  client_id: null,
  sources: [],
  tokens_used: null,
  model: "",
  is_stopped: false,
  offers_support: false,
  helpful: null,
  ...fields,
});
const message = (seq, fields = {}, epoch = 1, chat_id = CHAT) => ({
  type: "message",
  chat_id,
  epoch,
  message: line(seq, fields),
});
const system = (seq, event, epoch, author = "") =>
  message(seq, { role: "system", event, author }, epoch);
const response = (seq, turn = 1, epoch = 1) => ({
  type: "ai_response",
  chat_id: CHAT,
  turn,
  epoch,
  tokens_used: 9,
  model: "m",
  message: line(seq, { role: "assistant", text: "the whole answer" }),
});
const delta = (offset, text, { turn = 1, attempt = 1, epoch = 1 } = {}) => ({
  type: "ai_delta",
  chat_id: CHAT,
  turn,
  attempt,
  epoch,
  offset,
  text,
});
const picture = (fields = {}, type = "chat_restored") => ({
  type,
  chat: {
    has_existing_chat: true,
    chat_id: CHAT,
    name: "",
    mode: "ai",
    epoch: 1,
    head_seq: fields.history?.at(-1)?.seq ?? 0,
    after_seq: fields.history?.length ? fields.history[0].seq - 1 : 0,
    history: [],
    message_count: 0,
    has_more: false,
    is_answering: false,
    draft: null,
    operator: "",
    place: null,
    wait: null,
    rating: null,
    kind: null,
    results: [],
    ...fields,
  },
});
const sent = (clientId = MINE, chatId = CHAT) => ({
  type: LOCAL.SENT,
  clientId,
  chatId,
  text: "hello",
  at: 1,
});
const play = (...events) => events.reduce(reduce, emptyTranscript());
const follow = (state, ...events) => events.reduce(reduce, state);
const seqs = (state) => state.lines.map(({ seq }) => seq);
const open = () => play(picture({ history: [line(1)] }));

export const cases = {
  "an unknown event changes nothing"() {
    const state = open();
    if (reduce(state, { type: "surprise" }) !== state) throw new Error("a new object");
  },

  "lines are applied by seq and repeats are dropped"() {
    same(seqs(follow(open(), message(2), message(2), message(1), message(3))), [1, 2, 3]);
  },

  "a line from the future waits and its gap is asked for"() {
    const state = follow(open(), message(4), message(3));
    same(seqs(state), [1]);
    same(state.needs, { after_seq: 1 });
  },

  "a filled gap lets the waiting lines in, in order"() {
    const state = follow(open(), message(4), message(3), message(2));
    same(seqs(state), [1, 2, 3, 4]);
    same(state.needs, null);
    same(state.early, {});
  },

  "an unanswered request for a gap stays the same object"() {
    const first = follow(open(), message(4));
    const second = follow(first, message(5));
    if (first.needs !== second.needs) throw new Error("asked twice");
  },

  "a restored chat fills the gap"() {
    const state = follow(open(), message(4), picture({ history: [line(2), line(3)], head_seq: 4 }));
    same(seqs(state), [1, 2, 3, 4]);
    same(state.needs, null);
  },

  "a page of history that is not the last asks for the next"() {
    const state = follow(open(), picture({ history: [line(2), line(3)], head_seq: 9 }));
    same(state.needs, { after_seq: 3 });
  },

  "a page that brought nothing is not asked for again before the next ping"() {
    const stuck = follow(open(), picture({ history: [], after_seq: 1, head_seq: 2 }));
    same(stuck.needs, null);
    same(reduce(stuck, { type: "ping", chat_id: CHAT, head_seq: 2 }).needs, { after_seq: 1 });
  },

  "a ping with a later head asks, and asks anew each time"() {
    const ping = { type: "ping", chat_id: CHAT, head_seq: 2 };
    const first = follow(open(), ping);
    const second = follow(first, ping);
    same(second.needs, { after_seq: 1 });
    if (first.needs === second.needs) throw new Error("the second ping asked nothing");
  },

  "a ping with our own head asks nothing"() {
    same(follow(open(), { type: "ping", chat_id: CHAT, head_seq: 1 }).needs, null);
  },

  "the newest page of a long chat starts where the server says"() {
    const state = play(picture({ history: [line(301), line(302)], has_more: true }));
    same([seqs(state), state.lastSeq, state.hasOlder, state.needs], [[301, 302], 302, true, null]);
  },

  "events of another chat are ignored"() {
    const state = follow(open(), message(2, {}, 1, OTHER), {
      ...delta(0, "no"),
      chat_id: OTHER,
    });
    same([seqs(state), state.draft], [[1], null]);
  },

  "switching shows the other chat only"() {
    const state = follow(
      open(),
      delta(0, "half"),
      picture({ chat_id: OTHER, history: [line(1), line(2)], epoch: 5 }, "chat_switched"),
    );
    same([state.chatId, seqs(state), state.draft, state.epoch], [OTHER, [1, 2], null, 5]);
  },

  "no chat yet: an empty dialogue that keeps the unsent"() {
    const state = play(sent(MINE, null), picture({ has_existing_chat: false, chat_id: null }));
    same([state.chatId, state.lines, state.pending.length], [null, [], 1]);
  },

  "an own text is pending until its line comes, by client_id"() {
    const state = follow(open(), sent());
    same(state.pending[0].status, "sending");
    const saved = follow(state, {
      type: "message_saved",
      client_id: MINE,
      seq: 2,
      chat_id: CHAT,
    });
    same(saved.pending[0].status, "saved");
    const shown = follow(saved, message(2, { client_id: MINE }));
    same([shown.pending, seqs(shown)], [[], [1, 2]]);
  },

  "an own text that came back before its ack is not shown twice"() {
    const state = follow(open(), sent(), message(2, { client_id: MINE }), {
      type: "message_saved",
      client_id: MINE,
      seq: 2,
      chat_id: CHAT,
    });
    same([state.pending, seqs(state)], [[], [1, 2]]);
  },

  "an own text that is in the restored history is not shown twice"() {
    const state = play(
      sent(),
      picture({ history: [line(1), line(2, { client_id: MINE })], head_seq: 2 }),
    );
    same(state.pending, []);
  },

  "the first ack gives the dialogue its chat"() {
    const state = play(sent(MINE, null), {
      type: "message_saved",
      client_id: MINE,
      seq: 1,
      chat_id: CHAT,
    });
    same([state.chatId, state.pending[0].chatId, state.needs], [CHAT, CHAT, null]);
  },

  "an ack beyond the next line shows a gap"() {
    const state = follow(open(), sent(), {
      type: "message_saved",
      client_id: MINE,
      seq: 4,
      chat_id: CHAT,
    });
    same(state.needs, { after_seq: 1 });
  },

  "the ack of a note or a contact moves nothing"() {
    const state = open();
    const ack = { type: "message_saved", client_id: OTHER, seq: 99, chat_id: CHAT };
    if (reduce(state, ack) !== state) throw new Error("a new object");
  },

  "an own text for another chat does not show in this one"() {
    same(visiblePending(follow(open(), sent(MINE, OTHER))), []);
  },

  "a refusal stays on the text with its sentence"() {
    const error = { type: "error", code: "too_long", message: "Too long.", client_id: MINE };
    const state = follow(open(), sent(), { ...error, retry_after: null });
    same([state.pending[0].status, state.pending[0].note], ["refused", "Too long."]);
    same(follow(state, { type: LOCAL.DISCARDED, clientId: MINE }).pending, []);
  },

  "a refusal for now keeps the text on its way"() {
    const error = { type: "error", code: "slow", message: "Wait.", client_id: MINE };
    const state = follow(open(), sent(), { ...error, retry_after: 3 });
    same([state.pending[0].status, state.pending[0].note], ["sending", "Wait."]);
  },

  "deltas append in order"() {
    const state = follow(open(), delta(0, "Hel"), delta(3, "lo"));
    same([state.draft.text, state.draft.length, state.isAnswering], ["Hello", 5, true]);
  },

  "offsets count code points, not UTF-16 units"() {
    const state = follow(open(), delta(0, "a😀"), delta(2, "b🏳️‍🌈"), delta(7, "c"));
    same([state.draft.text, state.needs], ["a😀b🏳️‍🌈c", null]);
  },

  "a repeated delta is dropped and an overlapping one gives its end"() {
    const state = follow(open(), delta(0, "Hel"), delta(0, "Hel"), delta(1, "ello"));
    same(state.draft.text, "Hello");
  },

  "a delta behind a gap waits and the draft is asked for"() {
    const state = follow(open(), delta(0, "Hel"), delta(5, " world"));
    same([state.draft.text, state.needs], ["Hel", { after_seq: 1 }]);
  },

  "a restored draft joins up with the deltas that waited"() {
    const draft = { turn: 1, attempt: 1, epoch: 1, text: "Hello w" };
    const state = follow(
      open(),
      delta(5, " world"),
      picture({ history: [], after_seq: 1, head_seq: 1, is_answering: true, draft }),
    );
    same([state.draft.text, state.needs], ["Hello world", null]);
  },

  "a restored draft that is shorter than ours takes nothing away"() {
    const draft = { turn: 1, attempt: 1, epoch: 1, text: "Hel" };
    const state = follow(
      open(),
      delta(0, "Hello"),
      picture({ history: [], after_seq: 1, head_seq: 1, is_answering: true, draft }),
    );
    same(state.draft.text, "Hello");
  },

  "a reload in mid-answer continues it"() {
    const draft = { turn: 1, attempt: 1, epoch: 1, text: "Hel" };
    const state = play(picture({ history: [line(1)], is_answering: true, draft }), delta(3, "lo"));
    same([state.draft.text, state.needs], ["Hello", null]);
  },

  "a new attempt replaces the text and the old one is ignored"() {
    const state = follow(
      open(),
      delta(0, "first try"),
      delta(0, "Second", { attempt: 2 }),
      delta(9, " more"),
    );
    same([state.draft.text, state.draft.attempt], ["Second", 2]);
  },

  "a delta of an older epoch is dropped"() {
    const state = follow(open(), message(2, {}, 3), delta(0, "late", { epoch: 2 }));
    same(state.draft, null);
  },

  "a raised epoch voids the draft"() {
    const state = follow(open(), delta(0, "half"), message(2, { role: "operator" }, 2));
    same([state.draft, state.isAnswering], [null, false]);
  },

  "the answer replaces the draft, and its late deltas are dropped"() {
    const state = follow(open(), delta(0, "half"), response(2), delta(4, " more"));
    same([state.draft, state.isAnswering, state.lines[1].text], [null, false, "the whole answer"]);
  },

  "an answer behind a gap leaves the draft until it can be shown"() {
    const state = follow(open(), delta(0, "half"), response(3));
    same([state.draft.text, seqs(state)], ["half", [1]]);
    const healed = follow(state, message(2));
    same([healed.draft, seqs(healed)], [null, [1, 2, 3]]);
  },

  "an answer that history brought first still ends its draft"() {
    const state = follow(open(), message(2, { role: "assistant" }), delta(0, "ghost"), response(2));
    same([seqs(state), state.draft, state.isAnswering], [[1, 2], null, false]);
  },

  "a stopped answer is a line, and its late deltas are dropped"() {
    const stopped = message(2, { role: "assistant", text: "half", is_stopped: true });
    const state = follow(open(), delta(0, "half"), stopped, delta(4, " more"));
    same([state.draft, state.lines[1].is_stopped], [null, true]);
  },

  "an answer that ended without a line leaves nothing, not even by its late deltas"() {
    const ended = { type: "ai_typing", chat_id: CHAT, active: false };
    const state = follow(open(), delta(0, "half"), ended, delta(4, " more"));
    same([state.draft, state.isAnswering], [null, false]);
  },

  "nothing of a stopped answer shows that was never begun here"() {
    const turn = delta(0, "late").turn;
    const ended = { type: "ai_typing", chat_id: CHAT, active: false, turn };
    const begun = { type: "ai_typing", chat_id: CHAT, active: true, turn };
    const state = follow(open(), ended, begun, delta(0, "late"));
    same([state.draft, state.isAnswering], [null, false]);
  },

  "lines alone give the mode"() {
    const modes = [];
    let state = open();
    for (const event of [
      system(2, "waiting", 2),
      system(3, "cancelled", 3),
      system(4, "waiting", 4),
      system(5, "unanswered", 5),
      system(6, "contact", 5),
      system(7, "joined", 6, "Anna"),
      system(8, "transferred", 7, "Boris"),
      system(9, "left", 8),
      system(10, "closed", 9),
    ]) {
      state = reduce(state, event);
      modes.push([state.mode, state.operator]);
    }
    same(modes, [
      ["waiting", ""],
      ["ai", ""],
      ["waiting", ""],
      ["ai", ""],
      ["ai", ""],
      ["operator", "Anna"],
      ["operator", "Boris"],
      ["ai", ""],
      ["closed", ""],
    ]);
  },

  "waiting clears the draft and keeps the place until it ends"() {
    const pending = { type: "support_pending", chat_id: CHAT, place: 2, wait: 90 };
    const state = follow(open(), delta(0, "half"), system(2, "waiting", 2), pending);
    same([state.draft, state.place, state.wait], [null, 2, 90]);
    const joined = follow(state, system(3, "joined", 3, "Anna"));
    same([joined.place, joined.wait], [null, null]);
    const late = follow(joined, pending);
    same([late.place, late.wait], [null, null]);
  },

  "no delta is shown while a person is awaited or holds the chat"() {
    const waiting = follow(open(), system(2, "waiting", 2), delta(0, "no", { epoch: 2 }));
    same(waiting.draft, null);
    const operator = follow(open(), system(2, "joined", 2), delta(0, "no", { epoch: 2 }));
    same(operator.draft, null);
  },

  "a delta of an epoch we have not heard of asks for what was lost"() {
    const state = follow(open(), system(2, "waiting", 2), delta(0, "yes", { epoch: 3 }));
    same(state.needs, { after_seq: 2 });
  },

  "the news of an operator counts at once, and stale news never"() {
    const joined = { type: "support_joined", chat_id: CHAT, epoch: 2, operator: "Anna" };
    same(follow(open(), joined).mode, "operator");
    const state = follow(open(), system(2, "left", 3), joined);
    same([state.mode, state.operator], ["ai", ""]);
  },

  "a restored picture gives the mode, and its older lines do not take it back"() {
    const state = follow(
      open(),
      picture({
        history: [line(2, { role: "system", event: "joined" })],
        head_seq: 9,
        mode: "closed",
        epoch: 4,
      }),
      picture({
        history: [line(3, { role: "system", event: "left" })],
        head_seq: 9,
        mode: "closed",
        epoch: 4,
      }),
    );
    same(state.mode, "closed");
  },

  "feedback and rating are kept"() {
    const state = follow(
      open(),
      response(2),
      { type: "feedback_saved", chat_id: CHAT, seq: 2, helpful: true },
      { type: "rated", chat_id: CHAT, rating: 4 },
    );
    same([state.lines[1].helpful, state.rating], [true, 4]);
  },

  "any order and any repeats of the same lines end in the same dialogue"() {
    const events = [2, 3, 4, 5, 6].map((seq) => message(seq));
    const orders = [
      [4, 3, 2, 1, 0],
      [2, 0, 2, 4, 1, 1, 3, 0],
      [1, 3, 0, 4, 2],
    ];
    for (const order of orders) {
      const state = follow(open(), ...order.map((index) => events[index]));
      same([seqs(state), state.early, state.needs], [[1, 2, 3, 4, 5, 6], {}, null]);
    }
  },

  "nothing given to the reducer is changed by it"() {
    const freeze = (value) => {
      if (value && typeof value === "object") Object.values(value).forEach(freeze);
      return Object.freeze(value);
    };
    const events = [
      picture({ history: [line(1)] }),
      sent(),
      delta(0, "half"),
      message(4),
      message(3),
      response(2),
      system(5, "waiting", 2),
    ];
    events
      .map(freeze)
      .reduce((state, event) => freeze(reduce(state, event)), freeze(emptyTranscript()));
  },
};
