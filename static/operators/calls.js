/** What the assistant wants to change, and what came of it. Builds nodes; knows no socket. */

import { el } from "../shared/dom.js";
import { ago } from "./ago.js";

/**
 * @typedef {object} Call
 * @property {number} call_id
 * @property {string} chat_id
 * @property {string} chat
 * @property {string} label
 * @property {Record<string, string>} arguments
 * @property {"pending" | "approved" | "running" | "done" | "failed" | "refused" | "unknown"} status
 * @property {string} answer
 * @property {string} error
 * @property {string} decided_by
 * @property {string} since
 */

/** Whether something is left to be done, or looked into. */
export function isOpen(/** @type {Call} */ call) {
  return !["done", "failed", "refused"].includes(call.status);
}

/** The calls with one of them as it is now. @returns {Call[]} */
export function withCall(/** @type {Call[]} */ calls, /** @type {Call} */ call) {
  const others = calls.filter((one) => one.call_id !== call.call_id);
  return [...others, call].sort((one, other) => one.call_id - other.call_id);
}

/**
 * A call with its arguments, and the two buttons while nobody has decided.
 * @param {Call} call
 * @param {{texts: Record<string, string>, place: string,
 *   onDecide?: (callId: number, approve: boolean) => void,
 *   onOpen?: (chatId: string) => void}} setting
 */
export function callNode(call, { texts, place, onDecide, onOpen }) {
  const title = `call-${place}-${call.call_id}`;
  const button = (/** @type {boolean} */ approve) =>
    el("button", {
      type: "button",
      class: `button small ${approve ? "primary" : ""}`,
      "data-focus": `${title}-${approve}`,
      "aria-describedby": title,
      on: { click: () => onDecide?.(call.call_id, approve) },
      text: approve ? texts.approve : texts.refuse,
    });
  const facts = Object.entries(call.arguments);
  return el(
    "article",
    { class: `desk-call is-${call.status}`, "aria-labelledby": title },
    el(
      "p",
      { class: "desk-line" },
      el("strong", { id: title, text: call.label }),
      el("time", { datetime: call.since, "data-since": call.since, text: ago(call.since, texts) }),
    ),
    call.chat && onOpen ? el("p", { class: "desk-words quiet", text: call.chat }) : null,
    facts.length
      ? el("dl", {}, ...facts.flatMap(([name, value]) => [el("dt", { text: name }), el("dd", { text: value })]))
      : null,
    call.status === "pending"
      ? el(
          "p",
          { class: "desk-buttons" },
          button(true),
          button(false),
          onOpen
            ? el("button", { type: "button", class: "button small", "data-focus": `${title}-open`, on: { click: () => onOpen(call.chat_id) }, text: texts.open_chat })
            : null,
        )
      : el("p", { class: "desk-tags" }, el("span", { class: `tag ${call.status === "unknown" || call.status === "failed" ? "is-urgent" : ""}`, text: texts[`call_${call.status}`] }), call.decided_by ? el("span", { class: "tag", text: call.decided_by }) : null),
    call.error ? el("p", { class: "desk-text", text: call.error }) : null,
    call.answer ? el("p", { class: "desk-text quiet", text: call.answer }) : null,
  );
}
