// The inputs: one row each, with a slider of two thumbs and two number fields. A one-hot group has
// one row, with a list of its categories.
import { clamp, counted, element, parsed, percent, shown } from "./dom.js";

const STEPS = 1000;
const MOST_INPUT_ROWS = 50;

export class Inputs {
  // `state` contains lo, hi, low, high, point and mode; `changed` is called for a new box, `moved`
  // for a new point.
  constructor(state, changed, moved) {
    Object.assign(this, { state, changed, moved, rows: [], alone: [] });
    this.list = element("div", { class: "or-rows" });
    this.error = element("p", { class: "or-error", role: "alert" });
    this.note = element("p", { class: "or-note", hidden: true });
    this.find = element("input", {
      type: "search", class: "or-find", placeholder: "Find an input", "aria-label": "Find an input",
      oninput: () => this.build(),
    });
    this.more = element("p", { class: "or-note" });
    this.width = element("input", {
      type: "range", min: 0, max: STEPS, step: 1, "aria-label": "Width of all inputs",
      oninput: () => this.setWidths(Number(this.width.value) / STEPS),
    });
    this.element = element(
      "section", { class: "or-panel or-inputs", "aria-label": "Input set" },
      element("div", { class: "or-head" }, element("h2", {}, "Input set"), this.modes()),
      element(
        "div", { class: "or-all" },
        element("label", {}, element("span", {}, "Width of all"), this.width),
        element("button", { type: "button", onclick: () => this.reset() }, "Reset"),
      ),
      this.note, this.error, this.find, this.list, this.more,
    );
  }

  about(text) {
    this.note.textContent = text;
    this.note.hidden = text === "";
  }

  modes() {
    const choice = (value, text) => element(
      "label", {},
      element("input", {
        type: "radio", name: `or-mode-${this.state.key}`, value,
        checked: this.state.mode === value,
        onchange: () => { this.state.mode = value; this.build(); },
      }),
      element("span", {}, text),
    );
    return element(
      "div", { class: "or-modes", role: "radiogroup", "aria-label": "Format of the input set" },
      choice("ends", "low & high"), choice("center", "center & radius"),
    );
  }

  // Rebuilds the rows after a change of model, mode or search text.
  build() {
    const { names, groups } = this.state;
    const wanted = this.find.value.trim().toLowerCase();
    const group = new Map(groups.flatMap((g) => g.members.map((i) => [i, g])));
    this.alone = [...names.keys()].filter((i) => !group.has(i));
    const first = [...names.keys()].filter((i) => !group.has(i) || group.get(i).members[0] === i);
    const text = (i) => (group.has(i)
      ? [group.get(i).name, ...group.get(i).members.map((k) => names[k])].join(" ") : names[i]);
    const all = first.filter((i) => text(i).toLowerCase().includes(wanted));
    this.find.hidden = first.length <= 12;
    this.rows = all.slice(0, MOST_INPUT_ROWS)
      .map((i) => (group.has(i) ? this.groupRow(group.get(i)) : this.row(i)));
    this.list.replaceChildren(...this.rows.map((row) => row.element));
    const hidden = all.length - this.rows.length;
    this.more.textContent = hidden > 0
      ? `${counted(hidden, "more input")}: type a name to find one; “Width of all” moves them too.`
      : "";
    this.refresh();
  }

  // Row of a one-hot group: any of its categories, or one of them.
  groupRow(group) {
    const { state } = this;
    const open = group.members.map((i) => state.first.hi[i] > 0);
    const any = `any of ${open.filter(Boolean).length}`;
    const list = element(
      "select", { "aria-label": group.name, onchange: () => this.choose(group, list.value) },
      element("option", { value: "any" }, any),
      ...group.categories.map((name, k) => (
        open[k] ? element("option", { value: k }, name) : null)),
    );
    const point = element("span", { class: "or-point", hidden: true });
    return {
      group, list, point,
      element: element(
        "div", { class: "or-input or-group", role: "group", "aria-label": group.name },
        element("span", { class: "or-name", title: group.name }, group.name),
        element("span", { class: "or-fields" }, point, list),
      ),
    };
  }

  choose(group, value) {
    const { lo, hi, first } = this.state;
    for (const [k, i] of group.members.entries()) {
      const ends = Number(value) === k ? [1, 1] : [0, 0];
      [lo[i], hi[i]] = value === "any" ? [first.lo[i], first.hi[i]] : ends;
    }
    this.refresh();
    this.changed();
  }

  row(i) {
    const { state } = this;
    const name = state.names[i];
    const words = state.mode === "ends" ? ["low", "high"] : ["center", "radius"];
    const stepped = state.whole[i] && state.mode === "ends";
    const fields = words.map((word, side) => element("input", {
      type: stepped ? "number" : "text", step: stepped ? 1 : null, inputmode: "decimal", autocomplete: "off", "aria-label": `${name} ${word}`,
      onchange: (event) => this.typed(i, side, event.target),
    }));
    const thumbs = words.map((word, side) => element("input", {
      type: "range", min: 0, max: this.steps(i), step: 1, "aria-label": `${name} ${word}`,
      class: `or-thumb or-thumb-${word}`,
      oninput: (event) => this.slid(i, side, Number(event.target.value)),
    }));
    const fill = element("div", { class: "or-fill", title: "Drag to move the whole interval" });
    const marker = element("div", { class: "or-marker", hidden: true });
    const at = element("input", {
      type: "text", inputmode: "decimal", autocomplete: "off", "aria-label": `${name} point`,
      onchange: (event) => this.typedPoint(i, event.target),
    });
    const point = element("label", { class: "or-point", hidden: true }, element("span", {}, "at"), at);
    const track = element(
      "div", { class: `or-track or-${state.mode}` },
      element("div", { class: "or-rail" }), fill, ...thumbs, marker,
    );
    this.grab(i, fill, track);
    const [first, second] = fields;
    return {
      i, fields, thumbs, fill, marker, point, at,
      element: element(
        "div", { class: "or-input", role: "group", "aria-label": name },
        element("span", { class: "or-name", title: name }, name),
        element("span", { class: "or-fields" }, point, first, second), track,
      ),
    };
  }

  steps(i) {
    const { low, high, whole } = this.state;
    return whole[i] && this.state.mode === "ends" ? Math.max(1, high[i] - low[i]) : STEPS;
  }

  // Dragging the middle moves the whole interval.
  grab(i, fill, track) {
    fill.addEventListener("pointerdown", (down) => {
      const { state } = this;
      const span = state.high[i] - state.low[i];
      const from = [state.lo[i], state.hi[i]];
      const move = (event) => {
        const by = ((event.clientX - down.clientX) / track.clientWidth) * span;
        const kept = clamp(by, state.low[i] - from[0], state.high[i] - from[1]);
        this.set(i, from[0] + kept, from[1] + kept);
      };
      fill.setPointerCapture(down.pointerId);
      fill.addEventListener("pointermove", move);
      fill.addEventListener("lostpointercapture", () => {
        fill.removeEventListener("pointermove", move);
      }, { once: true });
      down.preventDefault();
    });
  }

  slid(i, side, step) {
    const { low, high, lo, hi, mode } = this.state;
    const share = step / this.steps(i);
    if (mode === "center") {
      const middle = side === 0 ? low[i] + share * (high[i] - low[i]) : (lo[i] + hi[i]) / 2;
      const radius = side === 1 ? (share * (high[i] - low[i])) / 2 : (hi[i] - lo[i]) / 2;
      this.set(i, middle - radius, middle + radius);
      return;
    }
    const value = low[i] + share * (high[i] - low[i]);
    if (side === 0) this.set(i, Math.min(value, hi[i]), hi[i]);
    else this.set(i, lo[i], Math.max(value, lo[i]));
  }

  typed(i, side, field) {
    const { lo, hi, names, mode } = this.state;
    const value = parsed(field.value);
    let ends = [lo[i], hi[i]];
    if (mode === "center") {
      const middle = side === 0 ? value : (lo[i] + hi[i]) / 2;
      const radius = side === 1 ? value : (hi[i] - lo[i]) / 2;
      ends = [middle - radius, middle + radius];
    } else {
      ends[side] = value;
    }
    const word = field.getAttribute("aria-label").slice(names[i].length + 1);
    let fault = "";
    if (!Number.isFinite(value)) fault = `${names[i]}: ${word} must be a number.`;
    else if (ends[0] > ends[1]) {
      fault = mode === "center" ? `${names[i]}: the radius must not be negative.`
        : `${names[i]}: low must not be above high (${shown(lo[i])} and ${shown(hi[i])} are kept).`;
    } else if (this.state.whole[i] && Math.ceil(ends[0]) > Math.floor(ends[1])) {
      fault = `${names[i]} takes only integers, and there is no integer between these bounds.`;
    }
    this.tell(fault);
    field.setAttribute("aria-invalid", fault !== "");
    if (fault === "") this.set(i, ...ends);
  }

  typedPoint(i, field) {
    const value = parsed(field.value);
    const fault = Number.isFinite(value) ? "" : `${this.state.names[i]}: a coordinate must be a number.`;
    this.tell(fault);
    field.setAttribute("aria-invalid", fault !== "");
    if (fault !== "") return;
    this.state.point[i] = value;
    this.moved();
  }

  tell(fault) {
    this.error.textContent = fault;
  }

  // Sets an interval; the track grows if the interval leaves it.
  set(i, lo, hi) {
    const { state } = this;
    [state.lo[i], state.hi[i]] = [lo, hi];
    state.low[i] = Math.min(state.low[i], lo);
    state.high[i] = Math.max(state.high[i], hi);
    this.refresh();
    this.changed();
  }

  setWidths(share) {
    const { low, high, lo, hi } = this.state;
    for (const i of this.alone) {
      const middle = (lo[i] + hi[i]) / 2;
      const radius = (share * (high[i] - low[i])) / 2;
      const kept = clamp(middle, low[i] + radius, high[i] - radius);
      const ends = [Math.max(low[i], kept - radius), Math.min(high[i], kept + radius)];
      [lo[i], hi[i]] = this.state.whole[i] ? ends.map(Math.round) : ends;
    }
    this.refresh();
    this.changed();
  }

  reset() {
    const { state } = this;
    Object.assign(state, { lo: [...state.first.lo], hi: [...state.first.hi] });
    Object.assign(state, { low: [...state.first.low], high: [...state.first.high] });
    this.tell("");
    this.build();
    this.changed();
  }

  // Updates the rows to the state.
  refresh() {
    const { lo, hi, low, high } = this.state;
    for (const row of this.rows) this.refreshRow(row);
    const shares = this.alone.filter((i) => high[i] > low[i])
      .map((i) => (hi[i] - lo[i]) / (high[i] - low[i]));
    const mean = shares.reduce((sum, share) => sum + share, 0) / Math.max(shares.length, 1);
    this.width.value = Math.round(mean * STEPS);
    this.width.setAttribute("aria-valuetext", `${Math.round(100 * mean)} % on average`);
  }

  refreshGroup({ group, list, point }) {
    const { lo, hi, point: x } = this.state;
    const { members, categories } = group;
    const one = members.findIndex((i) => lo[i] === 1 && hi[i] === 1);
    list.value = one < 0 ? "any" : String(one);
    point.hidden = x === null;
    if (x === null) return;
    const at = members.findIndex((i) => x[i] === 1);
    const outside = members.some((i) => x[i] < lo[i] || x[i] > hi[i]);
    point.textContent = `${outside ? "outside" : "at"} ${categories[at] ?? "a mixture"}`;
  }

  refreshRow(row) {
    if (row.group === undefined) this.refreshInput(row);
    else this.refreshGroup(row);
  }

  refreshInput({ i, fields, thumbs, fill, marker, point, at }) {
    const { lo, hi, low, high, mode } = this.state;
    const [middle, radius] = [(lo[i] + hi[i]) / 2, (hi[i] - lo[i]) / 2];
    const values = mode === "center" ? [middle, radius] : [lo[i], hi[i]];
    const span = high[i] - low[i];
    const shares = mode === "center"
      ? [span > 0 ? (middle - low[i]) / span : 0.5, span > 0 ? (2 * radius) / span : 0]
      : [lo[i], hi[i]].map((end) => (span > 0 ? (end - low[i]) / span : 0.5));
    for (const side of [0, 1]) {
      if (document.activeElement !== fields[side] || !fields[side].matches("[aria-invalid=true]")) {
        fields[side].value = fields[side].type === "number" ? values[side] : shown(values[side]);
        fields[side].removeAttribute("aria-invalid");
      }
      thumbs[side].max = this.steps(i);
      thumbs[side].value = Math.round(shares[side] * this.steps(i));
      thumbs[side].setAttribute("aria-valuetext", shown(values[side]));
    }
    // If both thumbs coincide, the one that can still move is on top.
    thumbs[0].classList.toggle("or-top", mode === "ends" && shares[0] > 0.5);
    const [from, to] = [percent(lo[i], low[i], high[i]), percent(hi[i], low[i], high[i])];
    fill.style.left = `${from}%`;
    fill.style.width = `${to - from}%`;
    this.refreshPoint(i, marker, point, at);
  }

  refreshPoint(i, marker, point, at) {
    const { lo, hi, low, high } = this.state;
    const x = this.state.point;
    marker.hidden = x === null;
    point.hidden = x === null;
    if (x === null) return;
    const outside = x[i] < lo[i] || x[i] > hi[i];
    point.classList.toggle("or-outside", outside);
    marker.classList.toggle("or-outside", outside);
    point.firstChild.textContent = outside ? "outside" : "at";
    marker.style.left = `${percent(x[i], low[i], high[i])}%`;
    marker.title = `point: ${shown(x[i])}`;
    at.value = shown(x[i]);
  }
}
