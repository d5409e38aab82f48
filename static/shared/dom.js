/** Making elements; used by every file here that touches the DOM. */

/**
 * An element: `on` takes listeners, `class` and `text` speak for themselves, `null` and `false`
 * leave an attribute out, and everything else is an attribute.
 * @param {string} name
 * @param {Record<string, any>} props
 * @param {...(Node | string | null | false)} children
 */
export function el(name, props = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (key === "class") node.className = value;
    else if (key === "text") node.textContent = value;
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== false));
  return node;
}

/** A picture from the sprite in frame.html. */
export function icon(/** @type {string} */ name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const use = document.createElementNS(space, "use");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** A button that is a picture alone; `words` name it for those who do not see it. */
export function iconButton(
  /** @type {string} */ words,
  /** @type {string} */ picture,
  /** @type {() => void} */ onClick,
) {
  return el(
    "button",
    { type: "button", class: "icon-button", "aria-label": words, on: { click: onClick } },
    icon(picture),
  );
}

/** A text with its `{names}` filled in. */
export function fill(/** @type {string} */ text, /** @type {Record<string, any>} */ values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** A button with words, and perhaps a picture before them. */
export function button(
  /** @type {string} */ words,
  /** @type {() => void} */ onClick,
  /** @type {Record<string, any>} */ { picture = "", ...props } = {},
) {
  const label = el("span", { text: words });
  return el(
    "button",
    { type: "button", class: "button", ...props, on: { click: onClick } },
    picture ? icon(picture) : null,
    label,
  );
}

/**
 * Put these children in the place of the old ones, but keep an old one that looks the same: what is
 * selected in it, opened or focused stays so.
 */
export function renew(/** @type {Element} */ parent, /** @type {Element[]} */ nodes) {
  nodes.forEach((node, at) => {
    const old = parent.children[at];
    if (!old) return parent.append(node);
    const folds = node.querySelectorAll("details");
    old.querySelectorAll("details").forEach((fold, index) => {
      if (fold.open) folds[index]?.setAttribute("open", "");
    });
    if (!old.isEqualNode(node)) old.replaceWith(node);
  });
  while (parent.children.length > nodes.length) parent.lastElementChild?.remove();
}
