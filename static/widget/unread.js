/** How much was answered while nobody looked; the page shows it on the bubble. Used by app.js. */

/** @typedef {import("../shared/transcript.js").Transcript} Transcript */

const SEEN = "seen";

/**
 * @param {import("./storage.js").Storage} storage
 * @param {{isKept: boolean}} identity
 * @param {{tell: (type: string, fields?: object) => void}} page
 */
export function openUnread(storage, identity, page) {
  /** @type {{chatId: string | null, seq: number}} */
  let seen = JSON.parse(storage.get(SEEN) ?? '{"chatId": null, "seq": 0}');
  let isShown = false;
  let told = 0;

  function remember(/** @type {string | null} */ chatId, /** @type {number} */ seq) {
    if (seen.chatId === chatId && seen.seq === seq) return;
    seen = { chatId, seq };
    if (identity.isKept) storage.set(SEEN, JSON.stringify(seen));
  }

  return {
    show(/** @type {boolean} */ isOpen) {
      isShown = isOpen;
    },
    count(/** @type {Transcript} */ { chatId, lastSeq, lines }) {
      const isRead = isShown && document.visibilityState === "visible";
      // A chat that this browser has not shown yet is not a heap of news.
      if (isRead || seen.chatId !== chatId) remember(chatId, lastSeq);
      const news = lines.filter(
        ({ seq, role }) => seq > seen.seq && (role === "assistant" || role === "operator"),
      ).length;
      if (news === told) return;
      told = news;
      page.tell("unread", { count: news });
    },
  };
}
