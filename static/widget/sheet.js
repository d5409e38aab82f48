/**
 * The sheet over the dialogue: the visitor's chats, a new one, the end of this, and what is
 * remembered of the visitor. Used by view.js.
 */

import { button, el, fill, iconButton } from "../shared/dom.js";

/** @typedef {import("../shared/transcript.js").Transcript} Transcript */

/**
 * @param {HTMLDialogElement} dialog
 * @param {{texts: Record<string, string>, language: string, remembers: boolean,
 *   actions: import("./view.js").Actions}} setting
 * @param {{slug: string, name: string, icon: string}[]} kinds types of chats to begin
 */
export function openSheet(dialog, { texts, language, remembers, actions }, kinds) {
  /** @type {"list" | "end" | "memory" | "forget"} */
  let page = "list";
  let isForgotten = false;
  /** @type {any} */
  let shown = null;

  dialog.addEventListener("close", () => {
    page = "list";
    isForgotten = false;
    if (shown) draw();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });

  function act(/** @type {() => void} */ action) {
    dialog.close();
    action();
  }

  function draw() {
    const { chats, memory, state } = shown;
    const pages = {
      list: () => list(chats, state),
      end: question,
      memory: () => remembered(memory),
      forget: forgetting,
    };
    // What takes too much room, or is not there, is left out of a page.
    dialog.replaceChildren(...pages[page]().filter((node) => node instanceof Node));
  }

  function head(/** @type {string} */ title) {
    return el(
      "header",
      { class: "sheet-head" },
      el("h2", { id: "sheet-title", text: title }),
      iconButton(texts.close, "close", () => dialog.close()),
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
        button(texts.back, () => turnTo("list"), { class: "button" }),
      ),
    ];
  }

  /** What is remembered, or that it is nothing. */
  function remembered(/** @type {any[] | null} */ facts) {
    const day = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
    const entries = (facts ?? []).map(({ id, text, since }) =>
      el(
        "li",
        {},
        el("span", { text }),
        el("time", {
          datetime: since,
          text: fill(texts.memory_since, { date: day.format(new Date(since)) }),
        }),
        button(
          texts.memory_forget_one,
          () => {
            isForgotten = entries.length === 1;
            actions.forgetFact(id);
          },
          { class: "link", "aria-label": fill(texts.memory_forget_this, { text }) },
        ),
      ),
    );
    const none = isForgotten ? texts.memory_forgotten : texts.memory_empty;
    return [
      head(texts.memory),
      el("p", {
        class: "hint",
        role: "status",
        text: entries.length ? texts.memory_hint : facts ? none : texts.connecting,
      }),
      entries.length > 0 && el("ul", { class: "remembered", role: "list" }, ...entries),
      el(
        "footer",
        { class: "sheet-foot" },
        entries.length > 0 &&
          button(texts.memory_forget, () => turnTo("forget"), { class: "button" }),
        button(texts.back, () => turnTo("list"), { class: "button" }),
      ),
    ];
  }

  function forgetting() {
    return [
      head(texts.memory_question),
      el("p", { class: "hint", text: texts.memory_warning }),
      el(
        "p",
        { class: "row" },
        button(
          texts.memory_forget,
          () => {
            isForgotten = true;
            actions.forgetMemory();
            turnTo("memory");
          },
          { class: "button strong" },
        ),
        button(texts.back, () => turnTo("memory"), { class: "button" }),
      ),
    ];
  }

  function turnTo(/** @type {typeof page} */ next) {
    page = next;
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
      kinds.length > 0 &&
        el(
          "ul",
          { class: "questions kinds", "aria-label": texts.choose_kind },
          ...kinds.map(({ slug, name, icon: picture }) =>
            el(
              "li",
              {},
              button(name, () => act(() => actions.startKind(slug)), { picture, class: "chip" }),
            ),
          ),
        ),
      el(
        "footer",
        { class: "sheet-foot" },
        button(texts.new_chat, () => act(actions.newChat), {
          picture: "plus",
          class: "button strong",
        }),
        canEnd && button(texts.end_chat, () => turnTo("end"), { class: "button" }),
        remembers &&
          button(
            texts.memory,
            () => {
              actions.readMemory();
              turnTo("memory");
            },
            { class: "link" },
          ),
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
    render(
      /** @type {Transcript} */ state,
      /** @type {{chats: any[] | null, memory: any[] | null}} */ { chats, memory },
    ) {
      const isSame =
        shown &&
        shown.chats === chats &&
        shown.memory === memory &&
        shown.state.chatId === state.chatId &&
        shown.state.mode === state.mode;
      shown = { state, chats, memory };
      if (isSame || page === "end" || page === "forget") return;
      const hasFocus = dialog.contains(document.activeElement);
      draw();
      // The button that had it is another now.
      if (hasFocus && dialog.open) dialog.querySelector("button")?.focus();
    },
  };
}
