/** The right column: what is known of the visitor. */

import { el, fill } from "../shared/dom.js";
import { callNode } from "./calls.js";

/**
 * @param {any} visitor a VisitorFacts of the protocol
 * @param {{texts: Record<string, string>, language: string, memory: string,
 *   calls: import("./calls.js").Call[], onOpen: (chatId: string) => void,
 *   onUnmute: () => void}} setting
 */
export function factNodes(visitor, { texts, language, memory, calls, onOpen, onUnmute }) {
  const clock = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  const moment = (/** @type {string} */ value) => (value ? clock.format(new Date(value)) : "");
  const row = (/** @type {string} */ label, /** @type {string | Node} */ value) =>
    value ? [el("dt", { text: label }), el("dd", {}, value)] : [];
  const isLink = /^https?:\/\//i.test(visitor.page_url);
  const page = visitor.page_title || visitor.page_url;
  const context = Object.entries(visitor.page_context ?? {});
  return [
    el(
      "dl",
      {},
      ...row(texts.name, visitor.name),
      ...row(texts.email, visitor.email && el("a", { href: `mailto:${visitor.email}`, text: visitor.email })),
      ...row(texts.phone, visitor.phone && el("a", { href: `tel:${visitor.phone}`, text: visitor.phone })),
      ...row(texts.page, isLink ? el("a", { href: visitor.page_url, target: "_blank", rel: "noopener noreferrer", text: page }) : page),
      ...row(texts.language, visitor.language.toUpperCase()),
      ...row(texts.browser, visitor.browser),
      ...row(texts.device, visitor.device),
      ...row(texts.address, visitor.ip),
      ...row(texts.first_visit, moment(visitor.first_visit)),
      ...row(texts.last_visit, moment(visitor.last_visit)),
    ),
    visitor.muted_until
      ? el(
          "p",
          { class: "facts-muted" },
          fill(texts.muted_until, { time: moment(visitor.muted_until) }),
          " ",
          el("button", { type: "button", class: "button small", "data-focus": "unmute", on: { click: onUnmute }, text: texts.unmute }),
        )
      : null,
    visitor.offences && !visitor.muted_until ? el("p", { class: "quiet", text: fill(texts.offences, { count: visitor.offences }) }) : null,
    context.length ? el("h3", { text: texts.page_facts }) : null,
    context.length ? el("dl", {}, ...context.flatMap(([label, value]) => row(label, String(value)))) : null,
    visitor.memory?.length ? el("h3", { text: texts.memory }) : null,
    visitor.memory?.length
      ? el(
          "ul",
          { class: "facts-memory" },
          ...visitor.memory.map((/** @type {any} */ fact) =>
            el(
              "li",
              { title: moment(fact.since) },
              `${fact.text} `,
              el("a", {
                href: `${memory}${fact.id}/change/`,
                target: "_blank",
                rel: "noopener",
                "aria-label": fill(texts.memory_mend_this, { text: fact.text }),
                text: texts.memory_mend,
              }),
            ),
          ),
        )
      : null,
    calls.length ? el("h3", { text: texts.calls_decided }) : null,
    ...calls.map((call) => callNode(call, { texts, place: "facts" })),
    el("h3", { text: texts.other_chats }),
    visitor.chats.length
      ? el(
          "ul",
          { role: "list", class: "facts-chats" },
          ...visitor.chats.map((/** @type {any} */ chat) =>
            el(
              "li",
              {},
              el(
                "button",
                { type: "button", class: "desk-chat", "data-focus": `other-${chat.chat_id}`, on: { click: () => onOpen(chat.chat_id) } },
                el("span", { class: "desk-line" }, el("strong", { text: chat.name || moment(chat.updated_at) }), el("span", { class: "tag", text: texts[`mode_${chat.mode}`] })),
                el("span", { class: "desk-words quiet", text: chat.last_text }),
              ),
            ),
          ),
        )
      : el("p", { class: "quiet", text: texts.no_other_chats }),
  ].filter((node) => node !== null);
}
