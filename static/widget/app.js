/** The widget's frame: ties the socket, the dialogue, the outbox and the view together. */

import { EVENTS, VISITOR_COMMANDS } from "../shared/protocol.js";
import { openSocket, socketUrl } from "../shared/socket.js";
import { emptyTranscript, LOCAL, reduce } from "../shared/transcript.js";
import { applyColor } from "./colors.js";
import { newId, openIdentity } from "./identity.js";
import { openOutbox } from "./outbox.js";
import { openPage, pageFacts } from "./page.js";
import { openStorage } from "./storage.js";
import { openUnread } from "./unread.js";
import { openView } from "./view.js";

/** A short loss is not worth a word. */
const LONG_LOSS = 2_500;
/** A gap is asked for at most so often: a draft behind a gap would ask with each piece. */
const ASK_EVERY = 1_000;
/** An answer that stands still for so long is asked after. */
const STALLED = 12_000;
const TYPING_SHOWN = 5_000;

const config = JSON.parse(document.getElementById("config")?.textContent ?? "{}");
const { texts } = config;
applyColor(config.primary_color, document.documentElement.style);
// For whoever wrote the page's code; its visitors have the chat all the same.
if (config.kind_trouble) console.error(`Web assistant: ${config.kind_trouble}`);

const storage = openStorage(config.widget);
const identity = openIdentity(storage, config.widget, () => socket?.restart());
const outbox = openOutbox(storage, (frame) => socket?.send(frame) ?? false);
const page = openPage(config.allowed_sites, onPage);
const unread = openUnread(storage, identity, page);

let transcript = emptyTranscript();
/** @type {import("./view.js").Ui} */
let ui = {
  connection: "connecting",
  isLongLost: false,
  sentence: "",
  isLive: false,
  operatorTyping: false,
  notice: "",
  form: null,
  chats: null,
  memory: null,
};
/** @type {ReturnType<typeof openSocket> | null} */
let socket = null;
let facts = pageFacts({ url: location.href, title: document.title });
/** Between the restored chat and the loss of the connection. */
let isReady = false;
let isRenderDue = false;
/** @type {{after_seq: number} | null} */
let asked = null;
let askedAt = 0;
let lastEventSeq = 0;
/** @type {string | null} */
let contactId = null;
/** The chat that is asked for: its id and its type. @type {{id: string, kind: string} | null} */
let newChat = null;
/** @type {Record<string, number | undefined>} */
const timers = {};

const view = openView(
  config,
  {
    say,
    typing: () => isReady && send({ type: VISITOR_COMMANDS.TYPING }),
    keepDraft(text) {
      if (identity.isKept && text) storage.set("draft", text);
      else storage.remove("draft");
    },
    sendAgain(clientId) {
      const own = discard(clientId);
      if (own) say(own.text);
    },
    discard(clientId) {
      const own = discard(clientId);
      if (own) view.offerText(own.text);
      view.focusComposer();
    },
    stop: () => command({ type: VISITOR_COMMANDS.STOP }),
    judge: (seq, helpful) => command({ type: VISITOR_COMMANDS.FEEDBACK, seq, helpful }),
    async askPerson() {
      if (transcript.mode !== "ai") return;
      await begin();
      command({ type: VISITOR_COMMANDS.REQUEST_SUPPORT });
    },
    cancelPerson: () => command({ type: VISITOR_COMMANDS.CANCEL_SUPPORT }),
    openForm: () => openForm(texts.form_hint_queue),
    closeForm() {
      change({ form: null });
      view.focusComposer();
    },
    sendContact,
    rate: (rating, comment) => command({ type: VISITOR_COMMANDS.RATE, rating, comment }),
    async newChat() {
      if (transcript.mode !== "closed" && transcript.lines.length === 0) {
        view.focusComposer();
        return;
      }
      openChat("");
    },
    startKind: openChat,
    finish: () => command({ type: VISITOR_COMMANDS.FINISH }),
    endChat: () => command({ type: VISITOR_COMMANDS.END_CHAT }),
    switchChat(chatId) {
      if (chatId !== transcript.chatId) {
        command({ type: VISITOR_COMMANDS.SWITCH_CHAT, chat_id: chatId });
      }
    },
    listChats() {
      change({ chats: null });
      command({ type: VISITOR_COMMANDS.GET_USER_CHATS });
    },
    readMemory() {
      change({ memory: null });
      command({ type: VISITOR_COMMANDS.GET_MEMORY });
    },
    forgetMemory: () => command({ type: VISITOR_COMMANDS.FORGET_MEMORY }),
    forgetFact: (/** @type {number} */ fact) => command({ type: VISITOR_COMMANDS.FORGET_MEMORY, fact }),
    reconnect() {
      change({ connection: "connecting", sentence: "" });
      socket?.restart();
    },
    dismiss: () => change({ notice: "" }),
    close: () => page.tell("close"),
  },
  { isEmbedded: page.isEmbedded, draft: storage.get("draft") ?? "" },
);

for (const { frame, at } of outbox.frames) {
  if (frame.type !== VISITOR_COMMANDS.MESSAGE) continue;
  const { client_id: clientId, chat_id: chatId, text } = frame;
  apply({ type: LOCAL.SENT, clientId, chatId: chatId ?? null, text, at });
}
render();
if (!page.isEmbedded) {
  unread.show(true);
  connect();
  view.focus();
}

// --- saying -----------------------------------------------------------------------------------

/** Before the first thing that the server will store: the secret is kept, the page is told. */
async function begin() {
  await identity.keep();
  page.tell("started", { token: identity.forPage });
}

/** Open a chat of a type; of none, or of the page's own, where it is empty. */
async function openChat(/** @type {string} */ kind) {
  await begin();
  // The same id until it is answered, so that an impatient second click makes no second chat.
  if (newChat?.kind !== kind) newChat = { id: newId(), kind };
  if (isReady) askForChat();
}

/** Ask for the chat that is wanted; where there was no connection yet, as soon as there is one. */
function askForChat() {
  if (newChat) {
    command({ type: VISITOR_COMMANDS.NEW_CHAT, client_id: newChat.id, kind: newChat.kind });
  }
}

async function say(/** @type {string} */ text) {
  const clientId = newId();
  const chatId = transcript.mode === "closed" ? null : transcript.chatId;
  apply({ type: LOCAL.SENT, clientId, chatId, text, at: Date.now() });
  change({ notice: "" });
  await begin();
  outbox.add({ type: VISITOR_COMMANDS.MESSAGE, client_id: clientId, text, chat_id: chatId });
}

function discard(/** @type {string} */ clientId) {
  const own = transcript.pending.find((pending) => pending.clientId === clientId);
  outbox.remove(clientId);
  apply({ type: LOCAL.DISCARDED, clientId });
  return own;
}

async function sendContact(/** @type {{name: string, email: string, text: string}} */ contact) {
  if (contactId) outbox.remove(contactId);
  contactId = newId();
  change({ form: { sentence: ui.form?.sentence ?? "", error: "", isSending: true } });
  await begin();
  outbox.add({ type: VISITOR_COMMANDS.LEAVE_CONTACT, client_id: contactId, ...contact });
}

function openForm(/** @type {string} */ sentence) {
  change({ form: { sentence, error: "", isSending: false } });
}

function send(/** @type {object} */ frame) {
  return socket?.send(frame) ?? false;
}

/** Send what makes sense only now; without a connection, say so. */
function command(/** @type {object} */ frame) {
  const isSent = isReady && send(frame);
  change({ notice: isSent ? "" : texts.connection_needed });
}

// --- hearing ----------------------------------------------------------------------------------

function connect() {
  socket ??= openSocket({ url: socketUrl("/ws/chat/"), hello, onFrame, onStatus });
}

function hello() {
  return {
    type: VISITOR_COMMANDS.REGISTER,
    widget: config.widget,
    token: identity.token,
    chat_id: transcript.chatId,
    last_seq: transcript.lastSeq,
    language: config.language,
    page: facts,
    kind: config.kind,
  };
}

function onStatus(
  /** @type {import("../shared/socket.js").Status} */ status,
  /** @type {string} */ sentence,
) {
  isReady = false;
  outbox.pause();
  clearTimeout(timers.lost);
  if (status === "open") {
    change({ connection: "connecting", isLongLost: false });
    return;
  }
  if (status === "closed") {
    change({
      connection: "closed",
      isLongLost: false,
      sentence: sentence || texts.connection_refused,
    });
    return;
  }
  change({ connection: "lost" });
  timers.lost = setTimeout(() => change({ isLongLost: true }), LONG_LOSS);
}

function onFrame(/** @type {any} */ frame) {
  const handle = handlers[frame.type];
  if (handle) handle(frame);
  apply(frame);
  if (frame.type === EVENTS.PING) return;
  clearTimeout(timers.stalled);
  timers.stalled = setTimeout(askAfterAnswer, STALLED);
}

/** What a frame means beside the dialogue itself. @type {Record<string, (frame: any) => void>} */
const handlers = {
  [EVENTS.CHAT_RESTORED]({ chat }) {
    if (!isReady) {
      isReady = true;
      outbox.resume();
      askForChat();
    }
    change({ connection: "open" });
    if (chat.has_existing_chat) page.tell("started", { token: identity.forPage });
  },

  [EVENTS.CHAT_SWITCHED]() {
    newChat = null;
    lastEventSeq = 0;
    change({ form: null, isLive: false, operatorTyping: false });
    view.shown();
    view.focusComposer();
  },

  [EVENTS.MESSAGE]({ message }) {
    if (message.role === "operator") change({ operatorTyping: false });
    page.tell("message", { role: message.role });
  },

  [EVENTS.AI_RESPONSE]: () => page.tell("message", { role: "assistant" }),

  [EVENTS.MESSAGE_SAVED]({ client_id }) {
    outbox.remove(client_id);
    if (client_id !== contactId) return;
    contactId = null;
    change({ form: null });
    // Whoever leaves an e-mail instead of waiting waits no more.
    if (transcript.mode === "waiting") command({ type: VISITOR_COMMANDS.CANCEL_SUPPORT });
    view.focusComposer();
  },

  [EVENTS.OPERATOR_TYPING]({ chat_id }) {
    if (chat_id !== transcript.chatId) return;
    change({ operatorTyping: true });
    clearTimeout(timers.typing);
    timers.typing = setTimeout(() => change({ operatorTyping: false }), TYPING_SHOWN);
  },

  [EVENTS.USER_CHATS]: ({ chats }) => change({ chats }),

  [EVENTS.MEMORY]: ({ facts }) => change({ memory: facts }),

  [EVENTS.ERROR]({ code, message, client_id, retry_after }) {
    if (!client_id || client_id === newChat?.id) newChat = null;
    if (client_id && outbox.has(client_id)) {
      if (retry_after === null) outbox.remove(client_id);
      else outbox.hold(client_id, retry_after);
      if (client_id !== contactId || !ui.form) return;
      change({ form: { ...ui.form, error: message, isSending: retry_after !== null } });
    } else if (code === "support_closed") openForm(message);
    else if (!isReady && retry_after !== null) {
      // Our hello was refused for now.
      change({ connection: "closed", sentence: message });
      clearTimeout(timers.hello);
      timers.hello = setTimeout(() => socket?.restart(), retry_after * 1000);
    } else change({ notice: message });
  },
};

/** The draft may have ended without our hearing of it; the answer tells. */
function askAfterAnswer() {
  const isWorking = transcript.results.at(-1)?.status === "working";
  if (!isReady || !(transcript.isAnswering || isWorking)) return;
  send({ type: VISITOR_COMMANDS.RESTORE_CHAT, last_seq: transcript.lastSeq });
}

function heal() {
  const { needs } = transcript;
  if (!needs || needs === asked || !isReady) return;
  const wait = askedAt + ASK_EVERY - Date.now();
  clearTimeout(timers.heal);
  if (wait > 0) {
    timers.heal = setTimeout(heal, wait);
    return;
  }
  asked = needs;
  askedAt = Date.now();
  send({ type: VISITOR_COMMANDS.RESTORE_CHAT, last_seq: needs.after_seq });
}

// --- the page around --------------------------------------------------------------------------

function onPage(/** @type {string} */ type, /** @type {any} */ fields) {
  if (fields.page) facts = pageFacts(fields.page);
  if (type === "hello") {
    unread.show(fields.open);
    identity.recall(fields.token);
    connect();
    page.tell("ready");
    unread.count(transcript);
    if (fields.open && fields.focus) view.focus();
  }
  if (type === "page" && isReady) send({ type: VISITOR_COMMANDS.PAGE, ...facts });
  if (type === "shown") {
    unread.show(fields.open);
    unread.count(transcript);
    if (fields.open && fields.focus) view.focus();
  }
}

document.addEventListener("visibilitychange", () => unread.count(transcript));

// --- one state, one picture -------------------------------------------------------------------

function change(/** @type {Partial<import("./view.js").Ui>} */ part) {
  ui = { ...ui, ...part };
  render();
}

function apply(/** @type {any} */ event) {
  const next = reduce(transcript, event);
  if (next === transcript) return;
  transcript = next;
  const last = transcript.lines.at(-1);
  if (last && last.seq > lastEventSeq) {
    lastEventSeq = last.seq;
    // Nobody came: the form is offered, once, right below the line that says so.
    if (last.event === "unanswered" && !ui.form) openForm(last.text);
  }
  unread.count(transcript);
  heal();
  render();
}

/** Draw at the end of the present task, however many things have changed in it. */
function render() {
  if (isRenderDue) return;
  isRenderDue = true;
  queueMicrotask(() => {
    isRenderDue = false;
    view.render(transcript, ui);
    if (isReady && !ui.isLive) ui = { ...ui, isLive: true };
  });
}
