/** Where the visitor writes. Used by view.js. */

import { fill } from "../shared/dom.js";

/** Typing is told at most so often. */
const TYPING_EVERY = 3000;
/** The count is shown from this share of the limit. */
const NEAR = 0.9;

/**
 * @param {{form: HTMLFormElement, text: HTMLTextAreaElement, send: HTMLButtonElement, counter: HTMLElement}} parts
 * @param {{max: number, texts: Record<string, string>, draft: string}} config
 * @param {{say: (text: string) => void, typing: () => void, keepDraft: (text: string) => void}} actions
 */
export function openComposer({ form, text, send, counter }, { max, texts, draft }, actions) {
  let toldAt = 0;

  function update() {
    // Where the browser cannot size the field by its content, we do.
    if (!CSS.supports("field-sizing", "content")) {
      text.style.height = "auto";
      text.style.height = `${text.scrollHeight}px`;
    }
    const used = [...text.value.trim()].length;
    const isOver = used > max;
    counter.hidden = used < max * NEAR;
    counter.textContent = isOver
      ? `${texts.too_long} ${fill(texts.length, { used, max })}`
      : fill(texts.length, { used, max });
    counter.classList.toggle("error", isOver);
    text.setAttribute("aria-invalid", String(isOver));
    send.disabled = used === 0 || isOver;
  }

  function submit() {
    update();
    const words = text.value.trim();
    if (send.disabled) return;
    text.value = "";
    update();
    text.focus();
    toldAt = 0;
    actions.keepDraft("");
    actions.say(words);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  text.addEventListener("keydown", (event) => {
    // While an input method is composing, Enter chooses a word.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  text.addEventListener("input", () => {
    update();
    actions.keepDraft(text.value);
    if (text.value && Date.now() - toldAt >= TYPING_EVERY) {
      toldAt = Date.now();
      actions.typing();
    }
  });

  text.value = draft;
  update();
  return {
    focus: () => text.focus({ preventScroll: true }),
    /** Give refused words back to be mended, unless something else is being written. */
    offer(/** @type {string} */ words) {
      if (!text.value) text.value = words;
      update();
    },
  };
}
