/**
 * Ready replies: a slash at the beginning of a reply, or the button beside it, opens the list; what
 * is typed after the slash narrows it. Used by console.js.
 */

import { el } from "../shared/dom.js";

/** @typedef {{shortcut: string, text: string}} Reply */

const MOST = 8;

/**
 * @param {HTMLTextAreaElement} composer
 * @param {Reply[]} replies
 * @param {{texts: Record<string, string>, url: string, names: () => Record<string, string>}} setting
 */
export function openReplies(composer, replies, { texts, url, names }) {
  const list = el("ul", { id: "console-replies", role: "listbox", "aria-label": texts.replies });
  const empty = el("p", { class: "quiet" });
  const status = el("p", { class: "unseen", role: "status" });
  const edit = el("a", { href: url, target: "_blank", text: texts.edit_replies });
  const box = el("div", { class: "replies", hidden: true }, list, el("footer", {}, empty, edit), status);
  const button = el("button", {
    type: "button",
    class: "button small",
    "aria-expanded": "false",
    "aria-controls": "console-replies",
    on: { click: toggle, mousedown: (/** @type {Event} */ event) => event.preventDefault() },
    text: `/ ${texts.replies}`,
  });
  /** @type {Reply[]} */
  let found = [];
  let at = 0;
  /** Opened by the button: every reply is offered, whatever has been typed. */
  let isForced = false;

  composer.setAttribute("aria-controls", "console-replies");
  composer.setAttribute("aria-autocomplete", "list");
  composer.addEventListener("input", () => {
    isForced = false;
    update();
  });
  composer.addEventListener("blur", hide);

  const isOpen = () => !box.hidden;

  function toggle() {
    if (isOpen()) hide();
    else {
      isForced = true;
      composer.focus();
      update();
    }
  }

  function update() {
    const typed = /^\/(\S*)$/.exec(composer.value);
    if (composer.disabled || (!typed && !isForced)) return hide();
    const wanted = (typed?.[1] ?? "").toLocaleLowerCase();
    const fits = (/** @type {string} */ text) => text.toLocaleLowerCase().includes(wanted);
    const byName = replies.filter(({ shortcut }) => fits(shortcut));
    const byText = replies.filter((reply) => !byName.includes(reply) && fits(reply.text));
    found = [...byName, ...byText].slice(0, MOST);
    at = 0;
    empty.textContent = found.length ? "" : replies.length ? texts.no_such_reply : texts.no_replies;
    status.textContent = empty.textContent;
    box.hidden = false;
    button.setAttribute("aria-expanded", "true");
    draw();
  }

  function draw() {
    list.hidden = !found.length;
    list.replaceChildren(
      ...found.map((reply, index) =>
        el(
          "li",
          {
            role: "option",
            id: `console-reply-${index}`,
            "aria-selected": String(index === at),
            // Before the composer loses the focus, which would close the list.
            on: {
              mousedown(/** @type {Event} */ event) {
                event.preventDefault();
                choose(reply);
              },
            },
          },
          el("strong", { text: `/${reply.shortcut}` }),
          el("span", { class: "quiet", text: filled(reply.text, names()) }),
        ),
      ),
    );
    if (found.length) composer.setAttribute("aria-activedescendant", `console-reply-${at}`);
    else composer.removeAttribute("aria-activedescendant");
    list.children[at]?.scrollIntoView({ block: "nearest" });
  }

  function hide() {
    isForced = false;
    box.hidden = true;
    button.setAttribute("aria-expanded", "false");
    composer.removeAttribute("aria-activedescendant");
  }

  function choose(/** @type {Reply} */ { text }) {
    const written = composer.value.startsWith("/") ? "" : composer.value.trimEnd();
    const words = filled(text, names());
    composer.value = (written ? `${written}\n${words}` : words).slice(0, composer.maxLength);
    hide();
    composer.focus();
    composer.setSelectionRange(composer.value.length, composer.value.length);
  }

  return {
    box,
    button,
    /** Whether the list took the key; then it means nothing more. */
    takes(/** @type {KeyboardEvent} */ event) {
      if (!isOpen() || event.isComposing) return false;
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && found.length) {
        at = (at + step + found.length) % found.length;
        draw();
      } else if ((event.key === "Enter" || event.key === "Tab") && found.length) choose(found[at]);
      else if (event.key === "Escape") hide();
      else return false;
      event.preventDefault();
      return true;
    },
  };
}

/** A reply with its names; where one is not known, it goes with the comma before it. */
export function filled(/** @type {string} */ text, /** @type {Record<string, string>} */ names) {
  return text.replace(/(,?[ \t]*)\{(visitor|operator)\}/g, (_whole, before, name) =>
    names[name] ? before + names[name] : "",
  );
}
