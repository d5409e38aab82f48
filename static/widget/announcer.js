/**
 * What a screen reader hears: whole sentences of a running answer, and every finished line of
 * the others. The visible dialogue is silent, or each piece of a stream would be read out.
 */

import { el } from "../shared/dom.js";

/** @typedef {import("../shared/transcript.js").Transcript} Transcript */
/** @typedef {import("../shared/transcript.js").Line} Line */

/** Long enough to be read out from, short enough not to be met twice in browse mode. */
const KEPT_FOR = 10_000;
/** Up to the last end of a sentence or of a paragraph. */
const SENTENCES = /^[\s\S]*(?:[.!?…](?=\s)|\n)/;

/**
 * @param {HTMLElement} region
 * @param {(line: Line) => string} nameOf
 */
export function openAnnouncer(region, nameOf) {
  /** @type {string | null} */
  let chatId = null;
  let lastSeq = 0;
  let said = "";

  function say(/** @type {string} */ words) {
    const plain = words
      .replace(/[*_`#]+|\[([^\]]*)\]\([^)]*\)/g, "$1")
      // The numbers of sources; they are links in the dialogue.
      .replace(/ ?\[\d{1,3}\]/g, "")
      .trim();
    if (!plain) return;
    const sentence = el("p", { text: plain });
    region.append(sentence);
    setTimeout(() => sentence.remove(), KEPT_FOR);
  }

  return function announce(/** @type {Transcript} */ state, /** @type {boolean} */ isLive) {
    if (!isLive || (state.chatId !== chatId && chatId !== null)) {
      // History is there to be read, not to be read out.
      chatId = state.chatId;
      lastSeq = state.lastSeq;
      said = state.draft?.text ?? "";
      const last = state.lines.at(-1);
      // A chat that was just opened begins by itself, and that is news.
      if (last?.event === "opening") say(`${nameOf(last)}: ${last.text}`);
      return;
    }
    chatId = state.chatId;
    for (const line of state.lines) {
      if (line.seq <= lastSeq) continue;
      lastSeq = line.seq;
      if (line.role === "user") continue;
      if (line.role === "assistant" && said && line.text.startsWith(said)) {
        say(line.text.slice(said.length));
      } else if (line.role === "system") say(line.text);
      else say(`${nameOf(line)}: ${line.text}`);
      if (line.role === "assistant") said = "";
    }
    const text = state.draft?.text ?? "";
    if (!text.startsWith(said)) said = "";
    const whole = text.slice(said.length).match(SENTENCES)?.[0] ?? "";
    say(whole);
    said += whole;
  };
}
