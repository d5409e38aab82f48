/**
 * What a dialogue was turned into: the versions of a chat's result, and each as a card.
 * Used by the widget and by the operators' console.
 */

import { el } from "./dom.js";

/** @typedef {import("./transcript.js").Transcript} Transcript */

/**
 * @typedef {object} Part of a card
 * @property {"text" | "list" | "group"} kind
 * @property {string} label
 * @property {string} text
 * @property {Part[]} parts
 *
 * @typedef {object} Result
 * @property {number} version
 * @property {"working" | "done" | "failed"} status
 * @property {string} name
 * @property {string} error
 * @property {string} sentence why it failed
 * @property {string} author
 * @property {number | null} seq the line that tells of it
 * @property {number} upto_seq the dialogue that is in it
 * @property {Part[]} card
 */

/** As many as the server shows at once. */
const SHOWN = 5;

/**
 * Versions by their numbers; what is over is not in the making again.
 * @param {Result[]} own
 * @param {Result[]} news
 */
export function mergeResults(own, news) {
  const all = new Map(own.map((result) => [result.version, result]));
  for (const result of news) {
    const known = all.get(result.version);
    if (!known || known.status === "working") all.set(result.version, result);
  }
  return [...all.values()].sort((a, b) => a.version - b.version).slice(-SHOWN);
}

/**
 * Whether somebody may ask for the result now: there is something new in the dialogue, and
 * nothing is in the making.
 * @param {Transcript} state
 * @param {"visitor" | "operator"} who
 */
export function mayFinish({ kind, mode, lines, hasOlder, results }, who) {
  if (!kind || mode === "closed") return false;
  if (!(who === "visitor" ? kind.visitor_finishes : kind.operator_finishes)) return false;
  if (results.at(-1)?.status === "working") return false;
  const upto = results.findLast((result) => result.status === "done")?.upto_seq ?? 0;
  const isSaid = lines.some(
    ({ seq, role }) => seq > upto && (role === "user" || (upto > 0 && role === "operator")),
  );
  return isSaid || (hasOlder && upto === 0);
}

/** The result that a line tells of. */
export function resultAt(/** @type {Result[]} */ results, /** @type {number} */ seq) {
  return results.find((result) => result.seq === seq && result.status === "done");
}

/**
 * A result to be read.
 * @param {Result} result
 * @param {{isOpen: boolean, words: string}} setting older ones are folded
 */
export function cardNode(result, { isOpen, words }) {
  const summary = el(
    "summary",
    {},
    el("h2", { text: result.name }),
    el("span", { class: "result-version", text: words }),
  );
  return el(
    "details",
    { class: "result-card", open: isOpen },
    summary,
    partsNode(result.card),
  );
}

function partsNode(/** @type {Part[]} */ parts) {
  const rows = parts.map((part) =>
    el("div", {}, el("dt", { text: part.label }), el("dd", {}, ...valueNodes(part))),
  );
  return el("dl", {}, ...rows);
}

/** @returns {(Node | string)[]} */
function valueNodes(/** @type {Part} */ part) {
  if (part.kind === "text") return [el("span", { class: "plain", text: part.text })];
  if (part.kind === "group") return [partsNode(part.parts)];
  return [el("ol", {}, ...part.parts.map((item) => el("li", {}, ...itemNodes(item))))];
}

/** @returns {(Node | string)[]} */
function itemNodes(/** @type {Part} */ item) {
  if (item.kind !== "group") return valueNodes(item);
  const rest = item.parts.length ? [partsNode(item.parts)] : [];
  return [el("h3", { text: item.label }), ...rest];
}
