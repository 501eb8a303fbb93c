// Draws every sol as a cell: a band per rover, a canvas each. Arrow keys move over the cells, Enter opens a sol.
const root = document.querySelector("#solmap");
const said = document.querySelector("#solmap-said");
const NAMES = { c: "complete", g: "growing", m: "mismatch", x: "missing", w: "waiting", f: "failed", e: "extra", " ": "none" };
const WORDS = { e: "archived, not promised", " ": "nothing promised" };
const SIZE = 8;

class Band {
  constructor(canvas, data) {
    Object.assign(this, { canvas, data, cursor: -1, context: canvas.getContext("2d") });
    canvas.addEventListener("pointermove", (event) => this.point(this.at(event)));
    canvas.addEventListener("pointerleave", () => this.point(-1));
    canvas.addEventListener("click", (event) => this.open(this.at(event)));
    canvas.addEventListener("focus", () => this.cursor < 0 && this.point(this.data.states.search(/\S/)));
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  draw() {
    const { canvas, context, data } = this;
    const width = canvas.parentElement.clientWidth;
    this.columns = Math.max(10, Math.floor(width / SIZE));
    const rows = Math.ceil(data.states.length / this.columns);
    const ratio = devicePixelRatio || 1;
    canvas.width = this.columns * SIZE * ratio;
    canvas.height = rows * SIZE * ratio;
    const style = getComputedStyle(document.documentElement);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.columns * SIZE, rows * SIZE);
    this.colours = Object.fromEntries(
      Object.entries(NAMES).map(([letter, name]) => [letter, style.getPropertyValue(`--${name}`)]),
    );
    this.soft = style.getPropertyValue("--soft");
    this.ink = style.getPropertyValue("--ink");
    // One path and one fill for each state: thousands of single rectangles cost ten times as much.
    const paths = {};
    for (let sol = 0; sol < data.states.length; sol++) {
      const [x, y] = this.place(sol);
      (paths[data.states[sol]] ??= new Path2D()).rect(x, y, SIZE - 1, SIZE - 1);
    }
    for (const [letter, path] of Object.entries(paths)) {
      context.fillStyle = this.colours[letter];
      context.fill(path);
    }
    context.fillStyle = this.soft;
    for (const [first, last] of data.conjunctions) {
      for (let sol = first; sol <= last; sol++) {
        const [x, y] = this.place(sol);
        context.fillRect(x, y + SIZE - 3, SIZE, 2);
      }
    }
    this.mark();
  }

  mark() {
    if (this.cursor < 0) return;
    const [x, y] = this.place(this.cursor);
    this.context.strokeStyle = this.ink;
    this.context.lineWidth = 2;
    this.context.strokeRect(x + 1, y + 1, SIZE - 3, SIZE - 3);
  }

  // A cell as it is without the mark: moving over the map draws two cells, not all.
  cell(sol) {
    if (sol < 0) return;
    const [x, y] = this.place(sol);
    this.context.fillStyle = this.colours[this.data.states[sol]];
    this.context.fillRect(x, y, SIZE - 1, SIZE - 1);
    if (this.data.conjunctions.some(([first, last]) => first <= sol && sol <= last)) {
      this.context.fillStyle = this.soft;
      this.context.fillRect(x, y + SIZE - 3, SIZE, 2);
    }
  }

  place(sol) {
    return [(sol % this.columns) * SIZE, Math.floor(sol / this.columns) * SIZE];
  }

  at(event) {
    const scale = (this.columns * SIZE) / this.canvas.clientWidth;
    const sol = Math.floor((event.offsetY * scale) / SIZE) * this.columns + Math.floor((event.offsetX * scale) / SIZE);
    return sol < this.data.states.length ? sol : -1;
  }

  point(sol) {
    if (sol === this.cursor) return;
    this.cell(this.cursor);
    this.cursor = sol;
    this.mark();
    if (sol < 0) return;
    const { rover, states, have, want, conjunctions } = this.data;
    const state = WORDS[states[sol]] ?? NAMES[states[sol]];
    const near = conjunctions.some(([first, last]) => first <= sol && sol <= last) ? ", solar conjunction" : "";
    said.textContent = `${rover}, sol ${sol}: ${state}, ${have[sol]} of ${want[sol]} photos${near}`;
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns }[event.key];
    if (event.key === "Enter") this.open(this.cursor);
    else if (step) this.point(Math.min(this.data.states.length - 1, Math.max(0, this.cursor + step)));
    else return;
    event.preventDefault();
  }

  open(sol) {
    if (sol >= 0 && this.data.states[sol] !== " ") location.href = `/sols/${this.data.rover.toLowerCase()}/${sol}`;
  }
}

async function begin() {
  const answer = await fetch(root.dataset.source);
  if (!answer.ok) return setTimeout(begin, 2000);
  const data = await answer.json();
  performance.mark("solmap-data");
  const bands = data.flatMap((one) => {
    const canvas = root.querySelector(`canvas[data-rover="${CSS.escape(one.rover)}"]`);
    return canvas ? [new Band(canvas, one)] : [];
  });
  const draw = () => bands.forEach((band) => band.draw());
  draw();
  performance.measure("solmap", "solmap-data");
  root.dataset.drawn = data.reduce((sum, one) => sum + one.states.length, 0);
  let width = root.clientWidth;
  new ResizeObserver(() => {
    if (root.clientWidth === width) return;
    width = root.clientWidth;
    draw();
  }).observe(root);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  if (root.dataset.chosen) document.querySelector(`#band-${root.dataset.chosen.toLowerCase()}`)?.scrollIntoView();
}

document.querySelector("[data-goto]").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  location.href = `/sols/${form.get("rover")}/${form.get("sol")}`;
});
begin();
