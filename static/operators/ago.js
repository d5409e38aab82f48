/** How long something has lasted, for the columns of the console. */

import { fill } from "../shared/dom.js";

/** How long ago, in words that fit a narrow column. */
export function ago(/** @type {string} */ moment, /** @type {Record<string, string>} */ texts) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(moment)) / 1000));
  if (seconds < 5) return texts.just_now;
  if (seconds < 60) return fill(texts.seconds, { count: seconds });
  if (seconds < 24 * 3600) return fill(texts.minutes, { count: Math.round(seconds / 60) });
  return new Date(moment).toLocaleDateString(document.documentElement.lang);
}
