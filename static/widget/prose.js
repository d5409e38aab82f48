/**
 * A first look at Markdown that is still being written: paragraphs, lists, code, bold, italics.
 * The server's own HTML replaces it when the answer is whole. Builds nodes from text only, so
 * nothing in the text can become markup. Used by lines.js.
 */

import { el } from "./dom.js";

const INLINE = /(\*\*|__)(?=\S)(.+?)\1|`([^`]+)`|\[([^\]]+)\]\([^)\s]*\)|(?<![\w*])[*_](?=\S)([^*_]+)[*_](?!\w)/g;

/** @returns {(Node | string)[]} */
function inline(/** @type {string} */ text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    const [whole, , bold, code, link, italic] = match;
    parts.push(text.slice(end, match.index));
    if (bold) parts.push(el("strong", {}, ...inline(bold)));
    else if (code) parts.push(el("code", { text: code }));
    else if (link) parts.push(link);
    else parts.push(el("em", { text: italic }));
    end = match.index + whole.length;
  }
  // A mark whose other half has not come yet is not shown.
  parts.push(text.slice(end).replace(/(\*\*|__|`)(?=\S[^*_`]*$)|\*{1,2}$/, ""));
  return parts.filter((part) => part !== "");
}

/** @returns {Node[]} */
export function draftNodes(/** @type {string} */ text) {
  const nodes = [];
  /** @type {HTMLElement | null} */
  let block = null;
  let isCode = false;
  const open = (/** @type {string} */ name) => {
    if (block?.localName !== name) {
      block = el(name);
      nodes.push(block);
    }
    return block;
  };
  for (const line of text.split("\n")) {
    if (line.startsWith("```")) {
      isCode = !isCode;
      block = null;
    } else if (isCode) {
      open("pre").append(`${line}\n`);
    } else if (!line.trim()) {
      block = null;
    } else {
      const [, bullet, number, words] = line.match(/^\s*(?:([-*+])|(\d+)[.)])\s+(.*)$/) ?? [];
      const heading = line.match(/^#{1,6}\s+(.*)$/);
      if (bullet || number) open(bullet ? "ul" : "ol").append(el("li", {}, ...inline(words)));
      else if (heading) nodes.push(el("p", {}, el("strong", {}, ...inline(heading[1]))));
      else if (block?.localName === "p") block.append(el("br"), ...inline(line));
      else open("p").append(...inline(line));
      if (heading) block = null;
    }
  }
  return nodes;
}
