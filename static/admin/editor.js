// The editor of Markdown: buttons that mark the chosen words, and what visitors will see beside them.
const PAUSE = 250;

/** What a button makes of the chosen words, and which part of that is chosen afterwards. */
const MARKS = {
  bold: (/** @type {string} */ words) => around("**", words),
  italic: (/** @type {string} */ words) => around("_", words),
  heading: (/** @type {string} */ words) => before("## ", words, /^#{1,6} /),
  list: (/** @type {string} */ words) => before("- ", words, /^[-*] /),
  numbers: (/** @type {string} */ words) => before("1. ", words, /^\d+\. /),
};

/** @param {string} mark @param {string} words */
function around(mark, words) {
  const is_marked = words.length >= 2 * mark.length && words.startsWith(mark) && words.endsWith(mark);
  if (is_marked) {
    const bare = words.slice(mark.length, -mark.length);
    return { text: bare, from: 0, to: bare.length };
  }
  return { text: mark + words + mark, from: mark.length, to: mark.length + words.length };
}

/** @param {string} mark @param {string} words @param {RegExp} marked */
function before(mark, words, marked) {
  const lines = words.split("\n");
  const is_marked = lines.every((line) => marked.test(line));
  const text = lines
    .map((line, place) => (is_marked ? line.replace(marked, "") : (mark === "1. " ? `${place + 1}. ` : mark) + line.replace(marked, "")))
    .join("\n");
  return { text, from: lines.length > 1 ? 0 : text.length, to: text.length };
}

/** @param {HTMLElement} editor */
function start(editor) {
  const field = /** @type {HTMLTextAreaElement} */ (editor.querySelector("textarea"));
  const place = /** @type {HTMLElement} */ (editor.querySelector(".editor-preview"));
  const buttons = /** @type {HTMLButtonElement[]} */ ([...editor.querySelectorAll("[data-mark]")]);
  const tabs = /** @type {HTMLButtonElement[]} */ ([...editor.querySelectorAll("[role=tab]")]);

  // In a tree of its own: the theme's styles are not the widget's, and the theme looks through its
  // form at every change in it.
  const shadow = place.attachShadow({ mode: "open" });
  const style = Object.assign(document.createElement("link"), { rel: "stylesheet", href: editor.dataset.style });
  const shown = document.createElement("div");
  shown.className = "prose";
  shadow.append(style, shown);

  // --- preview

  let timer = 0;
  let asked = 0;
  async function preview() {
    const number = (asked += 1);
    if (!field.value.trim()) return say(editor.dataset.empty ?? "");
    const token = /** @type {HTMLInputElement} */ (document.querySelector("[name=csrfmiddlewaretoken]")).value;
    const body = new URLSearchParams({ csrfmiddlewaretoken: token, text: field.value });
    try {
      const answer = await fetch(editor.dataset.preview ?? "", { method: "POST", body });
      if (!answer.ok) throw new Error(String(answer.status));
      const { html } = await answer.json();
      // A slow answer to an older text.
      if (number === asked) shown.innerHTML = html;
    } catch {
      if (number === asked) say(editor.dataset.failed ?? "");
    }
  }

  /** @param {string} words */
  function say(words) {
    const line = Object.assign(document.createElement("p"), { className: "quiet", textContent: words });
    shown.replaceChildren(line);
  }

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(preview, PAUSE);
  });

  // --- buttons

  /** @param {string} name */
  function mark(name) {
    let { selectionStart: from, selectionEnd: to } = field;
    if (name !== "bold" && name !== "italic" && name !== "link") {
      from = field.value.lastIndexOf("\n", from - 1) + 1;
      const end = field.value.indexOf("\n", to);
      to = end < 0 ? field.value.length : end;
    }
    const words = field.value.slice(from, to);
    const made = name === "link" ? link(words) : MARKS[/** @type {keyof MARKS} */ (name)](words);
    field.focus();
    field.setSelectionRange(from, to);
    // The only way that Ctrl+Z can take back; where it is gone, the text is set without it.
    if (!document.execCommand("insertText", false, made.text)) {
      field.setRangeText(made.text, from, to);
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    field.setSelectionRange(from + made.from, from + made.to);
  }

  /** @param {string} words */
  function link(words) {
    const text = words || (editor.dataset.linkWords ?? "");
    return { text: `[${text}](https://)`, from: text.length + 3, to: text.length + 11 };
  }

  for (const button of buttons) {
    button.addEventListener("click", () => mark(button.dataset.mark ?? ""));
    button.addEventListener("keydown", (event) => walk(event, buttons));
  }
  field.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    // By the key's place too: on a Russian keyboard the same key gives another letter.
    const button = buttons.find(({ dataset: { key } }) => key && (event.key.toLowerCase() === key || event.code === `Key${key.toUpperCase()}`));
    if (!button) return;
    event.preventDefault();
    mark(button.dataset.mark ?? "");
  });

  // --- tabs, where there is no room for both

  for (const tab of tabs) {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const next = walk(event, tabs);
      if (next) choose(next);
    });
  }

  /** @param {HTMLButtonElement} chosen */
  function choose(chosen) {
    for (const tab of tabs) {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
    }
    editor.classList.toggle("shows-preview", chosen === tabs[1]);
  }

  preview();
}

/**
 * Arrows lead through a row of buttons, of which one is reached by Tab.
 * @param {KeyboardEvent} event @param {HTMLButtonElement[]} row
 */
function walk(event, row) {
  const here = row.indexOf(/** @type {HTMLButtonElement} */ (event.currentTarget));
  const places = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: row.length - 1 };
  const place = places[/** @type {keyof places} */ (event.key)];
  if (place === undefined) return null;
  event.preventDefault();
  const next = row[(place + row.length) % row.length];
  for (const button of row) button.tabIndex = button === next ? 0 : -1;
  next.focus();
  return next;
}

for (const editor of document.querySelectorAll("[data-editor]")) start(/** @type {HTMLElement} */ (editor));
