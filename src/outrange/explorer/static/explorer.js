// The explorer: its state, its panels, and the questions to the server.
import { cost, counted, element, shown } from "./dom.js";
import { Inputs } from "./inputs.js";
import { Layers } from "./layers.js";
import { Outputs } from "./outputs.js";
import { PointBar } from "./point.js";
import { Property } from "./property.js";

// Milliseconds that a drag waits for an exact answer before it continues with the bounds: the
// duration of the last one if that was quick; otherwise a frame.
const MOST_PATIENCE = 35;
const FRAME = 16;
// After this many moves without waiting, wait for one: searches may have become quick.
const RETRY = 6;
// Milliseconds that a drag waits for the bounds themselves.
const BOUNDS_PATIENCE = 2000;
// Milliseconds after the last move until sampling and the property are repeated.
const REST = 350;

export class Explorer {
  // `transport.send(message)` takes an object; `receive` and `connection` are called from outside.
  constructor(root, transport) {
    this.root = root;
    this.transport = transport;
    this.flight = null;
    this.pending = false;
    this.exactIn = 0;
    this.missed = 0;
    this.latest = {};
    // Views of one widget receive each other's answers: numbers distinguish them.
    this.next = 1 + Math.floor(Math.random() * 2 ** 40) * 1024;
    this.state = {
      key: this.next, mode: "ends", names: [], whole: [], groups: [], lo: [], hi: [], low: [], high: [],
      first: null, point: null, outputs: [], layers: [], x: [], y: [],
      // Number of the input set that the sliders show; answers about another one are dropped.
      boxId: 0,
    };
    this.inputs = new Inputs(this.state, () => this.changed(), () => this.askPoint());
    this.outputs = new Outputs(this.state, (output, side) => this.askEnd(output, side));
    this.layers = new Layers(this.state);
    this.property = new Property(
      this.state, (property) => this.ask("verify", { property, ...this.box() }),
      (x) => this.setPoint(x, "Counterexample"),
    );
    this.build();
  }

  build() {
    this.model = element("span", { class: "or-model" });
    this.connected = element("p", { class: "or-connection", role: "status" }, "Connecting …");
    this.live = element("p", { class: "or-live", "aria-live": "polite" });
    this.count = element(
      "select", { "aria-label": "Random inputs", onchange: () => this.askSample() },
      ...[100, 1000, 10000, 100000].map((n) => element(
        "option", { value: n, selected: n === 1000 }, n.toLocaleString("en"),
      )),
    );
    this.facts = element("p", { class: "or-note" });
    this.point = new PointBar(this.state, () => this.centerHere(), () => this.setPoint(null));
    this.inputs.element.append(this.point.element);
    this.outputs.element.append(element(
      "p", { class: "or-sampling" }, "Sampling, for comparison: ", this.count,
      " inputs, corners and random ones. ", this.outputs.sampled,
    ));
    const save = element("button", { type: "button", onclick: () => this.askReport() }, "Save report");
    this.saved = element("span", { class: "or-note", role: "status" });
    this.body = element(
      "div", { class: "or-body", hidden: true }, this.inputs.element,
      element(
        "div", { class: "or-right" }, this.outputs.element, this.property.element,
        this.layers.element,
      ),
    );
    this.element = element(
      "div", { class: "outrange-explorer" },
      element(
        "header", { class: "or-top-line" },
        element("div", {}, element("h1", {}, "outrange ", this.model), this.facts), this.saved, save,
      ),
      this.connected, this.body, this.live,
    );
    this.root.replaceChildren(this.element);
  }

  // Status of the connection; an empty text means connected.
  connection(text) {
    this.connected.textContent = text;
    this.element.classList.toggle("or-lost", text !== "");
    if (text !== "") this.flight = null;
  }

  receive(message) {
    const handlers = {
      hello: () => this.greeted(message),
      range: () => this.ranged(message),
      point: () => this.pointed(message),
      verdict: () => this.property.show(message),
      sample: () => this.outputs.showSample(message),
      report: () => this.save(message.html),
      error: () => this.failed(message),
    };
    const known = Object.values(this.latest).includes(message.id) || message.id === null;
    const fresh = message.box === undefined || message.box === this.state.boxId || message.ask === "range";
    if (message.say === "hello" || (known && fresh)) handlers[message.say]?.();
  }

  greeted(hello) {
    this.connection("");
    const { state } = this;
    const same = state.first !== null && JSON.stringify(hello) === state.hello;
    state.hello = JSON.stringify(hello);
    if (!same) {
      Object.assign(state, {
        names: hello.inputs, whole: hello.whole, groups: hello.groups, outputs: hello.outputs, layers: hello.layers,
        x: hello.x, y: hello.y,
        lo: [...hello.lo], hi: [...hello.hi], low: [...hello.low], high: [...hello.high],
        first: hello, point: null,
      });
      this.model.textContent = hello.model;
      this.facts.textContent = [
        counted(hello.inputs.length, "input"), counted(hello.outputs.length, "output"),
        counted(hello.parameters, "parameter"),
      ].join(" · ");
      document.title = this.root.ownerDocument.body.classList.contains("outrange-page")
        ? `${hello.model} – outrange` : document.title;
      this.inputs.about(hello.given ? "" : "No input set was passed: this one is a default.");
      this.body.hidden = false;
      for (const panel of [this.inputs, this.outputs, this.layers, this.property]) panel.build();
      this.setPoint(null);
    }
    this.changed();
  }

  box() {
    return { lo: this.state.lo, hi: this.state.hi, box: this.state.boxId };
  }

  ask(kind, fields) {
    const id = this.next;
    this.next += 1;
    this.latest[kind === "end" ? "point" : kind] = id;
    this.tellOfReport("");
    this.transport.send({ ask: kind, id, ...fields });
    return id;
  }

  changed() {
    this.pending = true;
    this.state.boxId += 1;
    this.point.refresh();
    this.property.stale();
    this.pump();
  }

  // Asks for the newest box, after the previous one had its chance.
  pump() {
    clearTimeout(this.timer);
    if (!this.pending) return;
    const { flight } = this;
    if (flight !== null && !flight.done) {
      const age = performance.now() - flight.asked;
      const hopeful = this.exactIn <= MOST_PATIENCE || this.missed % RETRY === 0;
      const patience = hopeful ? MOST_PATIENCE : FRAME;
      const wait = (flight.bounds ? patience : BOUNDS_PATIENCE) - age;
      if (wait > 0) {
        this.timer = setTimeout(() => this.pump(), wait);
        return;
      }
    }
    this.pending = false;
    if (flight !== null && !flight.done) {
      this.exactIn = Infinity;
      this.missed += 1;
    }
    const id = this.ask("range", this.box());
    this.flight = { id, asked: performance.now(), bounds: false, done: false };
    this.element.dataset.asked = id;
    clearTimeout(this.rest);
  }

  ranged(message) {
    const { flight } = this;
    if (flight === null || message.id !== flight.id) return;
    flight.bounds = true;
    flight.done = message.stage === "done";
    if (flight.done) this.exactIn = performance.now() - flight.asked;
    this.outputs.show(message);
    if (message.layers) this.layers.show(message.layers);
    this.outputs.said.textContent = this.standing(message);
    if (flight.done) this.property.suggest(message);
    this.element.dataset.shown = message.id;
    this.element.dataset.stage = message.stage;
    clearTimeout(this.rest);
    if (!flight.rested) this.rest = setTimeout(() => this.rested(flight), REST);
    this.pump();
  }

  standing(message) {
    if (message.stage === "bounds") return "proved, not yet tight; searching …";
    return (message.stage === "search" ? "proved at any time" : `proved; ${message.reason.replace("e-0", "e-")}`) + cost(message);
  }

  // After a pause: sampling, the property, and a summary for screen readers.
  rested(flight) {
    if (flight !== this.flight || this.pending) return;
    flight.rested = true;
    this.property.suggest(this.outputs.answer);
    this.askSample();
    this.property.again();
    const { lo, hi } = this.outputs.answer;
    const words = this.state.outputs.slice(0, 4)
      .map((name, i) => `${name} from ${shown(lo[i], "minus infinity")} to ${shown(hi[i], "infinity")}`);
    this.live.textContent = `${this.outputs.said.textContent}: ${words.join("; ")}`;
  }

  askSample() {
    if (this.flight !== null) this.ask("sample", { count: Number(this.count.value), ...this.box() });
  }

  askEnd(output, side) {
    this.point.expect({ output, side });
    this.ask("end", { output, side });
  }

  askPoint(what) {
    this.point.expect(what);
    this.ask("point", { x: this.state.point });
  }

  // Sets the point and its description; null removes it.
  setPoint(x, what) {
    this.state.point = x === null ? null : [...x];
    if (x !== null) return this.askPoint(what);
    delete this.latest.point;
    this.point.clear();
    this.outputs.showPoint(null);
    this.inputs.refresh();
  }

  pointed(message) {
    const { low, high } = this.state;
    this.state.point = [...message.x];
    for (const [i, v] of message.x.entries()) {
      [low[i], high[i]] = [Math.min(low[i], v), Math.max(high[i], v)];
    }
    const current = message.range === this.flight?.id;
    this.point.show(message, (output, side) => current && this.outputs.closed(output, side));
    this.outputs.showPoint(message);
    this.inputs.refresh();
  }

  centerHere() {
    const { lo, hi, low, high, point, groups, whole } = this.state;
    const grouped = new Set(groups.flatMap((group) => group.members));
    for (const i of point.keys()) {
      // The set around a category is the category.
      const half = (hi[i] - lo[i]) / 2;
      const radius = grouped.has(i) ? 0 : whole[i] ? Math.floor(half) : half;
      [lo[i], hi[i]] = [point[i] - radius, point[i] + radius];
      [low[i], high[i]] = [Math.min(low[i], lo[i]), Math.max(high[i], hi[i])];
    }
    this.inputs.refresh();
    this.changed();
  }

  askReport() {
    this.ask("report", {});
    this.tellOfReport("Making the report …");
  }

  tellOfReport(text, failed = false) {
    this.saved.textContent = text;
    this.saved.className = failed ? "or-error" : "or-note";
  }

  save(html) {
    const url = URL.createObjectURL(new Blob([html], { type: "text/html" }));
    const name = `${this.state.first.model.replace(/[^\w.-]+/g, "_") || "model"}-ranges.html`;
    element("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
    this.tellOfReport(`Saved as ${name}.`);
  }

  failed({ ask, text, cause }) {
    if (ask === "verify") this.property.refuse(text, cause);
    else if (ask === "report") this.tellOfReport(text, true);
    else if (ask === "range") this.lost(text);
    else this.inputs.tell(text);
  }

  // The search failed, or the model itself contradicts its result: nothing is shown as proved.
  lost(text) {
    this.outputs.fail(text);
    this.live.textContent = text;
    clearTimeout(this.rest);
    if (this.flight === null) return;
    this.flight.done = true;
    this.element.dataset.shown = this.flight.id;
    this.element.dataset.stage = "failed";
    this.property.abandoned();
    this.pump();
  }
}
