// Brings the state of indexing up to date on lists and forms while it is pending, and says its end.
import { showWhatCame } from "./came.js";

const PAUSE = 1500;
const quiet = document.createElement("p");
quiet.className = "only-said";
quiet.setAttribute("role", "status");
document.body.append(quiet);

/** The cells whose rows are still being indexed. */
const pending = () =>
  /** @type {HTMLElement[]} */ ([...document.querySelectorAll('[data-indexing][data-status="pending"]')]);

async function look() {
  const cells = pending();
  if (!cells.length) return;
  // Nobody looks: the next look is when somebody does.
  if (!document.hidden) await update(cells);
  setTimeout(look, PAUSE);
}

/** @param {HTMLElement[]} cells */
async function update(cells) {
  const ids = cells.map((cell) => cell.dataset.indexing).slice(0, 100).join(",");
  let states;
  try {
    const answer = await fetch(`${cells[0].dataset.address}?ids=${ids}`, { headers: { accept: "application/json" } });
    if (!answer.ok) return;
    states = await answer.json();
  } catch {
    // The network is away; the next look may find it back.
    return;
  }
  for (const cell of cells) {
    const state = states[cell.dataset.indexing ?? ""];
    if (!state) continue;
    if (cell.innerHTML !== state.html) cell.innerHTML = state.html;
    cell.dataset.status = state.status;
    if (state.status !== "pending") {
      quiet.textContent = state.text;
      await showWhatCame();
    }
  }
}

// The theme would look for a text field of its own around every field for files.
for (const field of document.querySelectorAll(".file-choice input")) Object.assign(field, { hasChangeListener: true });

look();
