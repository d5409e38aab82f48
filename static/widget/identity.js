/**
 * The browser's secret: in memory until there is something to keep, then shared by all tabs.
 * Used by app.js.
 */

/** @typedef {import("./storage.js").Storage} Storage */

const TOKEN = "token";
const TOKEN_SHAPE = /^[\w-]{43}$/;

/** An id for a message. `crypto.randomUUID` is missing on pages without TLS. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function newToken() {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * The first secret that any tab has put forward for the widget; ours, if that is the first.
 *
 * localStorage cannot decide this: its writes reach other processes late, under a lock as well,
 * so two tabs would each find nothing, and then each take the other's. A transaction can.
 * @param {string} widget
 * @param {string} token
 * @returns {Promise<string>}
 */
function settle(widget, token) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("webassistant", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(TOKEN);
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      const change = database.transaction(TOKEN, "readwrite");
      const tokens = change.objectStore(TOKEN);
      const reading = tokens.get(widget);
      let first = token;
      reading.onsuccess = () => {
        if (reading.result) first = reading.result;
        else tokens.put(token, widget);
      };
      change.oncomplete = () => {
        database.close();
        resolve(first);
      };
      change.onabort = () => reject(change.error);
    };
  });
}

/**
 * @param {Storage} storage
 * @param {string} widget
 * @param {() => void} onChange another tab was first: we are whom it says
 */
export function openIdentity(storage, widget, onChange) {
  let token = storage.get(TOKEN) ?? newToken();
  /** @type {Promise<void> | null} */
  let keeping = null;

  function adopt(/** @type {string | null} */ stored) {
    if (!stored || stored === token) return;
    token = stored;
    onChange();
  }

  async function store() {
    try {
      if (storage.isShared) adopt(await settle(widget, token));
    } catch (error) {
      // Without a database two tabs that begin in the same instant may be two visitors.
      console.info("Web assistant: there is no database.", error);
    }
    storage.set(TOKEN, token);
  }

  storage.follow(TOKEN, adopt);

  return {
    get token() {
      return token;
    },
    get isKept() {
      return storage.get(TOKEN) !== null;
    },
    /**
     * Store the secret before the first thing is said with it. Of two tabs that begin together
     * the second takes the first one's.
     */
    keep() {
      keeping ??= store();
      return keeping;
    },
    /** What the page is to remember for us, where the browser lets a foreign frame keep nothing. */
    get forPage() {
      return storage.isShared ? undefined : token;
    },
    /** Be whom the page remembers; before the first connection. */
    recall(/** @type {unknown} */ remembered) {
      if (storage.isShared || typeof remembered !== "string" || !TOKEN_SHAPE.test(remembered)) return;
      token = remembered;
      storage.set(TOKEN, token);
    },
  };
}
