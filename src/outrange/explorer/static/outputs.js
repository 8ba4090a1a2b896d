// The outputs: a bar each. Pale: proved; dark: seen at named inputs; below: what sampling saw.
import { counted, element, percent, shown } from "./dom.js";

const MOST_OUTPUT_ROWS = 200;

export class Outputs {
  // `ends(output, side)` is called for a click on an end.
  constructor(state, ends) {
    Object.assign(this, { state, ends, rows: [], answer: null, sample: null, point: null });
    // Of each output, what the scale spans; `settled` once that are ranges and not first bounds.
    this.axis = null;
    this.settled = false;
    this.own = element("input", { type: "checkbox", onchange: () => this.refresh() });
    this.list = element("ul", { class: "or-rows", role: "list" });
    this.status = element("p", { class: "or-status" });
    this.ticks = [element("span", {}), element("span", {})];
    this.sampled = element("span", {});
    this.element = element(
      "section", { class: "or-panel or-outputs", "aria-label": "Ranges of the outputs" },
      element(
        "div", { class: "or-head" }, element("h2", {}, "Outputs"),
        element("label", { class: "or-check" }, this.own, element("span", {}, "own scale each")),
        element("button", { type: "button", onclick: () => this.fit() }, "Fit scale"),
      ),
      this.status, this.list, this.legend(),
    );
  }

  legend() {
    const entry = (kind, text) => element(
      "span", {}, element("i", { class: `or-key or-key-${kind}` }), text,
    );
    return element(
      "p", { class: "or-legend", "aria-hidden": "true" },
      entry("claim", "proved: nothing lies outside"), entry("seen", "seen at named inputs"),
      entry("sample", "random inputs saw"), entry("point", "at the point"),
    );
  }

  build() {
    const names = this.state.outputs;
    Object.assign(this, { axis: null, settled: false, answer: null, sample: null, point: null });
    this.rows = names.slice(0, MOST_OUTPUT_ROWS).map((name, i) => this.row(name, i));
    const rest = names.length - this.rows.length;
    this.list.replaceChildren(...this.rows.map((row) => row.element), element(
      "li", { class: "or-scale", "aria-hidden": "true" }, element("div", {}, ...this.ticks),
    ));
    if (rest > 0) {
      this.list.append(element("li", { class: "or-note" }, `${counted(rest, "more output")}.`));
    }
  }

  row(name, i) {
    const button = (side) => element("button", {
      type: "button", class: "or-end", onclick: () => this.ends(i, side), disabled: true,
    });
    const [lo, hi] = [button("lo"), button("hi")];
    const part = (kind) => element("div", { class: `or-${kind}`, hidden: true });
    const [claim, seen, zero, sample, point] = ["claim", "seen", "zero", "sample", "at"].map(part);
    const bar = element("div", { class: "or-bar", role: "img" }, claim, seen, zero, sample, point);
    const value = element("span", { class: "or-value" });
    return {
      lo, hi, claim, seen, zero, sample, point, bar, value,
      element: element(
        "li", { class: "or-output", role: "group", "aria-label": name },
        element("span", { class: "or-label" }, element("span", { class: "or-name", title: name }, name), value),
        lo, bar, hi,
      ),
    };
  }

  // What the server said of the ranges; `stage` is bounds, search or done.
  show(answer) {
    this.answer = answer;
    if (answer.stage === "bounds") this.sample = null;
    this.widen();
    this.refresh();
  }

  showSample(sample) {
    this.sample = sample;
    this.refresh();
  }

  showPoint(point) {
    this.point = point;
    this.refresh();
  }

  fit() {
    Object.assign(this, { axis: null, settled: false });
    this.widen();
    this.refresh();
  }

  // The scale only grows while a slider moves, so that what shrinks is seen to shrink; bounds that
  // are still closing are cut off at its ends.
  widen() {
    if (this.answer === null) return;
    const { lo, hi, seen_lo: least, seen_hi: most, stage } = this.answer;
    const done = stage === "done";
    if (this.settled && !done) return;
    const all = lo.map((end, i) => [end ?? least[i] ?? 0, hi[i] ?? most[i] ?? 0]);
    const old = this.settled ? this.axis : all;
    this.axis = all.map(([a, b], i) => [Math.min(a, old[i][0]), Math.max(b, old[i][1])]);
    this.settled = done;
  }

  scale(i) {
    const ends = this.own.checked ? [this.axis[i]] : this.axis;
    let [low, high] = [Infinity, -Infinity];
    for (const [a, b] of ends) [low, high] = [Math.min(low, a), Math.max(high, b)];
    const room = (high - low || Math.abs(high) || 1) * 0.02;
    return [low - room, high + room];
  }

  refresh() {
    if (this.answer === null) return;
    const shared = this.own.checked || this.rows.length === 0 ? null : this.scale(0);
    this.rows.forEach((row, i) => this.refreshRow(row, i, ...(shared ?? this.scale(i))));
    this.ticks.forEach((tick, side) => {
      tick.textContent = shared === null ? "" : shown(Number(shared[side].toPrecision(3)));
    });
    this.sampled.textContent = this.comparison();
  }

  refreshRow(row, i, low, high) {
    const { lo, hi, seen_lo: least, seen_hi: most, stage } = this.answer;
    const name = this.state.outputs[i];
    const place = (part, from, to) => {
      const left = percent(from ?? low, low, high);
      part.hidden = false;
      part.style.left = `${left}%`;
      part.style.width = `${percent(to ?? high, low, high) - left}%`;
    };
    place(row.claim, lo[i], hi[i]);
    if (least[i] !== null && most[i] !== null && least[i] <= most[i]) {
      place(row.seen, least[i], most[i]);
    } else row.seen.hidden = true;
    row.zero.hidden = !(low < 0 && high > 0);
    row.zero.style.left = `${percent(0, low, high)}%`;
    row.sample.hidden = this.sample === null;
    if (this.sample !== null) place(row.sample, this.sample.lo[i], this.sample.hi[i]);
    const y = this.point?.y[i] ?? null;
    row.point.hidden = y === null;
    if (y !== null) row.point.style.left = `${percent(y, low, high)}%`;
    row.value.textContent = y === null ? "" : `= ${shown(y)}`;
    for (const [button, end, word, sign] of [[row.lo, lo[i], "least", "−"], [row.hi, hi[i], "most", ""]]) {
      button.textContent = shown(end, `${sign}∞`);
      button.disabled = false;
      const closed = stage === "done" && this.answer[word === "least" ? "closed_lo" : "closed_hi"][i];
      button.classList.toggle("or-closed", closed);
      const what = closed ? word : `${word}, so far`;
      button.title = `Set the inputs that give ${closed ? "it" : "the best value seen"}`;
      button.setAttribute("aria-label", `${name}, ${what}: ${button.textContent}. ${button.title}.`);
    }
    row.bar.setAttribute("aria-label", this.described(name, i));
  }

  // What sampling misses, in a sentence.
  comparison() {
    if (this.sample === null) return "…";
    const { lo, hi } = this.answer;
    const shares = this.state.outputs
      .map((name, i) => [name, (this.sample.hi[i] - this.sample.lo[i]) / (hi[i] - lo[i])])
      .filter(([, share]) => Number.isFinite(share)).sort((a, b) => a[1] - b[1]);
    if (shares.length === 0 || shares[0][1] > 0.9999) return "they saw all of every range.";
    const [name, share] = shares[0];
    const part = `${(100 * share).toFixed(share > 0.99 ? 2 : 0)} %`;
    return shares.length === 1 ? `they saw ${part} of the range.`
      : `they saw ${part} of the range of ${name}, more of the others.`;
  }

  described(name, i) {
    const { lo, hi, seen_lo: least, seen_hi: most } = this.answer;
    const proved = `${name} lies in ${shown(lo[i], "−∞")} to ${shown(hi[i])}`;
    const seen = `; seen ${shown(least[i], "nothing")} to ${shown(most[i], "nothing")}`;
    const sampled = this.sample === null ? ""
      : `; random inputs saw ${shown(this.sample.lo[i])} to ${shown(this.sample.hi[i])}`;
    return proved + seen + sampled;
  }
}
