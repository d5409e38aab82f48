/** The middle column: the dialogue that is watched, with notes, the running answer, own texts. */

import { el, fill } from "../shared/dom.js";
import { draftNodes } from "../shared/prose.js";
import { callNode } from "./calls.js";
import { cardNode, mayFinish, resultAt } from "../shared/results.js";

/** @typedef {import("../shared/transcript.js").Transcript} Transcript */
/** @typedef {import("../shared/transcript.js").Line} Line */

/**
 * @param {Transcript} transcript
 * @param {any[]} notes
 * @param {import("./outbox.js").Own[]} own
 * @param {{texts: Record<string, string>, language: string, visitorTyping: boolean,
 *   learnt: Set<number>, onLearn: (seq: number) => void,
 *   revealed: Map<number, string>, onReveal: (seq: number) => void, onRegenerate: (seq: number) => void,
 *   calls: import("./calls.js").Call[], onDecide: (callId: number, approve: boolean) => void,
 *   onAgain: (clientId: string) => void, onEarlier: () => void}} setting
 */
export function dialogueNodes(
  transcript,
  notes,
  own,
  {
    texts,
    language,
    visitorTyping,
    learnt,
    onLearn,
    calls,
    onDecide,
    revealed,
    onReveal,
    onRegenerate,
    onAgain,
    onEarlier,
  },
) {
  const full = new Intl.DateTimeFormat(language, { dateStyle: "short", timeStyle: "short" });
  const short = new Intl.DateTimeFormat(language, { timeStyle: "short" });
  const today = new Date().toDateString();
  const time = (/** @type {string} */ moment) => {
    const date = new Date(moment);
    const isToday = date.toDateString() === today;
    return el("time", { datetime: moment, title: full.format(date), text: (isToday ? short : full).format(date) });
  };

  const names = { user: texts.visitor, assistant: texts.assistant, operator: "", system: "" };

  const firstAsked = transcript.lines.find((line) => line.role === "user")?.seq ?? Infinity;
  /** What an operator answered may be kept; what was kept says so. */
  const learnNode = (/** @type {Line} */ line) => {
    if (line.role !== "operator" || line.seq < firstAsked) return null;
    if (learnt.has(line.seq)) {
      return el("footer", { tabindex: -1, "data-focus": `learn-${line.seq}`, text: `✓ ${texts.learnt}` });
    }
    return el(
      "footer",
      {},
      el("button", { type: "button", class: "button small", title: texts.learn_hint, "data-focus": `learn-${line.seq}`, on: { click: () => onLearn(line.seq) }, text: texts.learn }),
    );
  };

  /** What was hidden may be looked at, by who asks. */
  const hiddenNode = (/** @type {Line} */ line) => {
    if (!line.is_masked) return null;
    const original = revealed.get(line.seq);
    if (original === undefined) {
      return el(
        "footer",
        {},
        el("button", { type: "button", class: "button small", "data-focus": `reveal-${line.seq}`, on: { click: () => onReveal(line.seq) }, text: texts.reveal }),
      );
    }
    return el("footer", { class: "said-original", tabindex: -1, "data-focus": `reveal-${line.seq}` }, `${texts.revealed}: `, el("span", { text: original }));
  };

  const lastSpoken = transcript.lines.findLast((line) => line.role !== "system");
  /** The assistant's last word may be given anew, while it holds the chat. */
  const anewNode = (/** @type {Line} */ line) =>
    line === lastSpoken && line.role === "assistant" && transcript.mode === "ai" && !transcript.isAnswering
      ? el(
          "footer",
          {},
          el("button", { type: "button", class: "button small", title: texts.regenerate_hint, "data-focus": `anew-${line.seq}`, on: { click: () => onRegenerate(line.seq) }, text: texts.regenerate }),
        )
      : null;

  const newest = transcript.results.findLast(({ seq }) => seq !== null);
  const resultNode = (/** @type {import("../shared/results.js").Result} */ result) => {
    const version = fill(texts.result_version, { version: result.version });
    const words = result.author ? `${version} · ${result.author}` : version;
    return cardNode(result, { isOpen: result === newest, words });
  };

  const lineNode = (/** @type {Line} */ line) => {
    if (line.role === "system") {
      const result = line.event === "result" ? resultAt(transcript.results, line.seq) : undefined;
      if (result) return resultNode(result);
      const words = texts[`event_${line.event}`] ?? line.text;
      const name = line.author || "";
      const more = line.event === "contact" ? ` — ${line.text}` : "";
      return el("p", { class: "said-system" }, fill(words, { name }) + more, " · ", time(line.timestamp));
    }
    const body = el("div", { class: "said-words" });
    // The one field that may be HTML: the server has sanitised it.
    body.innerHTML = line.html;
    return el(
      "article",
      { class: `said is-${line.role}${line.is_replaced ? " is-replaced" : ""}` },
      el(
        "header",
        {},
        el("strong", { text: line.author || names[line.role] }),
        " · ",
        time(line.timestamp),
        line.is_stopped ? ` · ${texts.stopped}` : null,
        line.is_replaced ? ` · ${texts.replaced}` : null,
        line.replaces ? ` · ${texts.replaces}` : null,
        line.helpful === null ? null : line.helpful ? " · 👍" : " · 👎",
      ),
      body,
      line.sources.length
        ? el(
            "details",
            {},
            el("summary", { text: `${texts.sources} (${line.sources.length})` }),
            el("ol", {}, ...line.sources.map((source, at) => el("li", { id: `source-${line.seq}-${at + 1}` }, el("span", { text: source.title }), source.quote ? el("blockquote", { text: source.quote }) : null))),
          )
        : null,
      hiddenNode(line),
      learnNode(line),
      anewNode(line),
    );
  };

  const noteNode = (/** @type {any} */ note) =>
    el(
      "article",
      { class: "said is-note" },
      el("header", {}, el("strong", { text: texts.internal_note }), ` · ${note.author} · `, time(note.timestamp)),
      el("div", { class: "said-words plain", text: note.text }),
    );

  const nodes = transcript.hasOlder
    ? [el("button", { type: "button", class: "button small said-earlier", "data-focus": "earlier", on: { click: onEarlier }, text: texts.earlier })]
    : [];
  const waiting = [...notes];
  const place = (/** @type {number} */ seq) => {
    while (waiting.length && waiting[0].after_seq < seq) nodes.push(noteNode(waiting.shift()));
  };
  for (const line of transcript.lines) {
    place(line.seq);
    nodes.push(lineNode(line));
  }
  place(Infinity);
  nodes.push(...calls.map((call) => callNode(call, { texts, place: "talk", onDecide })));

  const last = transcript.results.at(-1);
  if (last?.status === "working") {
    nodes.push(el("p", { class: "said-system", text: fill(texts.result_working, { name: last.name }) }));
  } else if (last?.status === "failed") {
    nodes.push(el("p", { class: "said-system", text: `${last.name}: ${last.sentence}` }));
  }
  if (transcript.draft?.text) {
    nodes.push(
      el(
        "article",
        { class: "said is-assistant is-running" },
        el("header", {}, el("strong", { text: texts.assistant }), " · ", texts.assistant_types),
        el("div", { class: "said-words" }, ...draftNodes(transcript.draft.text)),
      ),
    );
  } else if (transcript.isAnswering) {
    nodes.push(el("p", { class: "said-system", text: texts.assistant_types }));
  }
  for (const text of own) {
    nodes.push(
      el(
        "article",
        { class: `said ${text.isNote ? "is-note" : "is-operator"} is-pending` },
        el("div", { class: "said-words plain", text: text.text }),
        el(
          "footer",
          {},
          text.status === "refused" ? `${texts.not_sent}: ${text.note} ` : texts.sending,
          text.status === "refused"
            ? el("button", { type: "button", class: "button small", "data-focus": `again-${text.clientId}`, on: { click: () => onAgain(text.clientId) }, text: texts.discard })
            : null,
        ),
      ),
    );
  }
  if (visitorTyping) nodes.push(el("p", { class: "said-system is-typing", text: texts.visitor_types }));
  return nodes;
}

/**
 * What can be done with the chat, as buttons.
 * @param {{mode: string, operatorId: number | null, operator: string}} chat
 * @param {{texts: Record<string, string>, memberId: number, colleagues: any[], act: Record<string, (value?: any) => void>}} setting
 */
export function actionNodes(chat, { texts, memberId, colleagues, act }) {
  const make = (/** @type {string} */ name, /** @type {string} */ style, title = "") =>
    el("button", { type: "button", class: `button ${style}`, "data-focus": `act-${name}`, title: title || null, on: { click: () => act[name]() }, text: texts[name] });
  if (chat.mode === "closed") return [];
  if (chat.mode === "waiting") return [make("accept", "primary"), make("close", "")];
  if (chat.mode === "ai") return [make("take_over", "primary"), make("close", "")];
  if (chat.operatorId !== memberId) return [];
  const others = colleagues.filter((one) => one.member_id !== memberId && one.status !== "offline");
  const choice = el(
    "select",
    {
      class: "button",
      "aria-label": texts.transfer,
      "data-focus": "act-transfer",
      on: {
        change(/** @type {Event} */ event) {
          const select = /** @type {HTMLSelectElement} */ (event.target);
          act.transfer(Number(select.value));
          // Where it is refused, the same colleague can be chosen again.
          select.value = "";
        },
      },
    },
    el("option", { value: "", text: texts.transfer_to }),
    ...others.map((one) => el("option", { value: one.member_id, text: `${one.name} (${texts[one.status]}, ${one.chats})` })),
  );
  return [make("hand_back", "", texts.hand_back_hint), others.length ? choice : null, make("close", "")];
}

/**
 * The button that turns the dialogue into its result, for chats of a type that has one.
 * @param {Transcript} transcript
 * @param {{act: Record<string, (value?: any) => void>}} setting
 */
export function finishNodes(transcript, { act }) {
  if (!transcript.kind || !mayFinish(transcript, "operator")) return [];
  const { button, result_name: name } = transcript.kind;
  return [
    el("button", { type: "button", class: "button", "data-focus": "act-finish", title: name, on: { click: () => act.finish() }, text: button }),
  ];
}

/** Whose turn it is, in a sentence. */
export function stateSentence(/** @type {{mode: string, operatorId: number | null, operator: string, rating: number | null}} */ chat, /** @type {number} */ memberId, /** @type {Record<string, string>} */ texts) {
  if (chat.mode === "ai") return texts.held_by_assistant;
  if (chat.mode === "waiting") return texts.is_waiting;
  if (chat.mode === "closed") return chat.rating ? `${texts.is_closed} ${fill(texts.rating, { rating: chat.rating })}` : texts.is_closed;
  return chat.operatorId === memberId ? "" : fill(texts.held_by, { name: chat.operator });
}
