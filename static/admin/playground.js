/**
 * The playground: one question to one or two agents, each with a dialogue of its own. The server
 * answers with a JSON object a line: pieces of the text, then the answer and its receipt as HTML it
 * has made (and sanitised) itself. Nothing is kept but in this page.
 */

import { el } from "../shared/dom.js";

const words = JSON.parse(document.getElementById("playground-words")?.textContent ?? "{}");
const root = document.getElementById("playground");
const form = /** @type {HTMLFormElement | null} */ (document.getElementById("playground-form"));

/** @typedef {{role: "user" | "assistant", text: string, outcome?: string}} Said */

/** One of the two dialogues. */
class Side {
  constructor(/** @type {string} */ name) {
    this.select = /** @type {HTMLSelectElement} */ (document.getElementById(`playground-${name}`));
    this.title = /** @type {HTMLElement} */ (document.getElementById(`playground-name-${name}`));
    this.log = /** @type {HTMLElement} */ (document.querySelector(`[data-side=${name}]`));
    this.section = /** @type {HTMLElement} */ (this.log.parentElement);
    /** @type {Said[]} */
    this.history = [];
    this.select.addEventListener("change", () => this.clear());
    this.clear();
  }

  clear() {
    this.history = [];
    this.log.replaceChildren();
    this.section.hidden = !this.select.value;
    this.title.textContent = this.select.selectedOptions[0]?.textContent ?? "";
  }

  /** Ask and show the answer as it comes; what went wrong is returned as a sentence. */
  async ask(/** @type {Record<string, string>} */ question, /** @type {AbortSignal} */ signal) {
    const own = el("article", { class: "is-user", text: question.text });
    const said = el("div", { class: "trials-words is-coming", text: words.answering });
    const line = el("article", { class: "is-assistant", "aria-busy": "true" }, said);
    this.log.append(own, line);
    own.scrollIntoView({ block: "nearest" });
    let trouble = words.failed;
    try {
      const answer = await fetch(root?.dataset.address ?? "", {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": token() },
        body: JSON.stringify({ ...question, agent: this.select.value, history: this.history }),
        signal,
      });
      if (!answer.ok || !answer.body || answer.redirected) {
        if (answer.headers.get("Content-Type")?.includes("json")) trouble = (await answer.json()).message;
        throw new Error(String(answer.status));
      }
      let text = "";
      let isWhole = false;
      for await (const part of lines(answer.body)) {
        if (part.type === "text") said.textContent = text += part.text;
        else if (part.type === "error") {
          trouble = part.message;
          throw new Error(part.code);
        } else {
          isWhole = true;
          said.classList.remove("is-coming");
          said.innerHTML = part.answer;
          line.append(document.createRange().createContextualFragment(part.receipt));
          this.history.push({ role: "user", text: question.text }, { role: "assistant", text: part.text, outcome: part.outcome });
        }
      }
      if (!isWhole) throw new Error("cut");
      return "";
    } catch {
      own.remove();
      line.remove();
      return signal.aborted ? "" : trouble;
    } finally {
      line.removeAttribute("aria-busy");
    }
  }
}

/** The objects of a stream, a line each. */
async function* lines(/** @type {ReadableStream<Uint8Array>} */ stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const whole = (rest + value).split("\n");
    rest = whole.pop() ?? "";
    for (const line of whole) if (line) yield JSON.parse(line);
  }
}

function token() {
  return /** @type {HTMLInputElement} */ (document.querySelector("[name=csrfmiddlewaretoken]")).value;
}

function start(/** @type {HTMLFormElement} */ form) {
  const sides = [new Side("a"), new Side("b")];
  const field = /** @type {HTMLTextAreaElement} */ (document.getElementById("playground-text"));
  const status = /** @type {HTMLElement} */ (document.getElementById("playground-status"));
  const alarm = /** @type {HTMLElement} */ (document.getElementById("playground-trouble"));
  const stop = /** @type {HTMLButtonElement} */ (document.getElementById("playground-stop"));
  /** @type {AbortController | null} */
  let running = null;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (running || !field.value.trim()) return;
    running = new AbortController();
    const { signal } = running;
    const filled = new FormData(form);
    const names = ["text", "language", "page_title", "page_url", "page_facts"];
    const question = Object.fromEntries(names.map((name) => [name, String(filled.get(name) ?? "")]));
    alarm.hidden = true;
    stop.hidden = false;
    status.textContent = words.answering;
    const asked = sides.filter((side) => side.select.value);
    const troubles = (await Promise.all(asked.map((side) => side.ask(question, signal)))).filter(Boolean);
    running = null;
    stop.hidden = true;
    alarm.hidden = !troubles.length;
    alarm.textContent = [...new Set(troubles)].join(" ");
    status.textContent = troubles.length || signal.aborted ? "" : words.answered;
    if (!troubles.length && !signal.aborted) field.value = "";
    field.focus({ preventScroll: true });
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  stop.addEventListener("click", () => running?.abort());
  document.getElementById("playground-anew")?.addEventListener("click", () => {
    running?.abort();
    for (const side of sides) side.clear();
    status.textContent = "";
    alarm.hidden = true;
    field.focus();
  });
}

if (form) start(form);
