/**
 * The text of an answer that is being written, put together from pieces; used by transcript.js.
 *
 * @typedef {{offset: number, text: string}} Piece
 *
 * @typedef {object} Draft
 * @property {number} turn
 * @property {number} attempt
 * @property {number} epoch
 * @property {string} text
 * @property {number} length of the text in code points, as the server counts
 * @property {Piece[]} ahead pieces behind a gap
 */

/** More pieces behind a gap than this are not worth keeping: the draft will be asked for. */
const MOST_AHEAD = 200;

/**
 * @param {{turn: number, attempt: number, epoch: number}} whose
 * @returns {Draft}
 */
export function emptyDraft({ turn, attempt, epoch }) {
  return { turn, attempt, epoch, text: "", length: 0, ahead: [] };
}

/**
 * A draft with more pieces. Offsets count code points, not UTF-16 units; a piece that overlaps
 * what is here (as a draft from the server and a delta may) gives its unseen end only.
 * @param {Draft} draft
 * @param {Piece[]} pieces
 * @returns {Draft}
 */
export function grow(draft, pieces) {
  let { text, length } = draft;
  /** @type {Piece[]} */
  const ahead = [];
  for (const piece of [...draft.ahead, ...pieces].sort((a, b) => a.offset - b.offset)) {
    if (piece.offset > length) {
      if (ahead.length < MOST_AHEAD) ahead.push(piece);
      continue;
    }
    const unseen = [...piece.text].slice(length - piece.offset);
    text += unseen.join("");
    length += unseen.length;
  }
  return { ...draft, text, length, ahead };
}

/**
 * The server's saved draft lags behind; of one attempt the longer text is the truer.
 * @param {Draft | null} own
 * @param {{turn: number, attempt: number, epoch: number, text: string} | null} saved
 * @returns {Draft | null}
 */
export function mergeDraft(own, saved) {
  if (!saved) return own;
  if (own && (own.turn > saved.turn || (own.turn === saved.turn && own.attempt > saved.attempt))) {
    return own;
  }
  const isSame = own !== null && own.turn === saved.turn && own.attempt === saved.attempt;
  const base = isSame ? own : emptyDraft(saved);
  return grow(base, [{ offset: 0, text: saved.text }]);
}
