// Shows how far an import is, and the page anew when the worker is done with it.
const PAUSE = 1000;
const card = document.getElementById("import-progress");
const bar = card?.querySelector("progress");
const words = card?.querySelector("[aria-live]");

async function look() {
  const answer = await fetch(card?.dataset.address ?? "", { headers: { accept: "application/json" } }).catch(() => null);
  // Without a network, or signed out: the next look, or the next page, says so.
  if (answer?.ok && !answer.redirected) {
    const { is_under_way: isUnderWay, percent, text } = await answer.json();
    if (!isUnderWay) return location.reload();
    if (bar) bar.value = percent;
    if (words && words.textContent !== text) words.textContent = text;
  }
  setTimeout(look, PAUSE);
}

if (card) setTimeout(look, PAUSE / 4);
