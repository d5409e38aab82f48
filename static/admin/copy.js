// Copies the line beside a "Copy" button; used by the widget's admin page.
document.addEventListener("click", async ({ target }) => {
  const button = target instanceof Element ? target.closest("[data-copy]") : null;
  const code = button?.parentElement?.querySelector("code");
  if (!button || !code) return;
  try {
    await navigator.clipboard.writeText(code.textContent ?? "");
    button.classList.add("is-copied");
  } catch {
    // Without https the clipboard is closed to pages: select the line, so that Ctrl+C copies it.
    getSelection()?.selectAllChildren(code);
  }
});
