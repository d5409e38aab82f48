/**
 * Names of models to choose from, and the test of a provider's connection. Loaded by the forms of
 * agents and providers.
 *
 * An input with `data-models-url` becomes a combobox (the ARIA pattern with a list): it offers the
 * models of the provider chosen in the field that `data-provider` names. Any other name may be
 * typed all the same.
 */

import { el } from "../shared/dom.js";

const MOST_SHOWN = 100;
const words = JSON.parse(document.getElementById("models-words")?.textContent ?? "{}");
/** @type {Map<string, Promise<{models: string[], message: string}>>} */
const lists = new Map();

/** A provider's models; asked once a page, or anew. */
function fetchModels(
  /** @type {string} */ url,
  /** @type {string} */ provider,
  /** @type {boolean} */ isRefresh = false,
) {
  const key = `${url}?${provider}`;
  if (isRefresh || !lists.has(key)) {
    const query = new URLSearchParams({ provider, ...(isRefresh ? { refresh: "1" } : {}) });
    lists.set(
      key,
      fetch(`${url}?${query}`, { headers: { Accept: "application/json" } })
        .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(answer.statusText))))
        .catch(() => {
          lists.delete(key);
          return { models: [], message: words.failed };
        }),
    );
  }
  return /** @type {Promise<{models: string[], message: string}>} */ (lists.get(key));
}

/** Make a combobox of an input. */
function combobox(/** @type {HTMLInputElement} */ input) {
  const provider = /** @type {HTMLSelectElement | null} */ (
    document.getElementById(input.dataset.provider ?? "")
  );
  const list = el("ul", {
    class: "models-list",
    id: `${input.id}_models`,
    role: "listbox",
    "aria-label": words.models,
    hidden: true,
  });
  const status = el("p", { class: "models-status", role: "status" });
  const refresh = el("button", {
    type: "button",
    class: "models-refresh",
    text: words.refresh,
    on: { click: () => show(true).then(() => input.focus()) },
  });
  const box = el("div", { class: "models" });
  input.replaceWith(box);
  box.append(input, list, el("div", { class: "models-foot" }, status, refresh));
  for (const [name, value] of Object.entries({
    role: "combobox",
    autocomplete: "off",
    spellcheck: "false",
    "aria-autocomplete": "list",
    "aria-expanded": "false",
    "aria-controls": list.id,
  }))
    input.setAttribute(name, value);

  let active = -1;
  // What stood in the field when it was opened is no search yet.
  let isSearch = false;
  let asked = 0;

  const options = () => /** @type {HTMLElement[]} */ ([...list.children]);

  function close() {
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function point(/** @type {number} */ at) {
    const all = options();
    if (!all.length) return;
    active = (at + all.length) % all.length;
    all.forEach((option, number) => {
      option.setAttribute("aria-selected", String(number === active));
    });
    all[active].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", all[active].id);
  }

  function choose(/** @type {string} */ name) {
    input.value = name;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    close();
  }

  function fill(/** @type {string[]} */ models) {
    const parts = isSearch ? input.value.toLowerCase().split(/\s+/).filter(Boolean) : [];
    const found = models.filter((name) => parts.every((part) => name.toLowerCase().includes(part)));
    active = -1;
    input.removeAttribute("aria-activedescendant");
    list.replaceChildren(
      ...found.slice(0, MOST_SHOWN).map((name, number) =>
        el("li", {
          id: `${list.id}_${number}`,
          role: "option",
          "aria-selected": "false",
          text: name,
          on: {
            // Before the field loses the focus.
            mousedown: (/** @type {Event} */ event) => {
              event.preventDefault();
              choose(name);
            },
          },
        }),
      ),
    );
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(found.length > 0));
    return found.length;
  }

  async function show(isRefresh = false) {
    const turn = ++asked;
    status.textContent = words.asking;
    const { models, message } = await fetchModels(
      input.dataset.modelsUrl ?? "",
      provider?.value ?? "",
      isRefresh,
    );
    if (turn !== asked) return;
    const count = fill(models);
    status.textContent = models.length
      ? words.found.replace("{count}", String(count)).replace("{all}", String(models.length))
      : message;
    if (document.activeElement !== input && !isRefresh) close();
  }

  input.addEventListener("input", () => {
    isSearch = true;
    show();
  });
  input.addEventListener("click", () => list.hidden && show());
  input.addEventListener("blur", () => {
    asked += 1;
    isSearch = false;
    close();
  });
  provider?.addEventListener("change", () => {
    status.textContent = "";
    close();
  });
  input.addEventListener("keydown", async (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) await show();
      const step = event.key === "ArrowDown" ? 1 : -1;
      point(active === -1 && step === -1 ? -1 : active + step);
    } else if (event.key === "Enter" && !list.hidden && active >= 0) {
      event.preventDefault();
      choose(options()[active].textContent ?? "");
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      event.stopPropagation();
      close();
    }
  });
}

/** Send the form's values to be tried, and say what came of it. */
function connectionTest(/** @type {HTMLElement} */ part) {
  const form = part.closest("form");
  const button = part.querySelector("button");
  const status = part.querySelector("[role=status]");
  if (!form || !button || !status) return;
  button.addEventListener("click", async () => {
    const data = new FormData(form);
    data.set("row", part.dataset.row ?? "");
    button.disabled = true;
    status.className = "";
    status.textContent = part.dataset.busy ?? "";
    let result = { ok: false, message: part.dataset.failed ?? "" };
    try {
      const answer = await fetch(part.dataset.url ?? "", { method: "POST", body: data });
      if (answer.ok) result = await answer.json();
    } catch {
      // No network: the sentence above says so.
    }
    button.disabled = false;
    status.className = result.ok ? "state-ready" : "state-failed";
    status.textContent = result.message;
  });
}

document.querySelectorAll("input[data-models-url]").forEach((input) => {
  combobox(/** @type {HTMLInputElement} */ (input));
});
document.querySelectorAll(".try-connection").forEach((part) => {
  connectionTest(/** @type {HTMLElement} */ (part));
});
