/**
 * The frame on the screen: shows a dialogue and the state around it, and tells what the visitor
 * did. It decides nothing. Used by app.js.
 */

import { openAnnouncer } from "./announcer.js";
import { openComposer } from "./composer.js";
import { button, el, icon, iconButton } from "../shared/dom.js";
import { openLog } from "./log.js";
import { closedPanel, contactPanel, waitingPanel } from "./panels.js";
import { mayFinish } from "../shared/results.js";
import { openSheet } from "./sheet.js";

/** @typedef {import("../shared/transcript.js").Transcript} Transcript */

/**
 * @typedef {object} Actions
 * @property {(text: string) => void} say
 * @property {() => void} typing
 * @property {(text: string) => void} keepDraft
 * @property {(clientId: string) => void} sendAgain
 * @property {(clientId: string) => void} discard
 * @property {() => void} stop
 * @property {(seq: number, helpful: boolean) => void} judge
 * @property {() => void} askPerson
 * @property {() => void} cancelPerson
 * @property {() => void} openForm
 * @property {() => void} closeForm
 * @property {(contact: any) => void} sendContact
 * @property {(rating: number, comment: string) => void} rate
 * @property {() => void} newChat
 * @property {(slug: string) => void} startKind
 * @property {() => void} finish
 * @property {() => void} endChat
 * @property {(chatId: string) => void} switchChat
 * @property {() => void} listChats
 * @property {() => void} readMemory
 * @property {() => void} forgetMemory
 * @property {(fact: number) => void} forgetFact
 * @property {() => void} reconnect
 * @property {() => void} dismiss
 * @property {() => void} close
 *
 * @typedef {object} Ui
 * @property {"connecting" | "open" | "lost" | "closed"} connection
 * @property {boolean} isLongLost
 * @property {string} sentence why the connection is closed
 * @property {boolean} isLive history has been shown; what comes now is news
 * @property {boolean} operatorTyping
 * @property {string} notice
 * @property {{sentence: string, error: string, isSending: boolean} | null} form
 * @property {any[] | null} chats
 * @property {any[] | null} memory what is remembered of the visitor
 */

const byId = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));

/**
 * @param {any} config
 * @param {Actions} actions
 * @param {{isEmbedded: boolean, draft: string}} start
 */
export function openView(config, actions, { isEmbedded, draft }) {
  const { texts, language } = config;
  const botName = config.bot_name || texts.assistant;
  const nameOf = (/** @type {{role: string, author: string}} */ { role, author }) => {
    if (role === "user") return texts.you;
    return role === "operator" ? author || texts.operator : botName;
  };
  const faceOf = (/** @type {{role: string, author: string}} */ who) => {
    if (who.role === "operator") {
      const [initial = ""] = nameOf(who);
      return el("span", {
        class: "avatar is-person",
        "aria-hidden": "true",
        text: initial.toUpperCase(),
      });
    }
    const picture = config.bot_avatar
      ? el("img", { src: config.bot_avatar, alt: "" })
      : icon("spark");
    return el("span", { class: "avatar", "aria-hidden": "true" }, picture);
  };
  const setting = { texts, language, nameOf, faceOf, actions };

  const text = byId("text");
  text.placeholder = config.placeholder_text || texts.placeholder;
  const log = openLog({ scroll: byId("scroll"), log: byId("log"), jump: byId("jump") }, setting, {
    welcome: config.welcome_message || texts.welcome,
    questions: config.suggested_questions ?? [],
    kinds: config.kinds ?? [],
    ask: (question) => {
      say(question);
      // The button is gone. On a touch screen the keyboard would cover the answer.
      if (!matchMedia("(pointer: coarse)").matches) composer.focus();
    },
  });
  const composer = openComposer(
    { form: byId("composer"), text, send: byId("send"), counter: byId("counter") },
    { max: config.max_text, texts, draft },
    { ...actions, say },
  );
  const announce = openAnnouncer(byId("announcer"), nameOf);
  const sheet = openSheet(
    byId("sheet"),
    { ...setting, remembers: config.remembers },
    config.kinds ?? [],
  );
  const makers = { waiting: waitingPanel, contact: contactPanel, closed: closedPanel };
  /** @type {{kind: string, chatId: string | null, part: any}} */
  let panel = { kind: "", chatId: null, part: null };
  let faceKey = "";
  let finishShown = "";
  let noticeShown = "";
  let bannerShown = "";

  function say(/** @type {string} */ words) {
    log.toEnd();
    actions.say(words);
  }

  byId("ask-person").addEventListener("click", actions.askPerson);
  byId("stop").addEventListener("click", () => {
    actions.stop();
    composer.focus();
  });
  byId("menu").addEventListener("click", () => {
    actions.listChats();
    sheet.open();
  });
  byId("close").addEventListener("click", actions.close);
  byId("close").hidden = !isEmbedded;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing && !byId("sheet").open) actions.close();
  });

  function renderHeader(/** @type {Transcript} */ state, /** @type {Ui} */ ui) {
    const isPerson = state.mode === "operator";
    const who = { role: isPerson ? "operator" : "assistant", author: state.operator };
    const key = `${who.role}:${who.author}`;
    if (key !== faceKey) {
      faceKey = key;
      byId("face").replaceChildren(faceOf(who));
      byId("name").textContent = nameOf(who);
    }
    const words = ui.connection === "open" ? texts[`status_${state.mode}`] : texts.connecting;
    const status = byId("status");
    if (status.textContent !== words) status.textContent = words;
    status.dataset.state = ui.connection === "open" ? state.mode : "off";
    byId("ask-person").hidden = state.mode !== "ai";
  }

  function renderBanner(/** @type {Ui} */ ui) {
    const isClosed = ui.connection === "closed";
    const words = isClosed ? ui.sentence : ui.isLongLost ? texts.connection_lost : "";
    if (words === bannerShown) return;
    bannerShown = words;
    const banner = byId("banner");
    banner.hidden = !words;
    banner.replaceChildren(
      el("span", { text: words }),
      ...(isClosed ? [button(texts.reconnect, actions.reconnect, { class: "link" })] : []),
    );
  }

  function renderNotice(/** @type {Ui} */ ui) {
    if (ui.notice === noticeShown) return;
    noticeShown = ui.notice;
    const notice = byId("notice");
    notice.hidden = !ui.notice;
    notice.replaceChildren(
      el("span", { text: ui.notice }),
      iconButton(texts.dismiss, "close", actions.dismiss),
    );
  }

  /** The one button that turns the dialogue into its result. */
  function renderFinish(/** @type {Transcript} */ state) {
    const hasFailed = state.results.at(-1)?.status === "failed";
    const words = mayFinish(state, "visitor") && !hasFailed ? (state.kind?.button ?? "") : "";
    if (words === finishShown) return;
    finishShown = words;
    const place = byId("finish");
    const hadFocus = place.contains(document.activeElement);
    place.hidden = !words;
    place.replaceChildren(
      ...(words ? [button(words, actions.finish, { picture: "check", class: "button soft" })] : []),
    );
    if (hadFocus && !words) composer.focus();
  }

  function renderPanel(/** @type {Transcript} */ state, /** @type {Ui} */ ui) {
    let kind = "";
    if (ui.form) kind = "contact";
    else if (state.mode === "waiting") kind = "waiting";
    else if (state.mode === "closed") kind = "closed";
    const hasComposer = kind !== "contact" && kind !== "closed";

    if (kind !== panel.kind || state.chatId !== panel.chatId) {
      const place = byId("panel");
      const hadFocus = place.contains(document.activeElement);
      const make = makers[/** @type {keyof typeof makers} */ (kind)];
      panel = { kind, chatId: state.chatId, part: make ? make(texts, actions) : null };
      place.hidden = !panel.part;
      place.replaceChildren(...(panel.part ? [panel.part.node] : []));
      byId("composer").hidden = !hasComposer;
      if (kind === "contact") panel.part.focus();
      else if (hadFocus && hasComposer) composer.focus();
    }
    panel.part?.update(kind === "contact" ? ui.form : state);
  }

  return {
    render(/** @type {Transcript} */ state, /** @type {Ui} */ ui) {
      renderHeader(state, ui);
      renderBanner(ui);
      renderNotice(ui);
      renderPanel(state, ui);
      renderFinish(state);
      log.render(state, ui);
      announce(state, ui.isLive);
      sheet.render(state, ui);
      const isAnswering = state.mode === "ai" && (state.isAnswering || state.draft !== null);
      byId("stop").hidden = !isAnswering;
      byId("app").classList.toggle("is-answering", isAnswering);
    },
    focus() {
      // On a touch screen the keyboard would cover the half of what one came to read.
      if (matchMedia("(pointer: coarse)").matches) byId("name").focus();
      else if (byId("composer").hidden) byId("panel").querySelector("input, button")?.focus();
      else composer.focus();
    },
    focusComposer: composer.focus,
    offerText: composer.offer,
    shown: log.toEnd,
  };
}
