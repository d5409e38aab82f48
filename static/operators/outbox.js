/**
 * What an operator said and the server has not acked: sent again under the same id.
 * Unlike a visitor's, it lives as long as the page: a console is not closed in mid-sentence.
 *
 * @typedef {{clientId: string, chatId: string, text: string, isNote: boolean, at: number,
 *   status: "sending" | "refused", note: string}} Own
 */

const PATIENCE = 5_000;

/**
 * @param {(frame: object) => boolean} send
 * @param {() => void} onChange
 */
export function openOutbox(send, onChange) {
  /** @type {Own[]} */
  let items = [];

  const frameOf = (/** @type {Own} */ own) => ({
    type: own.isNote ? "note" : "message",
    client_id: own.clientId,
    chat_id: own.chatId,
    text: own.text,
  });

  function resend() {
    for (const own of items) if (own.status === "sending") send(frameOf(own));
  }
  setInterval(resend, PATIENCE);

  return {
    of: (/** @type {string} */ chatId) => items.filter((own) => own.chatId === chatId),

    add(/** @type {string} */ chatId, /** @type {string} */ text, /** @type {boolean} */ isNote) {
      const own = { clientId: crypto.randomUUID?.() ?? randomId(), chatId, text, isNote, at: Date.now(), status: "sending", note: "" };
      items.push(/** @type {Own} */ (own));
      send(frameOf(/** @type {Own} */ (own)));
      onChange();
    },

    /** Acked: the line itself comes as an event. */
    saved(/** @type {string} */ clientId) {
      items = items.filter((own) => own.clientId !== clientId);
      onChange();
    },

    refused(/** @type {string} */ clientId, /** @type {string} */ sentence, /** @type {number | null} */ retryAfter) {
      const own = items.find((item) => item.clientId === clientId);
      if (!own || retryAfter !== null) return;
      own.status = "refused";
      own.note = sentence;
      onChange();
    },

    /** Take a refused text back; its words go to the composer again. */
    discard(/** @type {string} */ clientId) {
      const own = items.find((item) => item.clientId === clientId);
      items = items.filter((item) => item.clientId !== clientId);
      onChange();
      return own?.text ?? "";
    },

    resend,
  };
}

/** A version 4 UUID where the page is not served over https. */
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
