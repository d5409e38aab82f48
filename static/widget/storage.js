/** What the frame may remember, or, where the browser forbids it, only until it is closed. */

/** @param {string} widget the public key: widgets share nothing */
export function openStorage(widget) {
  const prefix = `webassistant:${widget}:`;
  const own = findStorage();
  return {
    /** Whether other tabs see the same. */
    isShared: own.isShared,
    get: (/** @type {string} */ name) => own.getItem(prefix + name),
    set(/** @type {string} */ name, /** @type {string} */ value) {
      own.setItem(prefix + name, value);
    },
    remove(/** @type {string} */ name) {
      own.removeItem(prefix + name);
    },
    /** The names that begin so. */
    names(/** @type {string} */ beginning) {
      return own
        .names()
        .filter((name) => name.startsWith(prefix + beginning))
        .map((name) => name.slice(prefix.length));
    },
    /** Call back when another tab writes the name. */
    follow(/** @type {string} */ name, /** @type {(value: string | null) => void} */ changed) {
      addEventListener("storage", ({ key, newValue }) => {
        if (key === prefix + name) changed(newValue);
      });
    },
  };
}

/** @typedef {ReturnType<typeof openStorage>} Storage */

/** localStorage behind a shape that memory has too. */
function findStorage() {
  /** @type {Map<string, string>} */
  const memory = new Map();
  const inMemory = {
    isShared: false,
    getItem: (/** @type {string} */ name) => memory.get(name) ?? null,
    setItem: (/** @type {string} */ name, /** @type {string} */ value) =>
      void memory.set(name, value),
    removeItem: (/** @type {string} */ name) => void memory.delete(name),
    names: () => [...memory.keys()],
  };
  let disk;
  try {
    disk = window.localStorage;
    disk.getItem("");
  } catch (error) {
    // A browser that blocks storage in foreign frames says so by throwing on mere access.
    console.info("Web assistant: nothing will be remembered.", error);
    return inMemory;
  }
  return {
    isShared: true,
    getItem: (/** @type {string} */ name) => memory.get(name) ?? disk.getItem(name),
    setItem(/** @type {string} */ name, /** @type {string} */ value) {
      try {
        disk.setItem(name, value);
        memory.delete(name);
      } catch (error) {
        console.info("Web assistant: the storage is full.", error);
        memory.set(name, value);
      }
    },
    removeItem(/** @type {string} */ name) {
      memory.delete(name);
      disk.removeItem(name);
    },
    names: () => [...new Set([...Object.keys(disk), ...memory.keys()])],
  };
}
