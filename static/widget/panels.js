/**
 * What may stand between the dialogue and the composer: the queue, the form for later, the
 * rating at the end. Used by view.js.
 */

import { button, el, fill, icon } from "../shared/dom.js";
import { MAX_TEXT } from "../shared/protocol.js";

/** @typedef {Record<string, string>} Texts */
/** @typedef {import("./view.js").Actions} Actions */

/** A place in the queue. */
export function waitingPanel(/** @type {Texts} */ texts, /** @type {Actions} */ actions) {
  const facts = el("p", { class: "facts" });
  const node = el(
    "section",
    { class: "waiting", role: "status" },
    el("div", { class: "pulse", "aria-hidden": "true" }, icon("person")),
    el(
      "div",
      {},
      el("h2", { text: texts.waiting_title }),
      facts,
      el("p", { class: "hint", text: texts.waiting_hint }),
      el(
        "p",
        { class: "row" },
        button(texts.leave_email_instead, actions.openForm, { class: "link" }),
        button(texts.cancel, actions.cancelPerson, { class: "link quiet" }),
      ),
    ),
  );
  return {
    node,
    update(/** @type {{place: number | null, wait: number | null}} */ state) {
      const place = state.place ? fill(texts.waiting_place, { place: state.place }) : "";
      const wait = waitWords(state.wait, texts).replaceAll(" ", "\u00a0");
      const words = [place, wait].filter(Boolean).join(" · ");
      // A live region speaks of every change of its nodes, so nothing is set to what it is.
      if (facts.textContent !== words) facts.textContent = words;
    },
  };
}

function waitWords(/** @type {number | null} */ seconds, /** @type {Texts} */ texts) {
  if (seconds === null) return "";
  if (seconds < 60) return texts.waiting_soon;
  return fill(texts.waiting_minutes, { minutes: Math.ceil(seconds / 60) });
}

/** The form for when nobody is there. */
export function contactPanel(/** @type {Texts} */ texts, /** @type {Actions} */ actions) {
  const hint = el("p", { class: "hint" });
  const error = el("p", { class: "error", role: "alert" });
  const fields = [
    field("name", texts.form_name, { autocomplete: "name", maxlength: 120 }),
    field("email", texts.form_email, {
      type: "email",
      autocomplete: "email",
      inputmode: "email",
      maxlength: 254,
    }),
    field("text", texts.form_text, { rows: 3, maxlength: MAX_TEXT }, "textarea"),
  ];
  const submit = /** @type {HTMLButtonElement} */ (
    el("button", { type: "submit", class: "button strong", text: texts.form_send })
  );

  function send(/** @type {SubmitEvent} */ event) {
    event.preventDefault();
    error.textContent = "";
    let wrong = null;
    for (const { input, remark } of fields) {
      const isEmpty = !input.value.trim();
      const isBad = !isEmpty && !input.checkValidity();
      remark.textContent = isEmpty ? texts.field_required : isBad ? texts.email_wrong : "";
      input.setAttribute("aria-invalid", String(isEmpty || isBad));
      if (isEmpty || isBad) wrong ??= input;
    }
    if (wrong) wrong.focus();
    else
      actions.sendContact(
        Object.fromEntries(fields.map(({ input }) => [input.name, input.value.trim()])),
      );
  }

  const node = el(
    "form",
    {
      class: "contact",
      novalidate: true,
      "aria-labelledby": "contact-title",
      on: { submit: send },
    },
    el("h2", { id: "contact-title", text: texts.form_title }),
    hint,
    ...fields.map(({ row }) => row),
    error,
    el("p", { class: "row" }, submit, button(texts.cancel, actions.closeForm, { class: "button" })),
  );
  return {
    node,
    focus: () => fields[0].input.focus(),
    update(/** @type {{sentence: string, error: string, isSending: boolean}} */ form) {
      hint.textContent = form.sentence || texts.form_hint;
      error.textContent = form.error;
      submit.disabled = form.isSending;
      submit.textContent = form.isSending ? texts.sending : texts.form_send;
    },
  };
}

function field(
  /** @type {string} */ name,
  /** @type {string} */ label,
  /** @type {Record<string, any>} */ props,
  kind = "input",
) {
  const id = `contact-${name}`;
  const input = /** @type {HTMLInputElement} */ (
    el(kind, { id, name, required: true, "aria-describedby": `${id}-remark`, ...props })
  );
  const remark = el("span", { class: "error", id: `${id}-remark` });
  const row = el("p", { class: "entry" }, el("label", { for: id, text: label }), input, remark);
  return { input, remark, row };
}

/** The end of a chat: stars, a word, and the way on. */
export function closedPanel(/** @type {Texts} */ texts, /** @type {Actions} */ actions) {
  const thanks = el("p", { class: "hint", role: "status" });
  const comment = el("textarea", {
    rows: 2,
    maxlength: 1000,
    "aria-label": texts.rate_comment,
    placeholder: texts.rate_comment,
  });
  const submit = el("button", { type: "submit", class: "button strong", text: texts.rate_send });
  const more = el(
    "div",
    { class: "more", hidden: true },
    comment,
    el("p", { class: "row" }, submit),
  );
  let chosen = 0;

  const stars = [1, 2, 3, 4, 5].map((value) => {
    const words = fill(texts.rate_star, { stars: value });
    const choice = el("input", {
      type: "radio",
      name: "rating",
      value,
      class: "unseen",
      "aria-label": words,
      on: {
        change() {
          chosen = value;
          more.hidden = false;
          show();
        },
      },
    });
    return el("label", { class: "star", title: words }, choice, icon("star"));
  });
  const show = () => stars.forEach((star, at) => star.classList.toggle("is-on", at < chosen));

  const rating = el(
    "form",
    {
      on: {
        submit(/** @type {SubmitEvent} */ event) {
          event.preventDefault();
          if (chosen) actions.rate(chosen, /** @type {any} */ (comment).value.trim());
        },
      },
    },
    el(
      "fieldset",
      { class: "stars" },
      el("legend", { text: texts.rate_title }),
      el("div", { class: "row" }, ...stars),
    ),
    more,
  );
  const again = button(texts.new_chat, actions.newChat, { picture: "plus" });
  const node = el("section", { class: "ended" }, rating, thanks, again);
  return {
    node,
    update(/** @type {{rating: number | null}} */ state) {
      rating.hidden = state.rating !== null;
      again.classList.toggle("strong", rating.hidden);
      thanks.textContent = state.rating === null ? "" : texts.rate_thanks;
    },
  };
}
