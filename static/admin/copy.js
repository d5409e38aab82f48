// Copies the line beside a "Copy" button, and says so on it; loaded on every page of the admin.
document.addEventListener("click", async ({ target }) => {
  const button = target instanceof Element ? target.closest("[data-copy]") : null;
  const code = button?.parentElement?.querySelector("code");
  if (!(button instanceof HTMLElement) || !code) return;
  getSelection()?.selectAllChildren(code);
  // Without https the clipboard is closed to pages: the line is selected, so Ctrl+C copies it.
  if (!navigator.clipboard) return;
  const words = button.textContent;
  await navigator.clipboard.writeText(code.textContent ?? "");
  if (!button.dataset.copy || words === button.dataset.copy) return;
  button.setAttribute("aria-live", "polite");
  button.textContent = button.dataset.copy;
  setTimeout(() => { button.textContent = words; }, 2000);
});
