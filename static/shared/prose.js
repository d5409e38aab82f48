/**
 * A first look at Markdown that is still being written: paragraphs, lists, code, bold, italics,
 * and the numbers of sources, which become links with the sources.
 * The server's own HTML replaces it when the answer is whole. Builds nodes from text only, so
 * nothing in the text can become markup. Used by the widget and the console.
 */

import { el } from "./dom.js";

const INLINE =
  /(\*\*|__)(?=\S)(.+?)\1|`([^`]+)`|\[([^\]]+)\]\([^)\s]*\)|\[(\d{1,3})\]|(?<![\w*])[*_](?=\S)([^*_]+)[*_](?!\w)/g;

/**
 * @param {string} text
 * @param {Map<string, number>} places where the sources will stand below, by their numbers
 * @returns {(Node | string)[]}
 */
function inline(text, places) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    const [whole, , bold, code, link, source, italic] = match;
    parts.push(text.slice(end, match.index));
    if (bold) parts.push(el("strong", {}, ...inline(bold, places)));
    else if (code) parts.push(el("code", { text: code }));
    else if (link) parts.push(link);
    else if (source) {
      if (!places.has(source)) places.set(source, places.size + 1);
      parts.push(el("span", { class: "citation", text: String(places.get(source)) }));
    } else parts.push(el("em", { text: italic }));
    end = match.index + whole.length;
  }
  // A mark whose other half has not come yet is not shown.
  parts.push(text.slice(end).replace(/(\*\*|__|`)(?=\S[^*_`]*$)|\*{1,2}$/, ""));
  return parts.filter((part) => part !== "");
}

/** @returns {Node[]} */
export function draftNodes(/** @type {string} */ text) {
  /** @type {HTMLElement[]} */
  const blocks = [];
  /** @type {Map<string, number>} */
  const places = new Map();
  let isOpen = false;
  let isCode = false;

  /** The block being written, if it is of this kind; a new one otherwise. */
  function block(/** @type {string} */ name) {
    if (!isOpen || blocks.at(-1)?.localName !== name) blocks.push(el(name));
    isOpen = true;
    return blocks[blocks.length - 1];
  }

  for (const line of text.split("\n")) {
    const [, bullet, number, words] = line.match(/^\s*(?:([-*+])|(\d+)[.)])\s+(.*)$/) ?? [];
    const heading = line.match(/^#{1,6}\s+(.*)$/);
    if (line.startsWith("```")) {
      isCode = !isCode;
      isOpen = false;
    } else if (isCode) {
      block("pre").append(`${line}\n`);
    } else if (!line.trim()) {
      isOpen = false;
    } else if (bullet || number) {
      block(bullet ? "ul" : "ol").append(el("li", {}, ...inline(words, places)));
    } else if (heading) {
      blocks.push(el("p", {}, el("strong", {}, ...inline(heading[1], places))));
      isOpen = false;
    } else {
      const paragraph = block("p");
      if (paragraph.hasChildNodes()) paragraph.append(el("br"));
      paragraph.append(...inline(line, places));
    }
  }
  return blocks;
}
