/** The left column: who waits, who is held, what is recent. Builds nodes; knows no socket. */

import { el } from "../shared/dom.js";
import { ago } from "./ago.js";
import { callNode } from "./calls.js";

/**
 * @typedef {object} DeskChat
 * @property {string} chat_id
 * @property {string} title
 * @property {string} visitor
 * @property {string} widget
 * @property {string} mode
 * @property {string} reason
 * @property {{wants: string} | null} summary
 * @property {string} since
 * @property {string} operator
 * @property {number | null} operator_id
 * @property {string} last_text
 * @property {string} last_role
 * @property {string} language
 */

/** Whether the visitor of a chat of mine has had the last word. */
export function isToAnswer(/** @type {DeskChat} */ chat, /** @type {number} */ memberId) {
  return chat.mode === "operator" && chat.operator_id === memberId && chat.last_role === "user";
}

/**
 * @param {any} desk the last `queue` event
 * @param {{texts: Record<string, string>, memberId: number, current: string | null,
 *   onOpen: (chatId: string) => void, onHandled: (id: number) => void,
 *   onDecide: (callId: number, approve: boolean) => void}} setting
 */
export function queueNodes(desk, { texts, memberId, current, onOpen, onHandled, onDecide }) {
  const mine = desk.held.filter((/** @type {DeskChat} */ chat) => chat.operator_id === memberId);
  const others = desk.held.filter((/** @type {DeskChat} */ chat) => chat.operator_id !== memberId);

  const item = (/** @type {DeskChat} */ chat) =>
    el(
      "li",
      {},
      el(
        "button",
        {
          type: "button",
          class: `desk-chat is-${chat.mode}`,
          "aria-current": chat.chat_id === current ? "true" : null,
          "data-focus": `chat-${chat.chat_id}`,
          "data-chat": chat.chat_id,
          on: { click: () => onOpen(chat.chat_id) },
        },
        el(
          "span",
          { class: "desk-line" },
          el("strong", { text: chat.title || chat.visitor }),
          el("time", { datetime: chat.since, "data-since": chat.since, text: ago(chat.since, texts) }),
        ),
        el(
          "span",
          { class: "desk-line quiet" },
          el("span", { class: "desk-words", text: chat.last_text || "—" }),
        ),
        chat.mode === "waiting" && chat.summary?.wants && ![chat.last_text, chat.title].includes(chat.summary.wants)
          ? el("span", { class: "desk-wish", text: chat.summary.wants })
          : null,
        el(
          "span",
          { class: "desk-tags" },
          el("span", { class: "tag", text: chat.widget }),
          chat.mode === "waiting" && chat.reason
            ? el("span", { class: "tag is-urgent", text: texts[`reason_${chat.reason}`] ?? chat.reason })
            : null,
          chat.mode === "operator" && chat.operator_id !== memberId
            ? el("span", { class: "tag", text: chat.operator })
            : null,
          isToAnswer(chat, memberId)
            ? el("span", { class: "tag is-urgent", text: texts.to_answer })
            : null,
          chat.mode === "ai" || chat.mode === "closed"
            ? el("span", { class: "tag", text: texts[`mode_${chat.mode}`] })
            : null,
        ),
      ),
    );

  const contact = (/** @type {any} */ request) =>
    el(
      "li",
      { class: "desk-contact" },
      el("p", { class: "desk-line" }, el("strong", { text: request.name }), el("time", { text: ago(request.created_at, texts) })),
      el("p", {}, el("a", { href: `mailto:${request.email}`, text: request.email })),
      el("p", { class: "desk-text", text: request.text }),
      el(
        "p",
        { class: "desk-buttons" },
        el("button", { type: "button", class: "button small", "data-focus": `open-${request.contact_id}`, on: { click: () => onOpen(request.chat_id) }, text: texts.open_chat }),
        el("button", { type: "button", class: "button small primary", "data-focus": `done-${request.contact_id}`, on: { click: () => onHandled(request.contact_id) }, text: texts.handled }),
      ),
    );

  const call = (/** @type {import("./calls.js").Call} */ one) =>
    el("li", {}, callNode(one, { texts, place: "desk", onDecide, onOpen }));

  const section = (/** @type {string} */ name, /** @type {any[]} */ rows, /** @type {(row: any) => Node} */ make, empty = "") =>
    rows.length || empty
      ? el(
          "section",
          { class: `desk-section is-${name}`, "aria-labelledby": `desk-${name}` },
          el("h2", { id: `desk-${name}` }, texts[name], rows.length ? el("span", { class: "count", text: String(rows.length) }) : null),
          rows.length ? el("ul", { role: "list" }, ...rows.map(make)) : el("p", { class: "quiet", text: empty }),
        )
      : null;

  return [
    section("waiting", desk.waiting, item, texts.nobody_waits),
    section("calls", desk.calls, call),
    section("contacts", desk.contacts, contact),
    section("mine", mine, item),
    section("others", others, item),
    section("recent", desk.recent, item),
  ].filter((node) => node !== null);
}
