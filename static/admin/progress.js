// Keeps what is marked with `data-progress` fresh while it is under way: the address under that name
// answers with the same piece of the page, without the mark when all is done.
import { showWhatCame } from "./came.js";

const PAUSE = 2000;

/** @param {Element} shown */
async function follow(shown) {
  for (let now = shown; now.isConnected && now instanceof HTMLElement && now.dataset.progress; ) {
    await new Promise((done) => setTimeout(done, PAUSE));
    if (document.hidden) continue;
    const answer = await fetch(now.dataset.progress).catch(() => null);
    // A server that is away may come back; one that says no has nothing more to tell.
    if (!answer) continue;
    if (!answer.ok || answer.redirected) return;
    const piece = document.createRange().createContextualFragment(await answer.text());
    const next = piece.firstElementChild;
    if (!next) return;
    // Only its inside: a live region is announced when it changes, not when it is replaced.
    now.replaceChildren(...next.childNodes);
    if (next instanceof HTMLElement && next.dataset.progress) continue;
    now.removeAttribute("data-progress");
    await showWhatCame();
  }
}

for (const shown of document.querySelectorAll("[data-progress]")) follow(shown);
