// The point of the red marks: its description, the model's outputs there, and whether it lies in
// the input set.
import { element, shown } from "./dom.js";

const MOST_VALUES = 4;
const PLAIN = "Point";

export class PointBar {
  // `state` holds the input set, its number (`boxId`) and the point; `center` and `clear` are
  // called for the buttons.
  constructor(state, center, clear) {
    Object.assign(this, { state, wanted: PLAIN, shown: null });
    this.why = element("strong", {});
    this.text = element("span", {});
    this.outside = element("span", { class: "or-error" });
    this.element = element(
      "div", { class: "or-pointbar", hidden: true, role: "group", "aria-label": PLAIN },
      element("span", { class: "or-key or-key-point" }),
      element("span", { role: "status" }, this.why, " ", this.text, " ", this.outside),
      element("button", {
        type: "button", onclick: center,
        title: "Move the input set: its middle becomes this point, its widths stay the same",
      }, "Center the set here"),
      element("button", { type: "button", onclick: clear }, "Clear point"),
    );
  }

  clear() {
    this.shown = null;
    this.element.hidden = true;
  }

  // Description of the requested point: a word, or the clicked bound of an output.
  expect(wanted = PLAIN) {
    this.wanted = wanted;
  }

  // `closed(output, side)` returns whether that bound of the answer's range is closed.
  show(message, closed) {
    const { wanted, state } = this;
    this.shown = { ...message, why: wanted, box: state.boxId };
    if (wanted.side !== undefined) {
      const word = wanted.side === "lo" ? "smallest" : "largest";
      const name = state.outputs[wanted.output];
      this.shown.why = closed(wanted.output, wanted.side) ? `Attains the ${word} ${name}.`
        : `The ${word} ${name} seen so far.`;
    } else if (wanted !== PLAIN) this.shown.why = `${wanted}.`;
    this.element.hidden = false;
    this.refresh();
  }

  // Updates the texts to the current input set.
  refresh() {
    if (this.shown === null) return;
    const { why, box, model, y, rounded, x } = this.shown;
    const { lo, hi, names, boxId } = this.state;
    const list = (values) => values.slice(0, MOST_VALUES).map((v) => shown(v, "overflow")).join(", ")
      + (values.length > MOST_VALUES ? ", …" : "");
    this.why.textContent = box === boxId || why === PLAIN ? why : "From an earlier input set.";
    if (this.why.textContent === PLAIN) this.why.textContent = "";
    this.text.textContent = model === null
      ? `At this input the outputs are ${list(y)}; the model itself was not run.`
      : `At this input${rounded ? ", rounded to float32," : ""} the model itself returns ${list(model)}.`;
    const out = names.filter((_, i) => x[i] < lo[i] || x[i] > hi[i]);
    const few = out.slice(0, 3).join(", ") + (out.length > 3 ? ", …" : "");
    this.outside.textContent = out.length === 0 ? ""
      : `It lies outside the input set (${few}): the ranges do not cover it.`;
  }
}
