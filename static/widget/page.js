/** The page around the frame: whom we believe, and what is said both ways. Used by app.js. */

/**
 * @param {string[]} allowedSites origins, or a star
 * @param {(type: string, fields: any) => void} onMessage
 */
export function openPage(allowedSites, onMessage) {
  /** @type {string | null} */
  let origin = null;
  const isAllowed = (/** @type {string} */ site) =>
    site === location.origin || allowedSites.includes("*") || allowedSites.includes(site);

  addEventListener("message", (event) => {
    const type = event.data?.webassistant;
    if (event.source !== window.parent || typeof type !== "string") return;
    if (!isAllowed(event.origin)) {
      console.error(`Web assistant: ${event.origin} is not among the allowed sites.`);
      return;
    }
    origin = event.origin;
    onMessage(type, event.data);
  });

  return {
    /** Whether there is a page around us at all. */
    isEmbedded: window.parent !== window,

    /** Say something to the page, once it has shown that it may hear. */
    tell(/** @type {string} */ type, /** @type {object} */ fields = {}) {
      if (origin !== null) window.parent.postMessage({ webassistant: type, ...fields }, origin);
    },
  };
}

/** A page's facts in the shape and size that the server takes. */
export function pageFacts(/** @type {any} */ { url = "", title = "", context = {} } = {}) {
  const isObject = context !== null && typeof context === "object" && !Array.isArray(context);
  return {
    url: String(url).slice(0, 1000),
    title: [...String(title).trim()].slice(0, 300).join(""),
    context: isObject ? context : {},
  };
}
