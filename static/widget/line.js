/** One line of the dialogue as an element: a message, its sources, its state. Used by log.js. */

import { button, el, fill, icon } from "../shared/dom.js";
import { cardNode } from "../shared/results.js";

/** @typedef {import("../shared/transcript.js").Line} Line */
/** @typedef {import("../shared/transcript.js").Pending} Pending */
/** @typedef {import("../shared/transcript.js").Source} Source */

/**
 * @typedef {object} Setting what every line needs to know
 * @property {Record<string, string>} texts
 * @property {string} language
 * @property {(line: {role: string, author: string}) => string} nameOf
 * @property {(line: {role: string, author: string}) => Node} faceOf
 * @property {import("./view.js").Actions} actions
 *
 * @typedef {{isFirst: boolean, isLast: boolean}} Place in a group of lines of one author
 */

/** A line that the server has given. */
export function lineNode(
  /** @type {Line} */ line,
  /** @type {Place} */ place,
  /** @type {boolean} */ offersPerson,
  /** @type {Setting} */ setting,
) {
  if (line.role === "system") return el("p", { class: "system", text: line.text });
  const isOwn = line.role === "user";
  const { texts, actions } = setting;
  const bubble = bubbleNode(line);
  const hasSources = line.sources.length > 0 && !line.is_replaced;
  const sources = hasSources ? sourcesNode(line, texts) : null;
  for (const link of bubble.querySelectorAll("a.citation")) cite(link, line, sources, texts);
  const offer = offersPerson
    ? button(texts.talk_to_person, actions.askPerson, { picture: "person", class: "button soft" })
    : null;
  bubble.classList.toggle("is-replaced", line.is_replaced);
  return group(line, place, setting, [
    bubble,
    line.is_stopped && el("p", { class: "remark", text: texts.stopped }),
    line.is_replaced && el("p", { class: "remark", text: texts.replaced }),
    line.replaces && el("p", { class: "remark", text: texts.replaces }),
    sources,
    offer,
    metaNode(line, place, isOwn, setting),
  ]);
}

/** The words of a line; links lead away from here, and what is too wide scrolls by itself. */
function bubbleNode(/** @type {Line} */ line) {
  const bubble = el("div", { class: "bubble prose" });
  // The one field that may be HTML: the server has sanitised it.
  if (line.html) bubble.innerHTML = line.html;
  else bubble.append(el("p", { text: line.text }));
  // A citation leads to its source below.
  for (const link of bubble.querySelectorAll("a:not(.citation)")) {
    link.setAttribute("target", "_blank");
    link.setAttribute("rel", "noopener noreferrer nofollow");
  }
  for (const table of bubble.querySelectorAll("table")) {
    const frame = el("div", { class: "wide", tabindex: 0 });
    table.replaceWith(frame);
    frame.append(table);
  }
  return bubble;
}

/** What the dialogue was turned into, where the line that tells of it stands. */
export function resultNode(
  /** @type {Line} */ line,
  /** @type {import("../shared/results.js").Result} */ result,
  /** @type {boolean} */ isNewest,
  /** @type {Setting} */ { texts, language },
) {
  const clock = new Intl.DateTimeFormat(language, { timeStyle: "short" });
  const version = fill(texts.result_version, { version: result.version });
  const words = `${version} · ${clock.format(new Date(line.timestamp))}`;
  return el("section", { class: "result" }, cardNode(result, { isOpen: isNewest, words }));
}

/** The result is being made. */
export function workingNode(
  /** @type {import("../shared/results.js").Result} */ result,
  /** @type {boolean} */ _mayRetry,
  /** @type {Setting} */ { texts },
) {
  const words = fill(texts.result_working, { name: result.name });
  return el("p", { class: "system result-working", role: "status" }, el("span", { class: "spinner", "aria-hidden": "true" }), words);
}

/** It could not be made, and may be asked for again. */
export function troubleNode(
  /** @type {import("../shared/results.js").Result} */ result,
  /** @type {boolean} */ mayRetry,
  /** @type {Setting} */ { texts, actions },
) {
  return el(
    "div",
    { class: "result-trouble", role: "alert" },
    el("p", { text: `${result.name}: ${result.sentence}` }),
    mayRetry && button(texts.try_again, actions.finish, { class: "button soft", "data-focus": "finish" }),
  );
}

/** A text of our own that the server has not given back yet. */
export function pendingNode(
  /** @type {Pending} */ own,
  /** @type {Place} */ place,
  /** @type {Setting} */ setting,
) {
  const { texts, actions } = setting;
  const bubble = el("div", { class: "bubble prose" });
  for (const part of own.text.split(/\n{2,}/))
    bubble.append(el("p", { class: "plain", text: part }));
  const isRefused = own.status === "refused";
  const state = isRefused
    ? el(
        "div",
        { class: "refusal" },
        el("p", { text: own.note || texts.not_sent }),
        button(texts.try_again, () => actions.sendAgain(own.clientId), { class: "link" }),
        button(texts.remove, () => actions.discard(own.clientId), { class: "link" }),
      )
    : el(
        "p",
        { class: "meta" },
        own.note && el("span", { text: own.note }),
        marked(
          own.status === "saved" ? "check" : "clock",
          own.status === "saved" ? texts.delivered : texts.sending,
        ),
      );
  const node = group({ role: "user", author: "" }, place, setting, [bubble, state]);
  node.classList.toggle("is-refused", isRefused);
  return node;
}

/** Somebody writes: three dots, or the text as far as it has come. */
export function writingNode(
  /** @type {{role: string, author: string}} */ who,
  /** @type {Place} */ place,
  /** @type {Node[]} */ content,
  /** @type {Setting} */ setting,
) {
  const { texts, nameOf } = setting;
  const words = fill(texts.is_typing, { name: nameOf(who) });
  const inside = content.length
    ? content
    : [
        el("span", { class: "unseen", text: words }),
        el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i")),
      ];
  const bubble = el(
    "div",
    { class: content.length ? "bubble prose" : "bubble is-typing" },
    ...inside,
  );
  const node = group(who, place, setting, [bubble]);
  node.classList.add("is-writing");
  return node;
}

/**
 * @param {{role: string, author: string}} who
 * @param {Place} place
 * @param {Setting} setting
 * @param {(Node | false | string | null)[]} parts
 */
function group(who, place, { nameOf, faceOf }, parts) {
  const isOwn = who.role === "user";
  const names = ["line", isOwn ? "is-own" : `is-${who.role}`];
  if (place.isFirst) names.push("is-first");
  if (place.isLast) names.push("is-last");
  const name = el("span", {
    class: who.role === "operator" && place.isFirst ? "author" : "unseen",
  });
  name.textContent = nameOf(who);
  const body = el("div", { class: "body" }, name, ...parts.filter(Boolean));
  const side = isOwn ? null : el("div", { class: "side" }, place.isFirst ? faceOf(who) : null);
  return el("article", { class: names.join(" ") }, side, body);
}

function metaNode(
  /** @type {Line} */ line,
  /** @type {Place} */ place,
  /** @type {boolean} */ isOwn,
  /** @type {Setting} */ { texts, language, actions },
) {
  const canJudge =
    line.role === "assistant" &&
    line.event !== "opening" &&
    !line.is_stopped &&
    !line.is_replaced;
  if (!place.isLast && !canJudge) return null;
  const time = new Date(line.timestamp);
  const clock = new Intl.DateTimeFormat(language, { timeStyle: "short" });
  return el(
    "div",
    { class: "meta" },
    el("time", { datetime: line.timestamp, text: clock.format(time) }),
    isOwn && marked("check", texts.delivered),
    canJudge && judgeNode(line, texts, actions.judge),
  );
}

function marked(/** @type {string} */ picture, /** @type {string} */ words) {
  return el(
    "span",
    { class: "mark", title: words },
    icon(picture),
    el("span", { class: "unseen", text: words }),
  );
}

function judgeNode(
  /** @type {Line} */ line,
  /** @type {Record<string, string>} */ texts,
  /** @type {(seq: number, helpful: boolean) => void} */ judge,
) {
  const thumb = (/** @type {boolean} */ helpful) =>
    el(
      "button",
      {
        type: "button",
        class: "thumb",
        "aria-pressed": String(line.helpful === helpful),
        "aria-label": helpful ? texts.helpful_yes : texts.helpful_no,
        title: helpful ? texts.helpful_yes : texts.helpful_no,
        "data-focus": `judge-${helpful}`,
        on: { click: () => judge(line.seq, helpful) },
      },
      icon(helpful ? "yes" : "no"),
    );
  return el(
    "span",
    { class: "judge", role: "group", "aria-label": texts.helpful },
    thumb(true),
    thumb(false),
    line.helpful !== null && el("span", { class: "thanks", text: texts.thanks_for_feedback }),
  );
}

/** Have a citation open its source below, and take the reader there. */
function cite(
  /** @type {Element} */ link,
  /** @type {Line} */ line,
  /** @type {Element | null} */ sources,
  /** @type {Record<string, string>} */ texts,
) {
  const at = Number(link.textContent) - 1;
  const item = sources?.querySelectorAll("li")[at];
  if (!item) return;
  const words = fill(texts.source_number, { number: at + 1, title: line.sources[at].title });
  link.setAttribute("aria-label", words);
  link.setAttribute("title", line.sources[at].title);
  link.setAttribute("data-focus", `cite-${at}`);
  link.addEventListener("click", (event) => {
    event.preventDefault();
    item.querySelector("details")?.setAttribute("open", "");
    const target = /** @type {HTMLElement} */ (item.querySelector("summary, a") ?? item);
    target.focus();
    target.scrollIntoView({ block: "nearest" });
  });
}

/** What the answer rests on; each opens to its quote and the way to its page. */
function sourcesNode(/** @type {Line} */ line, /** @type {Record<string, string>} */ texts) {
  const items = line.sources.map(({ title, url, quote }, at) => {
    const id = `source-${line.seq}-${at + 1}`;
    const number = el("span", { class: "number", "aria-hidden": "true", text: String(at + 1) });
    const address = /^https?:\/\//i.test(url) || url.startsWith("/") ? url : "";
    const link = (/** @type {string} */ words) =>
      el("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, words, icon("link"));
    if (!quote) {
      const name = address ? link(title) : el("span", { text: title });
      return el("li", { id, tabindex: -1 }, el("div", { class: "source" }, number, name));
    }
    return el(
      "li",
      { id },
      el(
        "details",
        {},
        el("summary", { class: "source" }, number, el("span", { text: title }), icon("chevron")),
        el("blockquote", { text: quote }),
        address && link(texts.open_source),
      ),
    );
  });
  return el(
    "div",
    { class: "sources" },
    el("p", { class: "label", text: texts.sources }),
    el("ul", { role: "list" }, ...items),
  );
}
