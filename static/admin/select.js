/**
 * Names the search fields of the theme by their labels: by themselves they are named by their
 * values alone, and an empty one by nothing.
 */

function nameAll() {
  for (const select of document.querySelectorAll("select.admin-autocomplete")) {
    const field = select.nextElementSibling?.querySelector(".select2-selection");
    const label = document.querySelector(`label[for="${CSS.escape(select.id)}"]`);
    if (!field || !label) continue;
    label.id ||= `${select.id}-label`;
    const value = field.querySelector(".select2-selection__rendered");
    value?.setAttribute("aria-labelledby", label.id);
    field.setAttribute("aria-labelledby", `${label.id} ${value?.id ?? ""}`.trim());
  }
}

// After the theme's own scripts, which make the fields.
window.addEventListener("load", () => setTimeout(nameAll));
document.addEventListener("formset:added", () => setTimeout(nameAll));
