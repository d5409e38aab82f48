// Draws the knowledge graph: a layout by forces that is the same each time, moved and zoomed by hand.
// Links and words for those who do not see it are in the lists below it.

/** @typedef {{id: number, name: string, kind: string, label: string, size: number, url: string, isChosen: boolean, x: number, y: number}} Entity */
/** @typedef {{nodes: Entity[], edges: [number, number, number][]}} Graph */

const SPACE = 90;
const ROUNDS = 300;
const STEP = 40;
// To the middle; with less of it, what is linked to nothing flies so far that all else is a dot.
const GRAVITY = 0.3;
const LETTER = 6.4;

/** Places for the nodes: all push each other away, and edges pull. @param {Graph} graph */
export function arrange({ nodes, edges }) {
  const places = new Map(nodes.map((node, number) => {
    // A sunflower's seeds: no two in one place, and no luck in it.
    const angle = number * 2.399963, far = SPACE * Math.sqrt(number + 0.5);
    node.x = far * Math.cos(angle);
    node.y = far * Math.sin(angle);
    return [node.id, node];
  }));
  const pulls = edges.map(([from, to, many]) => ({ from: places.get(from), to: places.get(to), many }));
  for (let round = 0; round < ROUNDS; round += 1) {
    const heat = SPACE * (1 - round / ROUNDS) / 4 + 0.5;
    const moves = new Map(nodes.map((node) => [node, [-node.x * GRAVITY, -node.y * GRAVITY]]));
    for (const [number, one] of nodes.entries()) {
      for (const other of nodes.slice(number + 1)) {
        const x = one.x - other.x, y = one.y - other.y, square = Math.max(x * x + y * y, 1);
        const push = SPACE * SPACE / square;
        const [a, b] = [moves.get(one), moves.get(other)];
        if (!a || !b) continue;
        a[0] += x * push; a[1] += y * push; b[0] -= x * push; b[1] -= y * push;
      }
    }
    for (const { from, to, many } of pulls) {
      const a = from && moves.get(from), b = to && moves.get(to);
      if (!from || !to || !a || !b) continue;
      const x = to.x - from.x, y = to.y - from.y;
      const pull = Math.hypot(x, y) / SPACE * Math.min(1, 0.35 + 0.15 * many) / 3;
      a[0] += x * pull; a[1] += y * pull; b[0] -= x * pull; b[1] -= y * pull;
    }
    for (const [node, [x, y]] of moves) {
      const length = Math.hypot(x, y) || 1, far = Math.min(length, heat);
      node.x += x / length * far;
      node.y += y / length * far;
    }
  }
}

/** @param {string} name @param {Record<string, string | number>} attributes */
function shape(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

/** @param {Entity} node */
const radius = (node) => (node.isChosen ? 14 : 6 + 3 * Math.sqrt(Math.min(node.size, 40)));

/** @param {string} name */
const short = (name) => (name.length > 28 ? `${name.slice(0, 27)}…` : name);

class View {
  /** @param {HTMLElement} frame @param {Graph} graph */
  constructor(frame, graph) {
    this.frame = frame;
    this.graph = graph;
    this.svg = /** @type {SVGSVGElement} */ (frame.querySelector("svg"));
    /** @type {Map<number, SVGElement>} */
    this.shown = new Map();
    this.draw();
    this.fit();
  }

  draw() {
    const places = new Map(this.graph.nodes.map((node) => [node.id, node]));
    const chosen = this.graph.nodes.find((node) => node.isChosen)?.id;
    for (const [from, to, many] of this.graph.edges) {
      const a = places.get(from), b = places.get(to);
      if (!a || !b) continue;
      const line = shape("line", { x1: a.x, y1: a.y, x2: b.x, y2: b.y, class: "graph-edge", "stroke-width": 1 + Math.min(4, many / 3) });
      line.classList.toggle("is-near", chosen !== undefined && (from === chosen || to === chosen));
      this.svg.append(line);
    }
    for (const node of this.graph.nodes) {
      const group = shape("g", { class: `graph-node is-kind-${node.kind}`, transform: `translate(${node.x} ${node.y})` });
      const size = radius(node);
      group.classList.toggle("is-chosen", node.isChosen);
      const dot = node.kind === "category"
        ? shape("rect", { x: -size, y: -size, width: 2 * size, height: 2 * size, rx: 3 })
        : shape("circle", { r: size });
      const words = shape("text", {});
      words.textContent = short(node.name);
      const tip = shape("title", {});
      tip.textContent = `${node.name} (${node.label}, ${node.size})`;
      group.append(tip, dot, words);
      group.addEventListener("click", () => { if (!this.wasMoved) location.assign(node.url); });
      this.svg.append(group);
      this.shown.set(node.id, group);
    }
  }

  fit() {
    const { nodes } = this.graph;
    const xs = nodes.map((node) => node.x), ys = nodes.map((node) => node.y);
    const width = Math.max(...xs) - Math.min(...xs) + 40, height = Math.max(...ys) - Math.min(...ys) + 40;
    const { clientWidth, clientHeight } = this.frame;
    // Words have the same size at any scale, and stand out over the nodes.
    this.scale = Math.max(0.1, Math.min(1.6, (clientWidth - 100) / width, (clientHeight - 60) / height));
    this.x = (Math.min(...xs) + Math.max(...xs)) / 2;
    this.y = (Math.min(...ys) + Math.max(...ys)) / 2;
    this.show();
  }

  /** @param {number} factor */
  zoom(factor) {
    this.scale = Math.min(6, Math.max(0.1, (this.scale ?? 1) * factor));
    this.show();
  }

  /** @param {number} x @param {number} y */
  move(x, y) {
    this.x = (this.x ?? 0) + x / (this.scale ?? 1);
    this.y = (this.y ?? 0) + y / (this.scale ?? 1);
    this.show();
  }

  show() {
    const { clientWidth, clientHeight } = this.frame, scale = this.scale ?? 1;
    const width = clientWidth / scale, height = clientHeight / scale;
    this.svg.setAttribute("viewBox", `${(this.x ?? 0) - width / 2} ${(this.y ?? 0) - height / 2} ${width} ${height}`);
    /** @type {[number, number, number, number][]} */
    const taken = [];
    const ordered = [...this.graph.nodes].sort((a, b) => Number(b.isChosen) - Number(a.isChosen) || b.size - a.size || a.id - b.id);
    for (const node of ordered) {
      const group = this.shown.get(node.id), words = group?.querySelector("text");
      if (!group || !words) continue;
      // Words keep their size on the screen; those that would cover others wait for more room.
      const below = radius(node) + 13 / scale, half = short(node.name).length * LETTER / 2 / scale;
      words.setAttribute("font-size", String(12 / scale));
      words.setAttribute("stroke-width", String(3 / scale));
      words.setAttribute("y", String(below));
      const box = /** @type {[number, number, number, number]} */ ([node.x - half, node.y + below - 12 / scale, node.x + half, node.y + below + 4 / scale]);
      const isFree = taken.every(([left, top, right, bottom]) => box[0] > right || box[2] < left || box[1] > bottom || box[3] < top);
      group.classList.toggle("is-mute", !isFree && !node.isChosen);
      if (isFree || node.isChosen) taken.push(box);
    }
  }

  listen() {
    /** @type {{x: number, y: number} | null} */
    let held = null;
    this.svg.addEventListener("pointerdown", (event) => {
      held = { x: event.clientX, y: event.clientY };
      this.wasMoved = false;
    });
    this.svg.addEventListener("pointermove", (event) => {
      if (!held) return;
      const x = held.x - event.clientX, y = held.y - event.clientY;
      if (!this.wasMoved && Math.hypot(x, y) < 5) return;
      if (!this.wasMoved) this.svg.setPointerCapture(event.pointerId);
      this.wasMoved = true;
      this.svg.classList.add("is-held");
      held = { x: event.clientX, y: event.clientY };
      this.move(x, y);
    });
    for (const name of ["pointerup", "pointercancel"]) {
      this.svg.addEventListener(name, () => { held = null; this.svg.classList.remove("is-held"); });
    }
    this.svg.addEventListener("wheel", (event) => {
      // The wheel alone scrolls the page.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? 1.15 : 0.87);
    }, { passive: false });
    this.frame.addEventListener("keydown", (event) => {
      const moves = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
      const move = moves[/** @type {keyof typeof moves} */ (event.key)];
      if (event.altKey || event.ctrlKey || event.metaKey || event.target !== this.frame) return;
      if (move) this.move(move[0], move[1]);
      else if (event.key === "+" || event.key === "=") this.zoom(1.3);
      else if (event.key === "-") this.zoom(0.77);
      else if (event.key === "0") this.fit();
      else return;
      event.preventDefault();
    });
    for (const button of this.frame.querySelectorAll("[data-zoom]")) {
      const how = /** @type {HTMLElement} */ (button).dataset.zoom ?? "";
      button.addEventListener("click", () => (how === "fit" ? this.fit() : this.zoom(Number(how))));
    }
    addEventListener("resize", () => this.show());
  }
}

/** @param {Graph} graph */
function explain(graph) {
  const legend = document.querySelector("[data-legend]");
  const kinds = new Map(graph.nodes.map((node) => [node.kind, node.label]));
  for (const [kind, label] of kinds) {
    const item = document.createElement("li"), dot = document.createElement("i");
    item.className = `is-kind-${kind}`;
    dot.classList.toggle("is-category", kind === "category");
    item.append(dot, label);
    legend?.append(item);
  }
}

const frame = document.querySelector("[data-graph]");
const data = document.getElementById("graph-data");
if (frame instanceof HTMLElement && data) {
  /** @type {Graph} */
  const graph = JSON.parse(data.textContent ?? "");
  arrange(graph);
  new View(frame, graph).listen();
  explain(graph);
}
