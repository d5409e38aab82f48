/**
 * A dialogue as data: a pure reducer from the server's events to what a client shows.
 * The widget and the operators' console both fold every frame of their sockets through `reduce`.
 *
 * Lines are applied by seq: a repeat is dropped, a line from the future is kept aside, and the
 * gap is asked for through `needs`, which the caller turns into a command.
 */

import { emptyDraft, grow, mergeDraft } from "./draft.js";
import { EVENTS, MODE_AFTER } from "./protocol.js";
import { mergeResults, resultAt } from "./results.js";

/**
 * @typedef {"ai" | "waiting" | "operator" | "closed"} Mode
 * @typedef {{title: string, url: string, quote: string, number: number}} Source
 * @typedef {import("./draft.js").Draft} Draft
 * @typedef {import("./results.js").Result} Result
 *
 * @typedef {object} Kind the type of a chat
 * @property {string} slug
 * @property {string} name
 * @property {string} icon
 * @property {string} result_name
 * @property {string} button
 * @property {boolean} visitor_finishes
 * @property {boolean} operator_finishes
 *
 * @typedef {object} Line
 * @property {number} seq
 * @property {"user" | "assistant" | "operator" | "system"} role
 * @property {string} event
 * @property {string} text
 * @property {string} html sanitised by the server
 * @property {string} timestamp
 * @property {string} author
 * @property {string | null} client_id
 * @property {Source[]} sources
 * @property {boolean} is_stopped
 * @property {boolean} offers_support
 * @property {boolean | null} helpful
 * @property {boolean} is_masked rude words or spam of it are hidden
 * @property {number | null} replaces the line whose place this answer takes
 * @property {boolean} is_replaced
 *
 * @typedef {object} Pending a text of this client that is not among the lines yet
 * @property {string} clientId
 * @property {string | null} chatId
 * @property {string} text
 * @property {number} at milliseconds
 * @property {"sending" | "saved" | "refused"} status
 * @property {string} note why it waits or was refused, for a person
 *
 * @typedef {object} Transcript
 * @property {string | null} chatId
 * @property {string} name
 * @property {Mode} mode
 * @property {number} modeSeq the seq as of which the mode is known
 * @property {number} epoch
 * @property {number} lastSeq every line up to it is here, or was left out as too old
 * @property {boolean} hasOlder
 * @property {Line[]} lines
 * @property {Record<number, Line>} early lines behind a gap
 * @property {Pending[]} pending
 * @property {Draft | null} draft
 * @property {number} doneTurn turns up to it are over
 * @property {boolean} isAnswering
 * @property {string} operator
 * @property {number | null} place
 * @property {number | null} wait seconds
 * @property {number | null} rating
 * @property {Kind | null} kind
 * @property {Result[]} results
 * @property {{after_seq: number} | null} needs a new object is a new request
 */

/** What a client says to its own transcript. */
export const LOCAL = Object.freeze({
  SENT: "local_sent",
  DISCARDED: "local_discarded",
  REFUSED: "local_refused",
});

/** @returns {Transcript} */
export function emptyTranscript() {
  return {
    chatId: null,
    name: "",
    mode: "ai",
    modeSeq: 0,
    epoch: 0,
    lastSeq: 0,
    hasOlder: false,
    lines: [],
    early: {},
    pending: [],
    draft: null,
    doneTurn: 0,
    isAnswering: false,
    operator: "",
    place: null,
    wait: null,
    rating: null,
    kind: null,
    results: [],
    needs: null,
  };
}

/**
 * @param {Transcript} state
 * @param {{type: string, [field: string]: any}} event a frame of the server, or one of LOCAL
 * @returns {Transcript} the same object where nothing changed
 */
export function reduce(state, event) {
  const handle = handlers[event.type];
  return handle ? handle(state, event) : state;
}

/** @type {Record<string, (state: Transcript, event: any) => Transcript>} */
const handlers = {
  [EVENTS.CHAT_RESTORED]: (state, { chat }) => restore(state, chat),
  [EVENTS.CHAT_SWITCHED]: (state, { chat }) => restore(state, chat),
  [EVENTS.WATCHING]: (state, { chat }) => restore(state, chat),

  [EVENTS.MESSAGE](state, { chat_id, epoch, message }) {
    const own = claim(state, chat_id);
    if (!own) return settle(state, message.client_id);
    const next = receive(raise(own, epoch), message);
    // The result goes before the line that tells of it; it was lost.
    const isLost = message.event === "result" && !resultAt(next.results, message.seq);
    return isLost ? ask(next) : next;
  },

  [EVENTS.AI_RESPONSE](state, { chat_id, epoch, turn, message }) {
    const own = claim(state, chat_id);
    if (!own) return state;
    const next = receive(raise(own, epoch), message);
    return finish(next, turn, message.seq <= next.lastSeq);
  },

  [EVENTS.AI_TYPING](state, { chat_id, active, turn }) {
    if (chat_id !== state.chatId || state.mode !== "ai") return state;
    // Ended without a line: nothing of the draft was kept, so nothing of it is shown.
    if (!active) return finish(state, turn ?? state.draft?.turn ?? 0, true);
    // It travels another way than the lines do, and may come behind the end of its own turn.
    return turn && turn <= state.doneTurn ? state : { ...state, isAnswering: true };
  },

  [EVENTS.AI_DELTA]: applyDelta,

  [EVENTS.SUPPORT_PENDING](state, { chat_id, place, wait }) {
    // One that was on its way when the waiting ended tells of no queue any more.
    return chat_id === state.chatId && state.mode === "waiting" ? { ...state, place, wait } : state;
  },

  [EVENTS.SUPPORT_JOINED](state, { chat_id, epoch, operator }) {
    if (chat_id !== state.chatId || epoch < state.epoch) return state;
    return hold(raise(state, epoch), "operator", operator);
  },

  [EVENTS.SUPPORT_LEFT](state, { chat_id, epoch, mode }) {
    if (chat_id !== state.chatId || epoch < state.epoch) return state;
    return hold(raise(state, epoch), mode, "");
  },

  [EVENTS.MESSAGE_SAVED](state, { client_id, seq, chat_id }) {
    if (!state.pending.some((own) => own.clientId === client_id)) return state;
    const own = claim(state, chat_id);
    if (!own || seq <= own.lastSeq) return settle(state, client_id);
    const next = amend(own, client_id, { status: "saved", note: "", chatId: chat_id });
    return seq > own.lastSeq + 1 ? ask(next) : next;
  },

  [EVENTS.ERROR](state, { client_id, message, retry_after }) {
    if (!client_id) return state;
    const status = retry_after == null ? "refused" : "sending";
    return amend(state, client_id, { status, note: message });
  },

  [EVENTS.FEEDBACK_SAVED](state, { chat_id, seq, helpful }) {
    if (chat_id !== state.chatId) return state;
    const lines = state.lines.map((line) => (line.seq === seq ? { ...line, helpful } : line));
    return { ...state, lines };
  },

  [EVENTS.RATED](state, { chat_id, rating }) {
    return chat_id === state.chatId ? { ...state, rating } : state;
  },

  [EVENTS.RESULT](state, { chat_id, result }) {
    if (chat_id !== state.chatId) return state;
    return { ...state, results: mergeResults(state.results, [result]) };
  },

  [EVENTS.PING](state, { chat_id, head_seq }) {
    if (!chat_id || (state.chatId && chat_id !== state.chatId)) return state;
    // Always a new request: the answer to an older one may never have come.
    return head_seq > state.lastSeq ? ask({ ...state, needs: null }) : state;
  },

  [LOCAL.SENT](state, { clientId, chatId, text, at }) {
    if (state.pending.some((own) => own.clientId === clientId)) return state;
    /** @type {Pending} */
    const own = { clientId, chatId, text, at, status: "sending", note: "" };
    return { ...state, pending: [...state.pending, own] };
  },

  [LOCAL.DISCARDED]: (state, { clientId }) => settle(state, clientId),

  [LOCAL.REFUSED]: (state, { clientId, note }) =>
    amend(state, clientId, { status: "refused", note }),
};

/** The own texts that belong under the lines of the chat that is shown. */
export function visiblePending(/** @type {Transcript} */ state) {
  return state.pending.filter((own) => !own.chatId || own.chatId === state.chatId);
}

/**
 * The state as of a chat, or null where the event is another chat's. The first event of a first
 * chat gives the chat its name.
 * @param {Transcript} state
 * @param {string} chatId
 */
function claim(state, chatId) {
  if (chatId === state.chatId) return state;
  return state.chatId === null ? { ...state, chatId } : null;
}

/** A gap is to be filled; an unanswered request stays the same object. */
function ask(/** @type {Transcript} */ state) {
  if (state.needs) return state;
  return { ...state, needs: { after_seq: state.lastSeq } };
}

/** An own text has come back as a line, or is given up. */
function settle(/** @type {Transcript} */ state, /** @type {string | null} */ clientId) {
  if (!clientId || !state.pending.some((own) => own.clientId === clientId)) return state;
  return { ...state, pending: state.pending.filter((own) => own.clientId !== clientId) };
}

/**
 * @param {Transcript} state
 * @param {string} clientId
 * @param {Partial<Pending>} change
 */
function amend(state, clientId, change) {
  if (!state.pending.some((own) => own.clientId === clientId)) return state;
  const pending = state.pending.map((own) =>
    own.clientId === clientId ? { ...own, ...change } : own,
  );
  return { ...state, pending };
}

/** Whoever holds the chat has changed: what an older epoch drafted is void. */
function raise(/** @type {Transcript} */ state, /** @type {number} */ epoch) {
  if (epoch <= state.epoch) return state;
  const { draft } = state;
  return draft && draft.epoch < epoch
    ? { ...state, epoch, draft: null, isAnswering: false, doneTurn: draft.turn }
    : { ...state, epoch };
}

/**
 * @param {Transcript} state
 * @param {Mode} mode
 * @param {string} operator
 */
function hold(state, mode, operator) {
  const next = { ...state, mode, operator };
  if (mode !== "ai") Object.assign(next, { draft: null, isAnswering: false });
  if (mode !== "waiting") Object.assign(next, { place: null, wait: null });
  return next;
}

/** Take a line in, whenever it comes. */
function receive(/** @type {Transcript} */ state, /** @type {Line} */ line) {
  let next = settle(state, line.client_id);
  if (line.seq <= next.lastSeq || next.early[line.seq]) return next;
  if (line.seq > next.lastSeq + 1) {
    return ask({ ...next, early: { ...next.early, [line.seq]: line } });
  }
  next = append(next, line);
  const early = { ...next.early };
  while (early[next.lastSeq + 1]) {
    const following = early[next.lastSeq + 1];
    delete early[following.seq];
    next = append(next, following);
  }
  // What a page of history has overtaken is a repeat now.
  for (const seq of Object.keys(early).map(Number)) if (seq <= next.lastSeq) delete early[seq];
  const isWhole = Object.keys(early).length === 0 && !next.draft?.ahead.length;
  return { ...next, early, needs: isWhole ? null : next.needs };
}

function append(/** @type {Transcript} */ state, /** @type {Line} */ line) {
  let { lines } = state;
  if (line.replaces) {
    lines = lines.map((one) => (one.seq === line.replaces ? { ...one, is_replaced: true } : one));
  }
  let next = { ...state, lines: [...lines, line], lastSeq: line.seq };
  if (line.role === "assistant") next = finish(next, next.draft?.turn ?? 0, true);
  const mode = line.role === "system" ? modeAfter(line.event) : undefined;
  if (mode && line.seq > state.modeSeq) {
    next = hold({ ...next, modeSeq: line.seq }, mode, mode === "operator" ? line.author : "");
  }
  return next;
}

function modeAfter(/** @type {string} */ event) {
  return /** @type {Record<string, Mode | undefined>} */ (MODE_AFTER)[event];
}

/** A turn is over; its draft goes as soon as the line that replaces it is shown. */
function finish(
  /** @type {Transcript} */ state,
  /** @type {number} */ turn,
  /** @type {boolean} */ isShown,
) {
  const next = { ...state, doneTurn: Math.max(state.doneTurn, turn) };
  if (!isShown || (next.draft && next.draft.turn > next.doneTurn)) return next;
  return { ...next, draft: null, isAnswering: false };
}

function applyDelta(/** @type {Transcript} */ state, /** @type {any} */ event) {
  const { chat_id, turn, attempt, epoch, offset, text } = event;
  const draft = state.draft;
  if (chat_id !== state.chatId || epoch < state.epoch || turn <= state.doneTurn) return state;
  if (draft && (turn < draft.turn || (turn === draft.turn && attempt < draft.attempt))) {
    return state;
  }
  // A newer epoch than ours: the line that gave the chat back to the assistant was lost.
  if (state.mode !== "ai") return epoch > state.epoch ? ask(state) : state;

  const isSame = draft !== null && draft.turn === turn && draft.attempt === attempt;
  const base = isSame ? draft : emptyDraft(event);
  const grown = grow(base, [{ offset, text }]);
  const next = { ...raise(state, epoch), isAnswering: true, draft: grown };
  return grown.ahead.length ? ask(next) : next;
}

/** Take in the server's picture of a chat: this one's missing lines, or another chat whole. */
function restore(/** @type {Transcript} */ state, /** @type {any} */ chat) {
  if (!chat.has_existing_chat) return { ...emptyTranscript(), pending: state.pending };

  const isFollowing = chat.chat_id === state.chatId && chat.after_seq <= state.lastSeq;
  const base = isFollowing
    ? state
    : {
        ...emptyTranscript(),
        chatId: chat.chat_id,
        lastSeq: chat.after_seq,
        modeSeq: chat.head_seq,
        hasOlder: chat.has_more,
        pending: state.pending,
        early: chat.chat_id === state.chatId ? state.early : {},
      };
  let next = chat.history.reduce(receive, raise(base, chat.epoch));
  if (chat.epoch >= next.epoch) {
    next = hold(
      { ...next, modeSeq: Math.max(next.modeSeq, chat.head_seq) },
      chat.mode,
      chat.operator,
    );
    Object.assign(next, {
      name: chat.name,
      place: chat.place,
      wait: chat.wait,
      rating: chat.rating,
      kind: chat.kind,
      results: mergeResults(next.results, chat.results),
      isAnswering: chat.is_answering,
      draft: chat.is_answering ? mergeDraft(next.draft, chat.draft) : null,
    });
  }
  const hasGap = chat.head_seq > next.lastSeq || Object.keys(next.early).length > 0;
  // A page that brought nothing new is not asked for again at once; the next ping will see.
  const isMoving = next.lastSeq > state.lastSeq || !isFollowing;
  const isWanted = (hasGap && isMoving) || Boolean(next.draft?.ahead.length);
  return { ...next, needs: isWanted ? { after_seq: next.lastSeq } : null };
}
