/** The sheet over the dialogue: the visitor's chats, a new one, the end of this. Used by view.js. */

import { button, el, icon } from "../shared/dom.js";

/** @typedef {import("../shared/transcript.js").Transcript} Transcript */

/**
 * @param {HTMLDialogElement} dialog
 * @param {{texts: Record<string, string>, language: string, actions: import("./view.js").Actions}} setting
 */
export function openSheet(dialog, { texts, language, actions }) {
  let isAsking = false;
  /** @type {any} */
  let shown = null;

  dialog.addEventListener("close", () => {
    isAsking = false;
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });

  function act(/** @type {() => void} */ action) {
    dialog.close();
    action();
  }

  function draw() {
    const { chats, state } = shown;
    dialog.replaceChildren(...(isAsking ? question() : list(chats, state)));
  }

  function head(/** @type {string} */ title) {
    return el(
      "header",
      { class: "sheet-head" },
      el("h2", { id: "sheet-title", text: title }),
      el(
        "button",
        {
          type: "button",
          class: "icon-button",
          "aria-label": texts.close,
          on: { click: () => dialog.close() },
        },
        icon("close"),
      ),
    );
  }

  function question() {
    return [
      head(texts.end_chat_question),
      el("p", { class: "hint", text: texts.end_chat_hint }),
      el(
        "p",
        { class: "row" },
        button(texts.end_chat_yes, () => act(actions.endChat), { class: "button strong" }),
        button(texts.back, () => ask(false), { class: "button" }),
      ),
    ];
  }

  function ask(/** @type {boolean} */ isAsked) {
    isAsking = isAsked;
    draw();
    dialog.querySelector("button")?.focus();
  }

  function list(/** @type {any[] | null} */ chats, /** @type {Transcript} */ state) {
    const canEnd = state.chatId !== null && state.mode !== "closed" && state.lines.length > 0;
    return [
      head(texts.your_chats),
      chats?.length
        ? el("ul", { class: "chats", role: "list" }, ...chats.map((chat) => entry(chat, state)))
        : el("p", { class: "hint", text: chats ? texts.no_chats : texts.connecting }),
      el(
        "footer",
        { class: "sheet-foot" },
        button(texts.new_chat, () => act(actions.newChat), {
          picture: "plus",
          class: "button strong",
        }),
        canEnd && button(texts.end_chat, () => ask(true), { class: "button" }),
      ),
    ];
  }

  function entry(/** @type {any} */ chat, /** @type {Transcript} */ state) {
    const isCurrent = chat.chat_id === state.chatId;
    const when = new Date(chat.updated_at);
    const isToday = when.toDateString() === new Date().toDateString();
    const format = new Intl.DateTimeFormat(
      language,
      isToday ? { timeStyle: "short" } : { day: "numeric", month: "short" },
    );
    return el(
      "li",
      {},
      el(
        "button",
        {
          type: "button",
          class: "chat",
          "aria-current": isCurrent ? "true" : null,
          on: { click: () => act(() => actions.switchChat(chat.chat_id)) },
        },
        el("span", {
          class: "chat-name",
          text: chat.name || chat.last_text || texts.untitled_chat,
        }),
        el("time", { datetime: chat.updated_at, text: format.format(when) }),
        el("span", { class: "chat-state", text: stateWords(chat, isCurrent) }),
      ),
    );
  }

  function stateWords(/** @type {any} */ chat, /** @type {boolean} */ isCurrent) {
    const words = [];
    if (isCurrent) words.push(texts.current_chat);
    if (chat.mode === "closed") words.push(texts.status_closed);
    if (chat.mode === "waiting") words.push(texts.status_waiting);
    if (chat.name && chat.last_text) words.push(chat.last_text);
    return words.join(" · ");
  }

  return {
    open() {
      dialog.showModal();
    },
    render(/** @type {Transcript} */ state, /** @type {any[] | null} */ chats) {
      const isSame =
        shown &&
        shown.chats === chats &&
        shown.state.chatId === state.chatId &&
        shown.state.mode === state.mode;
      shown = { state, chats };
      if (!isSame && !isAsking) draw();
    },
  };
}
