/**
 * What was said and not acknowledged yet: kept through reloads, sent again under the same id.
 * Used by app.js. One frame is under way at a time, so that words never change their order.
 */

/** @typedef {import("./storage.js").Storage} Storage */
/** @typedef {{frame: any, at: number, tries: number, notBefore: number}} Item */

const BOX = "outbox:";
const FIRST_PATIENCE = 5_000;
const LONGEST_PATIENCE = 60_000;

/**
 * @param {Storage} storage
 * @param {(frame: any) => boolean} send
 */
export function openOutbox(storage, send) {
  /** @type {Item[]} */
  let items = storage
    .names(BOX)
    .map((name) => ({ ...JSON.parse(storage.get(name) ?? "{}"), tries: 0, notBefore: 0 }))
    .sort((a, b) => a.at - b.at);
  let isReady = false;
  /** @type {number | undefined} */
  let timer;

  function pump() {
    clearTimeout(timer);
    const [first] = items;
    if (!isReady || !first) return;
    const early = first.notBefore - Date.now();
    if (early > 0) {
      timer = setTimeout(pump, early);
      return;
    }
    send(first.frame);
    const patience = Math.min(LONGEST_PATIENCE, FIRST_PATIENCE * 2 ** first.tries);
    first.tries += 1;
    timer = setTimeout(pump, patience * (1 + Math.random() / 4));
  }

  return {
    get frames() {
      return items.map(({ frame, at }) => ({ frame, at }));
    },

    has: (/** @type {string} */ id) => items.some(({ frame }) => frame.client_id === id),

    add(/** @type {any} */ frame) {
      const at = Math.max(Date.now(), (items.at(-1)?.at ?? 0) + 1);
      items.push({ frame, at, tries: 0, notBefore: 0 });
      storage.set(BOX + frame.client_id, JSON.stringify({ frame, at }));
      if (items.length === 1) pump();
    },

    /** Acknowledged, or refused for good. */
    remove(/** @type {string} */ id) {
      if (!this.has(id)) return;
      const wasFirst = items[0].frame.client_id === id;
      items = items.filter(({ frame }) => frame.client_id !== id);
      storage.remove(BOX + id);
      if (wasFirst) pump();
    },

    /** Refused for now: the same again, later. */
    hold(/** @type {string} */ id, /** @type {number} */ seconds) {
      const item = items.find(({ frame }) => frame.client_id === id);
      if (!item) return;
      item.notBefore = Date.now() + seconds * 1000;
      item.tries = 0;
      pump();
    },

    /** The server knows who we are: everything that waits may go. */
    resume() {
      isReady = true;
      for (const item of items) item.tries = 0;
      pump();
    },

    pause() {
      isReady = false;
      clearTimeout(timer);
    },
  };
}
