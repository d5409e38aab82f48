/** The console: ties the socket, the desk, the watched dialogue and the composer together. */

import { EVENTS, OPERATOR_COMMANDS } from "../shared/protocol.js";
import { openSocket, socketUrl } from "../shared/socket.js";
import { emptyTranscript, reduce } from "../shared/transcript.js";
import { el, fill, renew } from "../shared/dom.js";
import { openAlerts } from "./alerts.js";
import { actionNodes, dialogueNodes, finishNodes, stateSentence } from "./dialogue.js";
import { ago } from "./ago.js";
import { isOpen, withCall } from "./calls.js";
import { summaryNodes } from "./summary.js";
import { factNodes } from "./facts.js";
import { openOutbox } from "./outbox.js";
import { isToAnswer, queueNodes } from "./queue.js";
import { openReplies } from "./replies.js";

const TYPING_SHOWN = 5_000;
const TYPING_EVERY = 3_000;
const ASK_EVERY = 1_000;
/** The buttons of a chat change places with its mode: a double click must not press two of them. */
const DOUBLE_CLICK = 600;

const config = JSON.parse(document.getElementById("console-config")?.textContent ?? "{}");
const { texts, language } = config;
const memberId = config.member_id;

/** @type {any} */
let desk = { waiting: [], held: [], recent: [], contacts: [], calls: [] };
/** @type {any[]} */
let colleagues = [];
let transcript = emptyTranscript();
/** @type {string | null} */
let current = location.hash.slice(1) || null;
/** @type {any} */
let visitor = null;
/** @type {any} */
let watchedDesk = null;
/** @type {any[]} */
let notes = [];
/** The operators' lines of the watched chat that were kept for the knowledge base. @type {Set<number>} */
let learnt = new Set();
/** Hidden messages of the watched chat as they were written. @type {Map<number, string>} */
let revealed = new Map();
/** What the assistant wanted to change in the watched chat. @type {import("./calls.js").Call[]} */
let calls = [];
let isNote = false;
let connection = "connecting";
let sentence = "";
let notice = "";
let status = config.presence;
let visitorTyping = false;
let typedAt = 0;
let askedAt = 0;
let commandedAt = 0;
/** Whether the composer is to be focused as soon as the chat is mine. */
let wantsComposer = false;
/** What is to be focused as soon as the chat that was opened is shown, or the list again. */
let wantsFocus = "";
/** Who waits already: a ring is for the new ones. @type {Set<string>} */
let known = new Set();
/** @type {Set<number>} */
let knownCalls = new Set();
/** @type {Record<string, string>} */
const drafts = {};
/** Lines before those of the transcript, which were asked for. @type {any[]} */
let earlier = [];
/** @type {number | undefined} */
let typingTimer;
let isRenderDue = false;

const alerts = openAlerts({ sound: config.sound, title: document.title });
const socket = openSocket({
  url: socketUrl("/ws/operator/"),
  hello: () => ({ type: OPERATOR_COMMANDS.PRESENCE, status }),
  onFrame,
  onStatus(next, why) {
    connection = next;
    sentence = why;
    if (next === "open") {
      if (current) watch(current);
      outbox.resend();
    }
    render();
  },
});
const outbox = openOutbox((frame) => socket.send(frame), render);

// --- the page ---------------------------------------------------------------------------------

const root = /** @type {HTMLElement} */ (document.getElementById("console"));
const parts = {
  banner: el("p", { class: "console-banner", role: "status" }),
  live: el("p", { class: "unseen", role: "status", "aria-live": "polite" }),
  tools: el("div", { class: "console-tools" }),
  queue: el("nav", { class: "console-queue", "aria-label": texts.waiting }),
  head: el("header", { class: "console-head" }),
  summary: el("section", { class: "console-summary", "aria-label": texts.summary, tabindex: 0 }),
  log: el("div", { class: "console-log", role: "log", "aria-live": "off", tabindex: 0, "data-focus": "log" }),
  state: el("p", { class: "console-state" }),
  facts: el("aside", { class: "console-facts", "aria-label": texts.facts }),
  factsBody: el("div", { class: "console-facts-body" }),
};
/** Where there is little room the facts are folded; they open at a tap. */
const wide = matchMedia("(min-width: 1181px)");
const factsFold = /** @type {HTMLDetailsElement} */ (
  el("details", {}, el("summary", {}, el("h2", { text: texts.facts })), parts.factsBody)
);
parts.facts.append(factsFold);
factsFold.open = wide.matches;
wide.addEventListener("change", () => (factsFold.open = wide.matches));
const composer = /** @type {HTMLTextAreaElement} */ (
  el("textarea", {
    rows: 2,
    maxlength: config.max_text,
    "aria-describedby": "console-keys",
    on: { keydown: onKey, input: onInput },
  })
);
const kind = el(
  "div",
  { class: "console-kind", role: "group" },
  el("button", { type: "button", class: "button small", on: { click: () => chooseKind(false) }, text: texts.reply }),
  el("button", { type: "button", class: "button small", on: { click: () => chooseKind(true) }, text: texts.note }),
);
const replies = openReplies(composer, config.replies, {
  texts,
  url: config.replies_url,
  names: () => ({ visitor: visitor?.name ?? "", operator: config.member_name }),
});
kind.append(replies.button);
const sendButton = el("button", { type: "submit", class: "button primary", text: texts.send });
const form = el(
  "form",
  { class: "console-composer", on: { submit: onSubmit } },
  kind,
  replies.box,
  composer,
  el("div", { class: "console-send" }, el("small", { id: "console-keys", class: "quiet", text: texts.keys_hint }), sendButton),
);
const empty = el("p", { class: "console-empty quiet", text: texts.choose });
const talk = el("section", { class: "console-talk" }, parts.head, parts.summary, parts.log, parts.state, form, empty);
root.replaceChildren(
  parts.banner,
  parts.live,
  el("div", { class: "console-desk" }, parts.tools, parts.queue),
  talk,
  parts.facts,
);
root.removeAttribute("aria-busy");
document.addEventListener("keydown", onShortcut);
let isAtEnd = true;
parts.log.addEventListener("scroll", () => (isAtEnd = isDown()));
new ResizeObserver(() => {
  if (isAtEnd) parts.log.scrollTop = parts.log.scrollHeight;
}).observe(parts.log);
addEventListener("hashchange", () => {
  const wanted = location.hash.slice(1) || null;
  if (wanted !== current) open(wanted);
});
setInterval(() => {
  for (const time of root.querySelectorAll("[data-since]")) {
    time.textContent = ago(time.getAttribute("data-since") ?? "", texts);
  }
}, 5_000);
if (current) watch(current);
render();

// --- what comes ---------------------------------------------------------------------------------

function onFrame(/** @type {any} */ frame) {
  switch (frame.type) {
    case EVENTS.QUEUE:
      for (const chat of frame.held) if (isGivenToMe(chat)) callTo(fill(texts.given, { chat: chat.title || chat.visitor }), chat.chat_id);
      desk = frame;
      for (const call of frame.calls) announceCall(call);
      for (const chat of frame.waiting) if (!known.has(chat.chat_id)) announce(chat);
      known = new Set(frame.waiting.map((/** @type {any} */ chat) => chat.chat_id));
      break;
    case EVENTS.NEW_SUPPORT_REQUEST:
      if (!known.has(frame.chat.chat_id)) announce(frame.chat);
      known.add(frame.chat.chat_id);
      break;
    case EVENTS.TOOL_CALL:
      announceCall(frame.call);
      if (frame.call.chat_id === current) calls = withCall(calls, frame.call);
      desk.calls = desk.calls.filter((/** @type {any} */ call) => call.call_id !== frame.call.call_id);
      if (frame.call.status === "pending") desk.calls = withCall(desk.calls, frame.call);
      break;
    case EVENTS.DESK_MESSAGE:
      hearMessage(frame);
      break;
    case EVENTS.NEW_CONTACT:
      alerts.ring();
      parts.live.textContent = fill(texts.new_contact, { name: frame.contact.name });
      break;
    case EVENTS.PRESENCE:
      colleagues = frame.members;
      break;
    case EVENTS.WATCHING:
      if (frame.chat.chat_id !== current) return;
      visitor = frame.visitor;
      watchedDesk = frame.desk;
      notes = frame.notes;
      learnt = new Set(frame.learnt);
      calls = frame.calls;
      break;
    case EVENTS.LEARNT:
      if (frame.chat_id !== current || learnt.has(frame.seq)) return;
      learnt = new Set([...learnt, frame.seq]);
      parts.live.textContent = texts.learnt;
      break;
    case EVENTS.HANDOFF_SUMMARY:
      for (const chat of [...desk.waiting, ...desk.held, watchedDesk]) {
        if (chat?.chat_id === frame.chat_id) chat.summary = frame.summary;
      }
      if (frame.chat_id === current) parts.live.textContent = texts.summary_came;
      break;
    case EVENTS.VISITOR_MUTED:
      if (frame.chat_id !== current || !visitor) return;
      visitor = { ...visitor, offences: frame.offences, muted_until: frame.until };
      break;
    case EVENTS.REVEALED:
      if (frame.chat_id === current) revealed = new Map([...revealed, [frame.seq, frame.text]]);
      break;
    case EVENTS.NOTE:
      if (frame.chat_id === current && !notes.some((note) => note.note_id === frame.note.note_id)) {
        notes = [...notes, frame.note];
        outbox.saved(frame.note.client_id);
      }
      break;
    case EVENTS.MESSAGE:
      if (frame.chat_id === current && frame.message.role === "user") visitorTyping = false;
      if (frame.message.client_id) outbox.saved(frame.message.client_id);
      break;
    case EVENTS.MESSAGE_SAVED:
      // The line comes as an event of its own; a lost one is healed by the next ping.
      outbox.saved(frame.client_id);
      break;
    case EVENTS.VISITOR_TYPING:
      if (frame.chat_id !== current) return;
      visitorTyping = true;
      clearTimeout(typingTimer);
      typingTimer = setTimeout(() => {
        visitorTyping = false;
        render();
      }, TYPING_SHOWN);
      break;
    case EVENTS.ERROR:
      if (frame.client_id) outbox.refused(frame.client_id, frame.message, frame.retry_after);
      else notice = frame.message;
      if (frame.code === "already_taken" || frame.code === "not_yours") if (current) watch(current);
      break;
  }
  const before = transcript;
  transcript = reduce(transcript, frame);
  if (transcript.needs && transcript.needs !== before.needs) fillGap();
  alerts.count(desk.waiting.length + desk.calls.length + desk.held.filter((/** @type {any} */ chat) => isToAnswer(chat, memberId)).length);
  render();
}

/** Whether a colleague held the chat until now and I do from now on. */
function isGivenToMe(/** @type {any} */ chat) {
  const before = desk.held.find((/** @type {any} */ one) => one.chat_id === chat.chat_id);
  return before && before.operator_id !== memberId && chat.operator_id === memberId;
}

function announce(/** @type {any} */ chat) {
  callTo(fill(texts.new_request, { visitor: chat.title || chat.visitor }), chat.chat_id);
}

/** A change that waits for a word calls everybody, once; so does one of which nobody knows. */
function announceCall(/** @type {import("./calls.js").Call} */ call) {
  if (call.status === "unknown") {
    callTo(fill(texts.call_lost, { name: call.label }), call.chat_id);
  } else if (call.status === "pending" && !knownCalls.has(call.call_id)) {
    callTo(fill(texts.new_call, { name: call.label }), call.chat_id);
  }
  knownCalls = new Set([...knownCalls, call.call_id]);
}

/** Call the operator to a chat: aloud, by a sound, and beyond the page where that is allowed. */
function callTo(/** @type {string} */ words, /** @type {string} */ chatId) {
  parts.live.textContent = words;
  alerts.ring();
  alerts.notify(words, () => open(chatId));
}

/** Words in a chat that waits or is held: its line shows them, and one's own chats ring. */
function hearMessage(/** @type {any} */ frame) {
  const line = [...desk.waiting, ...desk.held].find((/** @type {any} */ chat) => chat.chat_id === frame.chat_id);
  if (!line) return;
  line.last_text = frame.last_text;
  line.last_role = frame.last_role;
  const isSeen = frame.chat_id === current && !document.hidden;
  if (frame.last_role !== "user" || line.operator_id !== memberId || isSeen) return;
  callTo(fill(texts.new_message, { chat: line.title || line.visitor }), frame.chat_id);
}

function fillGap() {
  const wait = Math.max(0, askedAt + ASK_EVERY - Date.now());
  askedAt = Date.now() + wait;
  setTimeout(() => {
    if (current && transcript.needs) {
      socket.send({ type: OPERATOR_COMMANDS.WATCH, chat_id: current, last_seq: transcript.lastSeq });
    }
  }, wait);
}

// --- what is done -------------------------------------------------------------------------------

function watch(/** @type {string} */ chatId) {
  const lastSeq = transcript.chatId === chatId ? transcript.lastSeq : 0;
  socket.send({ type: OPERATOR_COMMANDS.WATCH, chat_id: chatId, last_seq: lastSeq });
}

function open(/** @type {string | null} */ chatId) {
  if (current) drafts[current] = composer.value;
  wantsFocus = chatId ? "log" : `chat-${current}`;
  current = chatId;
  transcript = emptyTranscript();
  visitor = watchedDesk = null;
  notes = [];
  learnt = new Set();
  revealed = new Map();
  calls = [];
  earlier = [];
  notice = "";
  commandedAt = 0;
  visitorTyping = false;
  composer.value = (chatId && drafts[chatId]) || "";
  history.replaceState(null, "", chatId ? `#${chatId}` : location.pathname);
  if (chatId) watch(chatId);
  render();
}

const act = {
  accept: () => command(OPERATOR_COMMANDS.JOIN_SUPPORT_CHAT),
  take_over: () => command(OPERATOR_COMMANDS.JOIN_SUPPORT_CHAT),
  finish: () => command(OPERATOR_COMMANDS.FINISH),
  hand_back: () => command(OPERATOR_COMMANDS.HAND_BACK),
  close() {
    if (Date.now() - commandedAt > DOUBLE_CLICK && confirm(texts.close_sure)) command(OPERATOR_COMMANDS.CLOSE_CHAT);
  },
  transfer(/** @type {number} */ to) {
    if (to) socket.send({ type: OPERATOR_COMMANDS.TRANSFER, chat_id: current, member_id: to });
  },
};

function command(/** @type {string} */ type) {
  if (Date.now() - commandedAt < DOUBLE_CLICK) return;
  commandedAt = Date.now();
  notice = "";
  if (!socket.send({ type, chat_id: current })) notice = texts.lost;
  wantsComposer = type === OPERATOR_COMMANDS.JOIN_SUPPORT_CHAT;
  render();
}

/** Ask for something of which a second time does no harm. */
function say(/** @type {object} */ frame) {
  notice = socket.send(frame) ? "" : texts.lost;
  render();
}

/** Confirm or refuse a change; the buttons move when it is decided, as above. */
function decide(/** @type {number} */ callId, /** @type {boolean} */ approve) {
  if (Date.now() - commandedAt < DOUBLE_CLICK) return;
  commandedAt = Date.now();
  notice = socket.send({ type: OPERATOR_COMMANDS.DECIDE_CALL, call_id: callId, approve }) ? "" : texts.lost;
  render();
}

/** The transcript with the lines before it, as long as no line is missing between them. */
function withEarlier() {
  const first = transcript.lines[0]?.seq;
  if (!earlier.length || earlier.at(-1).seq !== first - 1) return transcript;
  return { ...transcript, lines: [...earlier, ...transcript.lines], hasOlder: earlier[0].seq > 1 };
}

/** Read a page further back; what is being read stays where it is. */
async function readEarlier() {
  const chatId = current;
  const before = withEarlier().lines[0]?.seq;
  const answer = await fetch(`${config.address}${chatId}/earlier/?before=${before}`).catch(() => null);
  const found = answer?.ok ? (await answer.json()).lines : null;
  if (chatId !== current) return;
  if (found) {
    const shown = withEarlier().lines;
    earlier = [...found, ...shown.filter((line) => line.seq < transcript.lines[0].seq)];
    const fromEnd = parts.log.scrollHeight - parts.log.scrollTop;
    draw(false);
    parts.log.scrollTop = parts.log.scrollHeight - fromEnd;
  } else {
    notice = texts.lost;
    render();
  }
}

function chooseKind(/** @type {boolean} */ note) {
  isNote = note;
  render();
  composer.focus();
}

function onSubmit(/** @type {Event} */ event) {
  event.preventDefault();
  const text = composer.value.trim();
  if (!text || !current || (!isNote && !mayReply())) return;
  outbox.add(current, text, isNote);
  composer.value = "";
  delete drafts[current];
  render(true);
  composer.focus();
}

function onKey(/** @type {KeyboardEvent} */ event) {
  if (replies.takes(event)) return;
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
}

function onInput() {
  const now = Date.now();
  if (isNote || !mayReply() || now - typedAt < TYPING_EVERY) return;
  typedAt = now;
  socket.send({ type: OPERATOR_COMMANDS.TYPING, chat_id: current });
}

/** j and k walk the queue, as in mail programs; not while somebody writes. */
function onShortcut(/** @type {KeyboardEvent} */ event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, textarea, select")) return;
  const step = { j: 1, k: -1 }[event.key];
  if (!step) return;
  const items = /** @type {HTMLElement[]} */ ([...parts.queue.querySelectorAll("[data-chat]")]);
  const focused = items.findIndex((item) => item === document.activeElement);
  const at = focused < 0 ? items.findIndex((item) => item.dataset.chat === current) : focused;
  items[Math.min(items.length - 1, Math.max(0, at + step))]?.focus();
}

function mayReply() {
  return transcript.mode === "operator" && holder() === memberId;
}

/** The member who holds the watched chat. */
function holder() {
  const line = desk.held.find((/** @type {any} */ chat) => chat.chat_id === current);
  if (line) return line.operator_id;
  return transcript.operator === config.member_name && transcript.mode === "operator" ? memberId : null;
}

// --- what is shown ------------------------------------------------------------------------------

function render(toEnd = false) {
  if (isRenderDue) return;
  isRenderDue = true;
  requestAnimationFrame(() => {
    isRenderDue = false;
    draw(toEnd);
  });
}

function isDown() {
  return parts.log.scrollHeight - parts.log.scrollTop - parts.log.clientHeight < 80;
}

function draw(/** @type {boolean} */ toEnd) {
  const focused = document.activeElement?.getAttribute("data-focus");
  const wasDown = isDown();
  const isOther = parts.log.dataset.chat !== (transcript.chatId ?? "");

  const words = { connecting: texts.connecting, open: "", lost: texts.lost, closed: sentence || texts.ended };
  parts.banner.textContent = words[/** @type {keyof typeof words} */ (connection)] || notice;
  parts.banner.hidden = !parts.banner.textContent;
  parts.banner.classList.toggle("is-bad", connection !== "open" && connection !== "connecting");

  renew(parts.tools, toolNodes());
  renew(
    parts.queue,
    queueNodes(desk, {
      texts,
      memberId,
      current,
      onOpen: open,
      onHandled: (id) => socket.send({ type: OPERATOR_COMMANDS.HANDLE_CONTACT, contact_id: id }),
      onDecide: decide,
    }),
  );

  root.classList.toggle("has-chat", Boolean(current));
  const isReady = Boolean(current && transcript.chatId === current);
  for (const part of [parts.head, parts.log, parts.state, form]) part.hidden = !isReady;
  if (!isReady) parts.summary.hidden = true;
  empty.hidden = Boolean(current);
  parts.facts.hidden = !isReady || !visitor;
  if (isReady) drawChat();
  if (toEnd || wasDown || isOther) parts.log.scrollTop = parts.log.scrollHeight;
  parts.log.dataset.chat = transcript.chatId ?? "";

  if (wantsFocus && (isReady || !current)) {
    focusOn(wantsFocus);
    wantsFocus = "";
  } else if (focused && document.activeElement === document.body) focusOn(focused);
}

function focusOn(/** @type {string} */ name) {
  const target = /** @type {HTMLElement | null} */ (root.querySelector(`[data-focus="${CSS.escape(name)}"]`));
  target?.focus({ preventScroll: name === "log" });
}

function drawChat() {
  const chat = {
    mode: transcript.mode,
    operator: transcript.operator,
    operatorId: holder(),
    rating: transcript.rating,
  };
  const line = [...desk.waiting, ...desk.held].find((one) => one.chat_id === current) ?? watchedDesk;
  const summary = summaryNodes(chat.mode, line, texts);
  renew(parts.summary, summary);
  parts.summary.hidden = !summary.length;
  renew(parts.head, [
    el("button", { type: "button", class: "button console-back", "data-focus": "back", on: { click: () => open(null) }, text: `← ${texts.back}` }),
    el(
      "div",
      { class: "console-title" },
      el("h1", { text: watchedDesk?.title || watchedDesk?.visitor || "" }),
      el("p", { class: "quiet", text: [watchedDesk?.visitor, watchedDesk?.widget, transcript.kind?.name].filter(Boolean).join(" · ") }),
    ),
    el("div", { class: "console-actions" }, ...finishNodes(transcript, { act }), ...actionNodes(chat, { texts, memberId, colleagues, act })),
  ]);
  renew(
    parts.log,
    dialogueNodes(withEarlier(), notes, outbox.of(current ?? ""), {
      texts,
      language,
      visitorTyping,
      learnt,
      calls: calls.filter(isOpen),
      onDecide: decide,
      onLearn(seq) {
        say({ type: OPERATOR_COMMANDS.LEARN, chat_id: current, seq });
      },
      revealed,
      onReveal: (seq) => say({ type: OPERATOR_COMMANDS.REVEAL, chat_id: current, seq }),
      onRegenerate: (seq) => say({ type: OPERATOR_COMMANDS.REGENERATE, chat_id: current, seq }),
      onAgain(clientId) {
        composer.value = outbox.discard(clientId);
        composer.focus();
      },
      onEarlier: readEarlier,
    }),
  );
  const state = stateSentence(chat, memberId, texts);
  parts.state.textContent = state;
  parts.state.hidden = !state;
  if (visitor) {
    const decided = calls.filter((call) => !isOpen(call));
    const onUnmute = () => say({ type: OPERATOR_COMMANDS.UNMUTE, chat_id: current });
    renew(
      parts.factsBody,
      factNodes(visitor, { texts, language, memory: config.memory, calls: decided, onOpen: open, onUnmute }),
    );
  }

  const [reply, note] = kind.children;
  reply.setAttribute("aria-pressed", String(!isNote));
  note.setAttribute("aria-pressed", String(isNote));
  form.classList.toggle("is-note", isNote);
  const isShut = !isNote && !mayReply();
  composer.disabled = isShut;
  replies.button.hidden = isShut;
  /** @type {HTMLButtonElement} */ (sendButton).disabled = isShut;
  composer.placeholder = isNote ? texts.note_hint : texts.reply_hint;
  composer.setAttribute("aria-label", composer.placeholder);
  if (wantsComposer && !isShut) {
    wantsComposer = false;
    composer.focus();
  }
}

function toolNodes() {
  const choice = el(
    "select",
    {
      class: "button small",
      "aria-label": texts.presence,
      "data-focus": "presence",
      on: {
        change(/** @type {Event} */ event) {
          status = /** @type {HTMLSelectElement} */ (event.target).value;
          socket.send({ type: OPERATOR_COMMANDS.PRESENCE, status });
        },
      },
    },
    ...["online", "away"].map((value) => el("option", { value, selected: value === status, text: texts[value] })),
  );
  return [
    el("span", { class: `dot is-${connection === "open" ? status : "offline"}`, "aria-hidden": "true" }),
    choice,
    el("button", {
      type: "button",
      class: "button small",
      "data-focus": "sound",
      "aria-pressed": String(alerts.isOn),
      on: {
        click() {
          alerts.toggle();
          render();
        },
      },
      text: alerts.isOn ? texts.sound_on : texts.sound_off,
    }),
    alerts.mayAsk
      ? el("button", { type: "button", class: "button small", "data-focus": "notify", on: { click: () => alerts.ask().then(() => render()) }, text: texts.notify })
      : null,
  ].filter((node) => node !== null);
}
