/**
 * The dialogue on the screen: one element a line, made anew only where its line has changed.
 * Used by view.js.
 */

import { visiblePending } from "../shared/transcript.js";
import { button, el } from "../shared/dom.js";
import { lineNode, pendingNode, resultNode, troubleNode, workingNode, writingNode } from "./line.js";
import { draftNodes } from "../shared/prose.js";
import { resultAt } from "../shared/results.js";

/** @typedef {import("../shared/transcript.js").Transcript} Transcript */
/** @typedef {import("./line.js").Setting} Setting */
/** @typedef {{key: string, inputs: any[], make: () => HTMLElement}} Item */
/**
 * What an empty chat shows.
 * @typedef {{welcome: string, questions: string[], ask: (question: string) => void,
 *   kinds: {slug: string, name: string, icon: string}[]}} Opening
 */

/** Lines of one author that are no further apart belong together. */
const GROUP = 5 * 60 * 1000;
/** Nearer to the end than this, a reader is taken along. */
const NEAR = 80;

/**
 * @param {{scroll: HTMLElement, log: HTMLElement, jump: HTMLElement}} parts
 * @param {Setting} setting
 * @param {Opening} opening
 */
export function openLog({ scroll, log, jump }, setting, opening) {
  /** @type {Map<string, {node: HTMLElement, inputs: any[]}>} */
  let shown = new Map();
  let isFollowing = true;
  let height = 0;

  const distance = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight;

  function toEnd() {
    isFollowing = true;
    scroll.scrollTop = scroll.scrollHeight;
    jump.hidden = true;
  }

  scroll.addEventListener("scroll", () => {
    // A change of the height (the keyboard, a panel) scrolls too, but nobody has moved.
    if (scroll.clientHeight === height) isFollowing = distance() < NEAR;
    if (isFollowing) jump.hidden = true;
  });
  jump.addEventListener("click", toEnd);
  new ResizeObserver(() => {
    height = scroll.clientHeight;
    if (isFollowing) toEnd();
  }).observe(scroll);

  return {
    toEnd,
    render(/** @type {Transcript} */ state, /** @type {{operatorTyping: boolean}} */ ui) {
      const wasEmpty = shown.size === 0;
      const next = new Map();
      /** @type {HTMLElement | null} */
      let card = null;
      /** @type {HTMLElement | null} */
      let previous = null;
      for (const { key, inputs, make } of itemsOf(state, ui, setting, opening)) {
        const old = shown.get(key);
        const isSame = old && old.inputs.every((input, at) => input === inputs[at]);
        const node = isSame ? old.node : make();
        if (old && !isSame) replace(old.node, node);
        if (!old && !wasEmpty) node.classList.add("is-new");
        if (!old && !wasEmpty && node.classList.contains("result")) card = node;
        /** @type {Node | null} */
        const place = previous ? previous.nextSibling : log.firstChild;
        if (place !== node) log.insertBefore(node, place);
        next.set(key, { node, inputs });
        previous = node;
      }
      for (const [key, { node }] of shown) if (!next.has(key)) node.remove();
      const hasGrown = next.size > shown.size;
      shown = next;
      if (isFollowing && card) {
        // A result is read from its beginning.
        card.scrollIntoView({ block: "start" });
        isFollowing = distance() < NEAR;
      } else if (isFollowing) toEnd();
      else if (hasGrown) jump.hidden = false;
    },
  };
}

/** Put a new element in an old one's place, and the focus where it was. */
function replace(/** @type {HTMLElement} */ old, /** @type {HTMLElement} */ node) {
  const name = old.contains(document.activeElement)
    ? /** @type {HTMLElement} */ (document.activeElement).dataset.focus
    : undefined;
  // A card folds by itself when a newer one comes.
  const quotes = node.querySelectorAll("details:not(.result-card)");
  old.querySelectorAll("details:not(.result-card)").forEach((details, at) => {
    if (details.open) quotes[at]?.setAttribute("open", "");
  });
  old.replaceWith(node);
  if (name)
    /** @type {HTMLElement | null} */ (node.querySelector(`[data-focus="${name}"]`))?.focus();
}

/**
 * Everything to be shown, in order.
 * @param {Transcript} state
 * @param {{operatorTyping: boolean}} ui
 * @param {Setting} setting
 * @param {Opening} opening
 * @returns {Item[]}
 */
function itemsOf(state, ui, setting, opening) {
  const { texts } = setting;
  /** @type {Item[]} */
  const items = [];
  const { lines } = state;
  const pending = visiblePending(state);
  const isFresh = lines.length === 0 && pending.length === 0;
  if (state.hasOlder) {
    items.push({
      key: "older",
      inputs: [],
      make: () => el("p", { class: "system", text: texts.older_hidden }),
    });
  } else if (!isOpened(state)) {
    items.push({
      key: "welcome",
      inputs: [isFresh],
      make: () => welcomeNode(opening, isFresh, setting),
    });
  }

  let day = "";
  lines.forEach((line, at) => {
    const date = dayOf(line.timestamp);
    if (date !== day) {
      day = date;
      items.push({ key: `day:${day}`, inputs: [], make: () => dayNode(line.timestamp, setting) });
    }
    const result = line.event === "result" ? resultAt(state.results, line.seq) : undefined;
    if (result) {
      const isNewest = result.seq === state.results.findLast(({ seq }) => seq !== null)?.seq;
      items.push({
        key: `${state.chatId}:${line.seq}`,
        inputs: [line, result, isNewest],
        make: () => resultNode(line, result, isNewest, setting),
      });
      return;
    }
    const isFirst = !belongs(lines[at - 1], line);
    const isLast =
      !belongs(line, lines[at + 1]) &&
      (at < lines.length - 1 || line.role !== "user" || !pending.length);
    const offers = line.offers_support && state.mode === "ai" && at === lines.length - 1;
    items.push({
      key: line.client_id && line.role === "user" ? line.client_id : `${state.chatId}:${line.seq}`,
      inputs: [line, isFirst, isLast, offers],
      make: () => lineNode(line, { isFirst, isLast }, offers, setting),
    });
  });

  pending.forEach((own, at) => {
    const isFirst = at === 0 && lines.at(-1)?.role !== "user";
    const isLast = at === pending.length - 1;
    items.push({
      key: own.clientId,
      inputs: [own, isFirst, isLast],
      make: () => pendingNode(own, { isFirst, isLast }, setting),
    });
  });

  const last = state.results.at(-1);
  if (last && last.status !== "done") {
    const mayRetry = Boolean(state.kind?.visitor_finishes) && state.mode !== "closed";
    const make = last.status === "working" ? workingNode : troubleNode;
    items.push({
      key: "result",
      inputs: [last, mayRetry],
      make: () => make(last, mayRetry, setting),
    });
  }

  if (state.draft?.text || state.isAnswering) {
    const text = state.draft?.text ?? "";
    const who = { role: "assistant", author: "" };
    items.push({
      key: "draft",
      inputs: [text],
      make: () => writingNode(who, { isFirst: true, isLast: true }, draftNodes(text), setting),
    });
  } else if (ui.operatorTyping && state.mode === "operator") {
    const who = { role: "operator", author: state.operator };
    items.push({
      key: "typing",
      inputs: [state.operator],
      make: () => writingNode(who, { isFirst: true, isLast: true }, [], setting),
    });
  }
  return items;
}

/** Whether the chat has an opening of its own, which takes the place of the welcome. */
function isOpened(/** @type {Transcript} */ { lines }) {
  return ["opening", "started"].includes(lines[0]?.event);
}

function belongs(/** @type {any} */ one, /** @type {any} */ next) {
  return Boolean(
    one &&
    next &&
    one.role === next.role &&
    one.role !== "system" &&
    one.author === next.author &&
    dayOf(one.timestamp) === dayOf(next.timestamp) &&
    Date.parse(next.timestamp) - Date.parse(one.timestamp) < GROUP,
  );
}

const dayOf = (/** @type {string} */ timestamp) => new Date(timestamp).toDateString();

function dayNode(/** @type {string} */ timestamp, /** @type {Setting} */ { texts, language }) {
  const yesterday = new Date();
  yesterday.setDate(yesterday.getDate() - 1);
  const day = dayOf(timestamp);
  let words = new Intl.DateTimeFormat(language, { day: "numeric", month: "long" }).format(
    new Date(timestamp),
  );
  if (day === new Date().toDateString()) words = texts.today;
  else if (day === yesterday.toDateString()) words = texts.yesterday;
  return el("p", { class: "day" }, el("span", { text: words }));
}

function welcomeNode(
  /** @type {Opening} */ { welcome, questions, ask, kinds },
  /** @type {boolean} */ isFresh,
  /** @type {Setting} */ setting,
) {
  const { texts, actions } = setting;
  const who = { role: "assistant", author: "" };
  const content = welcome.split(/\n+/).map((part) => el("p", { text: part }));
  const node = writingNode(who, { isFirst: true, isLast: true }, content, setting);
  node.classList.remove("is-writing");
  if (isFresh) {
    const chips = questions.map((question) =>
      el("li", {}, button(question, () => ask(question), { class: "chip is-question" })),
    );
    const choices = kinds.map(({ slug, name, icon }) =>
      el("li", {}, button(name, () => actions.startKind(slug), { picture: icon, class: "chip" })),
    );
    node.querySelector(".body")?.append(
      ...(choices.length
        ? [el("ul", { class: "questions kinds", "aria-label": texts.choose_kind }, ...choices)]
        : []),
      ...(chips.length
        ? [el("ul", { class: "questions", "aria-label": texts.suggested }, ...chips)]
        : []),
      button(texts.talk_to_person, actions.askPerson, { picture: "person", class: "chip" }),
    );
  }
  return node;
}
