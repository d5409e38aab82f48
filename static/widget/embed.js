/*
 * The loader: one tag on a site. It draws the bubble, makes the frame when it is first wanted,
 * and carries news between the page and the frame. Everything else lives inside the frame.
 *
 *   <script async src="https://assistant.example/embed.js" data-widget="KEY"></script>
 *
 * Calls may be queued before it has loaded:
 *   window.WebAssistant = window.WebAssistant || []; WebAssistant.push(["open"]);
 */
(() => {
  "use strict";

  const script = document.currentScript || document.querySelector("script[data-widget]");
  const queued = window.WebAssistant || [];
  if (queued.isLoaded) return;
  const listeners = {};
  const early = [];
  let run = (...command) => early.push(command);
  window.WebAssistant = {
    isLoaded: true,
    push: (...commands) => commands.forEach((c) => run(...c)),
  };
  window.WebAssistant.push(...queued);

  const { widget, context, language, type } = script.dataset;
  const home = new URL(script.src).origin;
  const lang = (language || document.documentElement.lang || navigator.language).slice(0, 2);
  const phone = matchMedia("(max-width: 480px), (max-height: 420px)");
  let page = { context: {} };
  try {
    page.context = JSON.parse(context || "{}");
  } catch {
    console.error("Web assistant: data-context is not JSON.");
  }

  // Written only after the visitor's first message, so a mere look leaves nothing behind. The
  // frame gives its secret away only where the browser lets it keep nothing of its own.
  const memory = {
    name: `webassistant:${widget}`,
    read() {
      try {
        return JSON.parse(sessionStorage.getItem(this.name)) || {};
      } catch {
        return {}; // A page that may not store has nothing to remember.
      }
    },
    write(value) {
      try {
        sessionStorage.setItem(this.name, JSON.stringify({ ...this.read(), ...value }));
      } catch {
        // The same: the next page begins with a closed bubble.
      }
    },
  };

  const CSS = `
    :host { all: initial; }
    /* The outline is seen where colours are forced, which takes grounds and shadows away. */
    button, .panel { position: fixed; z-index: 2147483000; box-sizing: border-box;
      outline: 1px solid transparent; }
    button { inset-block-end: calc(20px + env(safe-area-inset-bottom)); width: 56px; height: 56px;
      padding: 0; border: 0; border-radius: 50%; cursor: pointer; color: var(--on);
      background: var(--accent); transition: transform .2s, box-shadow .2s;
      box-shadow: 0 1px 2px rgb(0 0 0/.16), 0 8px 24px rgb(0 0 0/.18); }
    button:hover { transform: translateY(-2px); }
    button:active { transform: scale(.96); }
    button:focus-visible { outline: 3px solid #fff; box-shadow: 0 0 0 6px #111; }
    svg { display: block; width: 26px; height: 26px; margin: auto; fill: none; stroke: currentColor;
      stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
    b { position: absolute; inset-block-start: -2px; inset-inline-end: -2px; min-width: 20px;
      padding: 0 5px; box-sizing: border-box; border-radius: 10px; background: #c81e1e; color: #fff;
      font: 600 12px/20px system-ui, sans-serif; text-align: center; }
    [hidden] { display: none; }
    .panel { inset-block-end: calc(88px + env(safe-area-inset-bottom));
      width: min(380px, calc(100vw - 32px)); height: min(600px, calc(100dvh - 108px));
      border-radius: 16px; overflow: hidden; visibility: hidden; opacity: 0;
      transform: translateY(12px); transition: opacity .18s, transform .18s, visibility .18s;
      box-shadow: 0 0 0 1px rgb(0 0 0/.06), 0 12px 48px rgb(0 0 0/.22); }
    .open { visibility: visible; opacity: 1; transform: none; }
    .right { right: 20px; } .left { left: 20px; }
    iframe { display: block; width: 100%; height: 100%; border: 0; }
    @media (max-width: 480px), (max-height: 420px) {
      .panel { inset: 0 0 auto; width: 100%; height: var(--height, 100dvh); border-radius: 0; }
      button[aria-expanded=true] { display: none; }
    }
    @media (prefers-reduced-motion) { button, .panel { transition: none; } }`;

  const make = (name, props) => Object.assign(document.createElement(name), props);

  function draw(path) {
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    svg.append(document.createElementNS(space, "path"));
    svg.firstChild.setAttribute("d", path);
    return svg;
  }

  /** White where it can be read on the colour, or nearly black. */
  function readableOn(color) {
    const [r, g, b] = [1, 3, 5].map((at) => {
      const part = parseInt(color.slice(at, at + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.183 ? "#111418" : "#fff";
  }

  function start(config) {
    const frameUrl = new URL(config.frame_url, home);
    const title = config.frame_title || config.name;
    if (!frameUrl.searchParams.has("lang")) frameUrl.searchParams.set("lang", lang);
    // The type of the chats that begin on this page.
    if (type) frameUrl.searchParams.set("type", type);
    const host = document.createElement("web-assistant");
    const root = host.attachShadow({ mode: "open" });
    const bubble = make("button", { type: "button", className: config.position });
    const panel = make("div", { id: "panel", className: `panel ${config.position}` });
    const badge = make("b", { hidden: true });
    const sheet = new CSSStyleSheet();
    let frame = null;
    let isReady = false;
    let isOpen = false;
    let hasAsked = false; // The visitor, and not a timer, has opened it.
    let isStarted = Boolean(memory.read().started);

    sheet.replaceSync(CSS);
    root.adoptedStyleSheets = [sheet];
    host.style.setProperty("--accent", config.color);
    host.style.setProperty("--on", readableOn(config.color));
    bubble.setAttribute("aria-controls", "panel");
    panel.setAttribute("role", "dialog");
    panel.setAttribute("aria-label", title);
    root.append(panel, bubble);
    show();
    document.body.append(host);

    function show() {
      const label = isOpen ? config.close_label : config.label;
      const count = badge.textContent;
      bubble.setAttribute("aria-expanded", isOpen);
      bubble.setAttribute("aria-label", !isOpen && count ? `${label} (${count})` : label);
      bubble.replaceChildren(
        draw(
          isOpen
            ? "M6 9l6 6 6-6"
            : "M21 11.5a8.4 8.4 0 0 1-12 7.6L3 21l1.9-6a8.5 8.5 0 1 1 16.1-3.5z",
        ),
        badge,
      );
      badge.hidden = isOpen || !count;
      panel.classList.toggle("open", isOpen);
    }

    function mount() {
      if (frame) return;
      frame = make("iframe", { src: frameUrl.href, title });
      frame.addEventListener("load", () =>
        post("hello", {
          page: where(),
          open: isOpen,
          focus: hasAsked,
          token: memory.read().token,
        }),
      );
      panel.append(frame);
    }

    function post(type, fields) {
      frame.contentWindow.postMessage({ webassistant: type, ...fields }, frameUrl.origin);
    }

    function tell(type, fields) {
      if (isReady) post(type, fields);
    }

    const where = () => ({ url: location.href, title: document.title, ...page });
    const emit = (name, value) => (listeners[name] || []).forEach((listen) => listen(value));

    function toggle(open, takesFocus) {
      mount();
      if (open === isOpen) return;
      isOpen = open;
      hasAsked = Boolean(takesFocus);
      if (isStarted) memory.write({ started: true, open });
      const hadFocus = root.activeElement === frame;
      show();
      if (open && takesFocus) frame.focus();
      if (!open && (hadFocus || takesFocus)) bubble.focus();
      tell("shown", { open, focus: hasAsked, page: where() });
      emit(open ? "open" : "close");
    }

    bubble.addEventListener("click", () => toggle(!isOpen, true));
    root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && isOpen) toggle(false, true);
    });

    addEventListener("message", ({ origin, source, data }) => {
      if (!frame || source !== frame.contentWindow || origin !== frameUrl.origin) return;
      const type = data && data.webassistant;
      if (type === "close") toggle(false, true);
      if (type === "unread") {
        badge.textContent = data.count ? Math.min(data.count, 99) : "";
        show();
      }
      if (type === "started") {
        isStarted = true;
        memory.write({ started: true, open: isOpen, token: data.token });
      }
      if (type === "ready" && !isReady) isReady = true;
      if (["ready", "unread", "started", "message"].includes(type))
        emit(type, data.count ?? data.role);
    });

    const commands = {
      open: () => toggle(true, true),
      close: () => toggle(false),
      on(name, listen) {
        (listeners[name] = listeners[name] || []).push(listen);
        if (name === "ready" && isReady) listen();
      },
      page(fields) {
        page = { ...page, ...fields };
        tell("page", { page: where() });
      },
    };
    run = (name, ...rest) => {
      if (commands[name]) commands[name](...rest);
      else console.error(`Web assistant: there is no command "${name}".`);
    };
    early.splice(0).forEach((command) => run(...command));

    follow(() => tell("page", { page: where() }));
    // The keyboard of a phone takes a part of the screen that 100dvh still counts.
    const fit = () => host.style.setProperty("--height", `${visualViewport.height}px`);
    visualViewport.addEventListener("resize", fit);
    fit();

    if (isStarted) {
      const wasOpen = memory.read().open && !phone.matches;
      (window.requestIdleCallback || setTimeout)(() => (wasOpen ? toggle(true) : mount()));
    } else if (config.auto_open_delay != null && !phone.matches && isArriving()) {
      setTimeout(() => !frame && toggle(true), config.auto_open_delay * 1000);
    }
  }

  /** Opening by itself is for those who come from elsewhere, not for each page they turn. */
  const isArriving = () => !document.referrer.startsWith(`${location.origin}/`);

  /** Call back when a page without reloads moves on; its title follows a moment later. */
  function follow(moved) {
    let timer;
    const soon = () => {
      clearTimeout(timer);
      timer = setTimeout(moved, 300);
    };
    addEventListener("popstate", soon);
    if (window.navigation) return navigation.addEventListener("currententrychange", soon);
    for (const name of ["pushState", "replaceState"]) {
      const original = history[name];
      history[name] = function (...rest) {
        soon();
        return original.apply(this, rest);
      };
    }
  }

  async function load() {
    const url = `${home}/widget/${encodeURIComponent(widget)}/config.json?lang=${lang}`;
    const response = await fetch(url, { credentials: "omit" });
    const config = await response.json();
    if (!response.ok) throw new Error(config.message);
    if (document.body) start(config);
    else addEventListener("DOMContentLoaded", () => start(config));
  }

  load().catch((error) => console.error(`Web assistant: ${error.message}`));
})();
