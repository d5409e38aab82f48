// What stands on a form besides the state of long work and is another once that has ended.

/** Bring up to date what is marked with `data-came`, without touching what is being written. */
export async function showWhatCame() {
  const places = document.querySelectorAll("[data-came]");
  if (!places.length) return;
  const answer = await fetch(location.href).catch(() => null);
  // Without an answer the old words stay until the page is loaded again.
  if (!answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const place of places) {
    const name = place instanceof HTMLElement ? place.dataset.came : "";
    const fresh = page.querySelector(`[data-came="${name}"]`);
    if (fresh) place.replaceWith(fresh);
  }
}
