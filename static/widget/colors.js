/** Any colour an owner may choose, made readable; used once by app.js at the start. */

/** @typedef {[number, number, number]} Color */

const WHITE = /** @type {Color} */ ([255, 255, 255]);
const NIGHT = /** @type {Color} */ ([17, 20, 24]);
/** The surfaces that widget.css paints, by scheme. */
const LIGHT_SURFACE = /** @type {Color} */ ([241, 243, 245]);
const DARK_SURFACE = /** @type {Color} */ ([38, 43, 49]);
/** What WCAG asks for text, with a little to spare. */
const ENOUGH = 4.6;

/** @returns {Color} */
function parse(/** @type {string} */ hex) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return [r, g, b];
}

function luminance(/** @type {Color} */ color) {
  const [r, g, b] = color.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** How well one colour is read on another, from 1 to 21. */
export function contrast(/** @type {Color} */ one, /** @type {Color} */ other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** The colour, moved towards black or white until it can be read on a surface. */
function readable(
  /** @type {Color} */ color,
  /** @type {Color} */ surface,
  /** @type {Color} */ towards,
) {
  for (let share = 0; share < 1; share += 0.05) {
    const mixed = /** @type {Color} */ (
      color.map((part, at) => Math.round(part + (towards[at] - part) * share))
    );
    if (contrast(mixed, surface) >= ENOUGH) return mixed;
  }
  return towards;
}

const css = (/** @type {Color} */ color) => `rgb(${color.join(" ")})`;

/**
 * Set the custom properties that widget.css builds on.
 * @param {string} hex the owner's colour, as #rrggbb
 * @param {CSSStyleDeclaration} style of the root element
 */
export function applyColor(hex, style) {
  const accent = parse(hex);
  const isWhiteFine = contrast(WHITE, accent) >= 4.5;
  style.setProperty("--accent", css(accent));
  style.setProperty("--on-accent", css(isWhiteFine ? WHITE : NIGHT));
  style.setProperty("--ink-on-light", css(readable(accent, LIGHT_SURFACE, NIGHT)));
  style.setProperty("--ink-on-dark", css(readable(accent, DARK_SURFACE, WHITE)));
}
