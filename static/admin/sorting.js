// Categories moved by dragging (the theme's own sorting) or by their buttons; each order is saved at once.
addEventListener("DOMContentLoaded", () => {
  const shelves = document.querySelector("[data-shelves]");
  if (!(shelves instanceof HTMLElement)) return;
  const status = shelves.querySelector("[role=status]");
  const token = /** @type {HTMLInputElement} */ (document.querySelector("[name=csrfmiddlewaretoken]")).value;

  /** @param {Element} list */
  const items = (list) => [...list.children].filter((item) => item instanceof HTMLLIElement);

  /** @param {string} text */
  const say = (text) => { if (status) status.textContent = text; };

  /** @param {Element} list */
  function refresh(list) {
    const own = items(list);
    own.forEach((item, place) => {
      const [up, down] = item.querySelectorAll(":scope > .shelf button");
      up?.setAttribute("aria-disabled", String(place === 0));
      down?.setAttribute("aria-disabled", String(place === own.length - 1));
    });
  }

  /** @param {Element} list @param {HTMLElement} moved */
  async function save(list, moved) {
    refresh(list);
    const own = items(list);
    const body = new URLSearchParams({
      csrfmiddlewaretoken: token,
      parent: /** @type {HTMLElement} */ (list).dataset.parent ?? "",
      order: own.map((item) => /** @type {HTMLElement} */ (item).dataset.id).join(","),
    });
    const said = (shelves.dataset.moved ?? "")
      .replace("{name}", moved.dataset.name ?? "")
      .replace("{place}", String(own.indexOf(moved) + 1))
      .replace("{count}", String(own.length));
    try {
      const answer = await fetch(shelves.dataset.shelves ?? "", { method: "POST", body });
      if (answer.ok) return say(said);
      const json = answer.headers.get("content-type")?.includes("json");
      say(json ? (await answer.json()).message : shelves.dataset.failed ?? "");
    } catch {
      say(shelves.dataset.failed ?? "");
    }
    status?.classList.remove("only-said");
  }

  shelves.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("button[name=move]") : null;
    if (!(button instanceof HTMLButtonElement)) return;
    event.preventDefault();
    const item = /** @type {HTMLElement} */ (button.closest("li"));
    const list = /** @type {HTMLElement} */ (item.parentElement);
    const own = items(list);
    const other = own[own.indexOf(item) + (button.value.endsWith(":up") ? -1 : 1)];
    if (!other) return;
    if (button.value.endsWith(":up")) list.insertBefore(item, other);
    else list.insertBefore(other, item);
    // What is moved in the page loses the focus.
    button.focus();
    save(list, item);
  });

  shelves.addEventListener("end", (event) => {
    const list = event.target;
    const moved = /** @type {any} */ (event).item;
    if (list instanceof HTMLUListElement && moved) save(list, moved);
  });
});
