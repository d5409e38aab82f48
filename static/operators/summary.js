/** What is told of a request for a person before the chat is read: on top of it, and on its card. */

import { el } from "../shared/dom.js";

/**
 * @typedef {{wants: string, said: string, tried: string, model: string}} Summary
 * @typedef {{reason: string, summary: Summary | null}} Told
 */

/**
 * @param {string} mode
 * @param {Told | null} chat
 * @param {Record<string, string>} texts
 * @returns {HTMLElement[]} nothing where nobody was asked for, or nothing was said
 */
export function summaryNodes(mode, chat, texts) {
  const { summary = null, reason = "" } = chat ?? {};
  if (!summary || (mode !== "waiting" && mode !== "operator")) return [];
  const rows = ["wants", "said", "tried"].filter((name) => summary[/** @type {keyof Summary} */ (name)]);
  if (!rows.length) return [];
  return [
    el(
      "h2",
      {},
      texts.summary,
      reason ? el("span", { class: "tag is-urgent", text: texts[`reason_${reason}`] ?? reason }) : null,
      el("span", { class: "quiet", text: summary.model || texts.summary_by_rule }),
    ),
    el(
      "dl",
      {},
      ...rows.flatMap((name) => [
        el("dt", { text: texts[`summary_${name}`] }),
        el("dd", { text: summary[/** @type {keyof Summary} */ (name)] }),
      ]),
    ),
  ];
}
