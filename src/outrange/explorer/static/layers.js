// The layers as strips: each unit is a column that spans its range, colored by its state.
import { counted, element, shown } from "./dom.js";

const HEIGHT = 64;
// Meaning of each state, for the legend; a layer without an activation has none.
const MEANING = {
  "-": "undecided: may bend", a: "always on: linear on the whole set", d: "dead: 0 on the whole set",
  s: "saturated: flat on the whole set", c: "constant: one value", n: "no activation",
};
const STATES = { d: "dead", s: "saturated", c: "constant", a: "always on", "-": "undecided" };
// Layers that only rearrange values have nothing to show; outputs are shown in their own panel.
const REARRANGING = new Set(["InputLayer", "Concatenate", "Flatten", "Reshape", "Permute", "Dropout"]);
const COUNTED = { dead: "dead", saturated: "saturated", constant: "constant", always_on: "always on" };

export class Layers {
  constructor(state) {
    Object.assign(this, { state, strips: [], latest: null });
    this.list = element("div", { class: "or-strips" });
    this.keys = {};
    const key = (letter) => this.keys[letter] = element(
      "span", {}, element("i", { class: `or-key or-unit-${letter === "-" ? "o" : letter}` }),
      MEANING[letter],
    );
    this.element = element(
      "section", { class: "or-panel or-layers", "aria-label": "Layers" },
      element("div", { class: "or-head" }, element("h2", {}, "Layers")),
      element(
        "p", { class: "or-note" },
        "Each column is a unit: the proved range before its activation, without a search. "
          + "The line marks 0.",
      ),
      this.list, element("p", { class: "or-legend" }, ...["-", "a", "d", "s", "c", "n"].map(key)),
    );
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this.list);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  build() {
    this.strips = this.state.layers.map((layer) => this.strip(layer));
    for (const { layer, element: row } of this.strips) row.hidden = layer.output || REARRANGING.has(layer.kind);
    const bare = ({ layer, element: row }) => !row.hidden && !layer.activation;
    this.keys.n.hidden = !this.strips.some(bare);
    this.element.hidden = this.strips.every(({ element: row }) => row.hidden);
    this.list.replaceChildren(...this.strips.map((strip) => strip.element));
  }

  strip(layer) {
    const canvas = element("canvas", { height: HEIGHT, tabindex: 0, role: "img" });
    const counts = element("span", { class: "or-counts" });
    const unit = element("span", { class: "or-live", "aria-live": "polite" });
    const strip = { layer, canvas, counts, unit, chosen: -1, data: null, said: "" };
    canvas.addEventListener("pointermove", (event) => {
      const box = canvas.getBoundingClientRect();
      const units = strip.data?.state.length ?? 0;
      this.choose(strip, Math.floor((event.clientX - box.left) / Math.min(box.width / Math.max(units, 1), 32)));
    });
    canvas.addEventListener("pointerleave", () => this.choose(strip, -1));
    canvas.addEventListener("blur", () => this.choose(strip, -1));
    canvas.addEventListener("keydown", (event) => {
      const last = (strip.data?.state.length ?? 0) - 1;
      const steps = { ArrowRight: strip.chosen + 1, ArrowLeft: strip.chosen - 1, Home: 0, End: last };
      if (!(event.key in steps)) return;
      this.choose(strip, Math.min(Math.max(steps[event.key], 0), last));
      event.preventDefault();
    });
    strip.element = element(
      "div", { class: "or-strip", role: "group", "aria-label": layer.name },
      element(
        "div", { class: "or-strip-head" },
        element("span", { class: "or-name" }, layer.name),
        element("span", { class: "or-note" }, ` ${layer.kind}, ${counted(layer.units, "unit")}`),
        counts,
      ),
      canvas, unit,
    );
    return strip;
  }

  choose(strip, i) {
    const { data, layer } = strip;
    strip.chosen = data !== null && i >= 0 && i < data.state.length ? i : -1;
    if (strip.chosen < 0) {
      strip.unit.textContent = "";
      strip.counts.textContent = strip.said;
    } else {
      const range = ([lo, hi]) => `${shown(lo[i], "−∞")} to ${shown(hi[i])}`;
      const before = data.before ? `${range(data.before)}, ` : "";
      const word = layer.activation || data.state[i] !== "-" ? `, ${STATES[data.state[i]]}` : "";
      strip.unit.textContent = `unit ${i}: ${before}then ${range(data.after)}${word}`;
      if (!data.before) strip.unit.textContent = `unit ${i}: ${range(data.after)}${word}`;
      strip.counts.textContent = strip.unit.textContent;
    }
    this.drawStrip(strip);
  }

  show(layers) {
    this.latest = layers;
    this.strips.forEach((strip, i) => {
      strip.data = layers[i] ?? null;
      if (strip.data === null) return;
      const said = Object.entries(COUNTED)
        .filter(([name]) => strip.data.counts[name] > 0)
        .map(([name, word]) => `${strip.data.counts[name]} ${word}`);
      const open = strip.layer.units - Object.values(strip.data.counts).reduce((a, b) => a + b, 0);
      if (strip.layer.activation) said.push(`${open} undecided`);
      const hull = strip.data.hull ?? [null, null];
      const ends = `${shown(hull[0], "−∞")} to ${shown(hull[1])}`;
      strip.said = [...said, said.length > 0 ? `returns ${ends}` : ends].join(" · ");
      if (strip.chosen < 0) strip.counts.textContent = strip.said;
      strip.canvas.setAttribute(
        "aria-label",
        `${strip.layer.name}: ${said.join(", ") || counted(strip.layer.units, "unit")}; outputs from `
          + `${ends}. Use arrow keys to move between units.`,
      );
      if (strip.chosen >= 0) this.choose(strip, strip.chosen);
    });
    this.draw();
  }

  // Draws in the next frame, so that numbers appear first.
  draw() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.drawNow();
    });
  }

  drawNow() {
    for (const strip of this.strips) this.drawStrip(strip);
  }

  drawStrip({ layer, canvas, data, chosen }) {
    if (data === null) return;
    const width = canvas.clientWidth;
    if (width === 0) return;
    const dense = globalThis.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * dense)) canvas.width = Math.round(width * dense);
    if (canvas.height !== Math.round(HEIGHT * dense)) canvas.height = Math.round(HEIGHT * dense);
    const pen = canvas.getContext("2d");
    pen.setTransform(dense, 0, 0, dense, 0, 0);
    pen.clearRect(0, 0, width, HEIGHT);
    const style = getComputedStyle(canvas);
    const color = (name) => style.getPropertyValue(`--${name}`);
    const colors = { d: color("dead"), s: color("saturated"), c: color("constant"), a: color("on"), "-": color(layer.activation ? "open" : "claim") };
    const [lo, hi] = data.before ?? data.after;
    const ends = [...lo, ...hi].filter((v) => v !== null);
    const [low, high] = [Math.min(0, ...ends), Math.max(0, ...ends)];
    const y = (v) => HEIGHT - 3 - ((v - low) / (high - low || 1)) * (HEIGHT - 6);
    const step = Math.min(width / data.state.length, 32);
    const gap = step > 4 ? Math.min(2, step / 4) : 0;
    const wide = step - gap;
    for (let i = 0; i < data.state.length; i += 1) {
      const [top, bottom] = [y(hi[i] ?? high), y(lo[i] ?? low)];
      pen.fillStyle = colors[data.state[i]];
      pen.globalAlpha = chosen < 0 || chosen === i ? 1 : 0.35;
      pen.fillRect(i * step + (step - wide) / 2, top, wide, Math.max(bottom - top, 2));
    }
    pen.globalAlpha = 1;
    pen.fillStyle = color("line");
    pen.fillRect(0, Math.round(y(0)), width, 1);
  }
}
