// The outputs: one bar each. Pale: proved; dark: seen at known inputs; below: seen by sampling.
import { counted, element, percent, shown } from "./dom.js";

const MOST_OUTPUT_ROWS = 200;
const STAGES = {
  bounds: "Bounds", search: "Closing", done: "Exact", ended: "Not exact", failed: "Failed",
};
// Share from which on sampling has seen all; relative width up to which a range is one value.
const ALL = 0.9999;
const ONE_VALUE = 1e-5;

export class Outputs {
  // `ends(output, side)` is called for a click on a bound.
  constructor(state, ends) {
    Object.assign(this, { state, ends, rows: [], answer: null, sample: null, point: null });
    // Span of the scale of each output; `settled` once it comes from ranges, not first bounds.
    this.axis = null;
    this.settled = false;
    this.own = element("input", { type: "checkbox", onchange: () => this.refresh() });
    this.list = element("ul", { class: "or-rows", role: "list" });
    this.badge = element("strong", { class: "or-badge" });
    this.said = element("span", {});
    this.status = element("p", { class: "or-status" }, this.badge, " ", this.said);
    this.ticks = [element("span", {}), element("span", {})];
    this.sampled = element("span", {});
    this.element = element(
      "section", { class: "or-panel or-outputs", "aria-label": "Ranges of the outputs" },
      element(
        "div", { class: "or-head" }, element("h2", {}, "Outputs"),
        element("label", { class: "or-check" }, this.own, element("span", {}, "separate scales")),
        element("button", {
          type: "button", onclick: () => this.fit(), title: "Fit the scale to the ranges shown",
        }, "Fit scale"),
      ),
      this.status, this.list,
      element("p", { class: "or-note" }, "Click a bound to see the inputs that attain it, or come nearest so far."),
      this.legend(),
    );
  }

  legend() {
    const entry = (kind, text) => element(
      "span", {}, element("i", { class: `or-key or-key-${kind}` }), text,
    );
    return element(
      "p", { class: "or-legend", "aria-hidden": "true" },
      entry("claim", "proved: no output outside"), entry("seen", "seen at known inputs"),
      entry("sample", "seen by sampling"), entry("point", "at the point"),
    );
  }

  build() {
    const names = this.state.outputs;
    Object.assign(this, { axis: null, settled: false, answer: null, sample: null, point: null });
    this.rows = names.slice(0, MOST_OUTPUT_ROWS).map((name, i) => this.row(name, i));
    const rest = names.length - this.rows.length;
    const head = element(
      "li", { class: "or-ends-head", "aria-hidden": "true" },
      element("span", {}, "lower bound"), element("span", {}, "upper bound"),
    );
    this.list.replaceChildren(head, ...this.rows.map((row) => row.element), element(
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
      name, lo, hi, claim, seen, zero, sample, point, bar, value,
      element: element(
        "li", { class: "or-output", role: "group", "aria-label": name },
        element("span", { class: "or-label" }, element("span", { class: "or-name", title: name }, name), value),
        lo, bar, hi,
      ),
    };
  }

  // Shows an answer of the server; `stage` is bounds, search or done.
  show(answer) {
    this.answer = answer;
    if (answer.stage === "bounds") this.sample = null;
    this.mark(answer.stage === "done" && !answer.exact ? "ended" : answer.stage);
    this.widen();
    this.refresh();
  }

  mark(stage) {
    this.badge.textContent = STAGES[stage];
    this.badge.dataset.status = stage;
  }

  // Without ranges, clears everything that looks like one.
  fail(text) {
    Object.assign(this, { answer: null, sample: null });
    this.mark("failed");
    this.said.textContent = text;
    for (const row of this.rows) {
      for (const part of [row.claim, row.seen, row.sample]) part.hidden = true;
      for (const button of [row.lo, row.hi]) {
        Object.assign(button, { textContent: "–", disabled: true, title: "" });
        button.classList.remove("or-closed");
        button.setAttribute("aria-label", `${row.name}: no range`);
      }
      row.bar.setAttribute("aria-label", `${row.name}: no range`);
    }
    this.sampled.textContent = "";
  }

  // Returns whether a bound is known to the tolerance; only a completed search can say so.
  closed(i, side) {
    return this.answer?.stage === "done" && this.answer[`closed_${side}`][i];
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

  // While a slider moves the scale only grows, so that shrinking is visible; bounds that are still
  // closing are cut off at its ends.
  widen() {
    if (this.answer === null) return;
    const { lo, hi, seen_lo: least, seen_hi: most, stage } = this.answer;
    const done = stage === "done";
    if (this.settled && !done) return;
    const all = lo.map((end, i) => [end, hi[i], least[i], most[i]].filter((v) => v !== null));
    this.axis = all.map((ends, i) => [...ends, ...(this.settled ? this.axis[i] : [])])
      .map((ends) => (ends.length === 0 ? [] : [Math.min(...ends), Math.max(...ends)]));
    this.settled = done;
  }

  // Scale of one output, or of all; unbounded ends do not count.
  scale(i) {
    const ends = (this.own.checked ? [this.axis[i]] : this.axis).filter((axis) => axis.length > 0);
    if (ends.length === 0) return [-1, 1];
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
    row.claim.classList.toggle("or-more-left", lo[i] === null || lo[i] < low);
    row.claim.classList.toggle("or-more-right", hi[i] === null || hi[i] > high);
    if (least[i] !== null && most[i] !== null && least[i] <= most[i]) {
      place(row.seen, least[i], most[i]);
    } else row.seen.hidden = true;
    row.zero.hidden = !(low < 0 && high > 0);
    row.zero.style.left = `${percent(0, low, high)}%`;
    const seen = [this.sample?.lo[i] ?? null, this.sample?.hi[i] ?? null];
    row.sample.hidden = seen.includes(null);
    if (!row.sample.hidden) place(row.sample, ...seen);
    const y = this.point?.y[i] ?? null;
    row.point.hidden = y === null;
    if (y !== null) row.point.style.left = `${percent(y, low, high)}%`;
    row.value.textContent = y === null ? "" : `= ${shown(y)}`;
    this.refreshEnd(row.lo, i, "lo", shown(lo[i], "−∞"));
    this.refreshEnd(row.hi, i, "hi", shown(hi[i]));
    row.bar.setAttribute("aria-label", this.described(name, i));
  }

  refreshEnd(button, i, side, text) {
    const closed = this.closed(i, side);
    const [word, bound] = side === "lo" ? ["least", "not below"] : ["most", "not above"];
    button.textContent = text;
    button.disabled = false;
    button.classList.toggle("or-closed", closed);
    button.title = closed ? "Show the inputs that attain it"
      : `Proved, but not known to be attained; show the inputs of the ${side === "lo" ? "smallest" : "largest"} value seen`;
    const name = this.state.outputs[i];
    button.setAttribute("aria-label", `${name}, ${closed ? word : bound}: ${text}. ${button.title}.`);
  }

  // A sentence on the share of the ranges that sampling shows. It covers only closed ranges: the
  // extent of others is unknown.
  comparison() {
    if (this.sample === null) return "";
    const { answer, sample, state } = this;
    const all = [...state.outputs.keys()];
    const closed = all.filter((i) => this.closed(i, "lo") && this.closed(i, "hi"));
    const shares = closed.map((i) => [i, shareOf([sample.lo[i], sample.hi[i]], [answer.lo[i], answer.hi[i]])])
      .filter(([, share]) => share !== null).sort((a, b) => a[1] - b[1]);
    const open = closed.length < all.length;
    if (shares.length === 0) {
      if (!open) return "";
      return answer.stage === "done" ? "The share of the ranges that they show is unknown: no range is closed."
        : "The share of the ranges that they show is known once these are closed.";
    }
    const [i, share] = shares[0];
    const these = open ? "closed range" : "range";
    if (share > ALL) {
      return shares.length === 1 ? `They show all of the ${these}, except at most 0.01 %.`
        : `They show all of every ${these}, except at most 0.01 %.`;
    }
    const part = `They show ${(Math.floor(1000 * share) / 10).toFixed(1)} % of the ${these}`;
    if (shares.length === 1) return all.length === 1 ? `${part}.` : `${part} of ${state.outputs[i]}.`;
    return `${part} of ${state.outputs[i]}, and at least as much of the other${open ? " closed ones" : "s"}.`;
  }

  described(name, i) {
    const { lo, hi, seen_lo: least, seen_hi: most } = this.answer;
    const pair = (word, a, b) => (a === null || b === null ? "" : `; ${word} ${shown(a)} to ${shown(b)}`);
    return `${name} lies in ${shown(lo[i], "−∞")} to ${shown(hi[i])}${pair("seen", least[i], most[i])}`
      + pair("sampling saw", this.sample?.lo[i] ?? null, this.sample?.hi[i] ?? null);
  }
}

// The share of a range that was seen; null if unknown, or if the range is one value.
function shareOf([least, most], [lo, hi]) {
  if ([least, most, lo, hi].includes(null)) return null;
  const size = Math.max(Math.abs(lo), Math.abs(hi));
  return hi - lo <= ONE_VALUE * size ? null : Math.max(0, (most - least) / (hi - lo));
}
