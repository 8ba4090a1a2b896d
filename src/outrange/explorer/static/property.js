// A typed property is decided over the box of the sliders, and its counterexample shown on them.
import { cost, element, prose, shown } from "./dom.js";

const VERDICTS = {
  HOLDS: "Holds", VIOLATED: "Violated", UNKNOWN: "Unknown", WRONG: "Invalid", FAILED: "Failed",
};
// Maximum number of inputs and outputs whose notation is listed, and whose values are.
const MOST_WRITTEN = 20;
const MOST_TOLD = 8;

export class Property {
  // `decide(text)` asks; `point(x)` shows an input on the sliders.
  constructor(state, decide, point) {
    Object.assign(this, { state, decide, point, text: "", counterexample: null });
    this.field = element("input", {
      type: "text", class: "or-typed", spellcheck: "false", autocomplete: "off", maxlength: 4096,
      placeholder: "y[0] <= 3.99", "aria-describedby": `or-help-${state.key}`,
      "aria-label": "Property that must always hold",
    });
    this.button = element("button", { type: "submit", class: "or-main" }, "Decide");
    this.help = element("div", { class: "or-note", id: `or-help-${state.key}` });
    this.badge = element("strong", { class: "or-badge", hidden: true });
    this.said = element("span", {});
    this.standing = element("p", { class: "or-note" });
    this.show_ = element("button", {
      type: "button", hidden: true, onclick: () => this.point(this.counterexample),
    }, "Show the counterexample");
    this.element = element(
      "section", { class: "or-panel or-property", "aria-label": "Property" },
      element("div", { class: "or-head" }, element("h2", {}, "Does it always hold?")),
      element("form", { onsubmit: (event) => this.submitted(event) }, this.field, this.button),
      this.help,
      element("p", { class: "or-verdict", role: "status" }, this.badge, " ", this.said),
      this.standing, this.show_,
    );
  }

  // Resets the panel for a model; examples follow once ranges are known.
  build() {
    this.text = "";
    this.field.value = "";
    this.field.placeholder = `${this.state.y[0]} <= 3.99`;
    this.suggested = false;
    this.badge.hidden = true;
    for (const part of [this.said, this.standing, this.help]) part.textContent = "";
    this.show_.hidden = true;
  }

  // Examples for this model; a click puts one into the field.
  suggest({ hi, stage }) {
    if (this.suggested) return;
    this.suggested = stage === "done";
    const { x, y } = this.state;
    const limit = hi[0] === null ? 1 : Number(hi[0].toPrecision(2));
    const examples = [`${y[0]} <= ${limit}`];
    if (y.length > 1) examples.push(`${y[0]} <= ${y[1]}`);
    if (y.length > 1 && y[1] === "y[1]") examples.push("y.argmax() == 0");
    if (x.length <= MOST_WRITTEN) examples.push(`${y[0]} <= 2*${x[0]} + 1`);
    this.field.placeholder = examples[0];
    const written = (names, terms) => [...names.keys()].slice(0, MOST_WRITTEN)
      .flatMap((i) => [i > 0 ? ", " : "", `${names[i]} is `, this.example(terms[i], true)]);
    const { names, outputs } = this.state;
    this.help.replaceChildren(
      element("p", { class: "or-examples" }, "Try ", ...examples.flatMap((text, i) => [i > 0 ? " " : "", this.example(text)])),
      element(
        "details", {}, element("summary", {}, "How to write inputs and outputs"),
        element("p", {}, ...written(outputs, y), outputs.length > MOST_WRITTEN ? ", …" : "", "."),
        element("p", {}, ...written(names, x), names.length > MOST_WRITTEN ? ", …" : "", "."),
      ),
    );
  }

  // A text that a click puts into the field: replacing its content, or at the cursor.
  example(text, insert = false) {
    const put = () => {
      if (insert) this.field.setRangeText(text, this.field.selectionStart, this.field.selectionEnd, "end");
      else this.field.value = text;
      this.field.focus();
    };
    return element("button", { type: "button", class: "or-example", onclick: put }, element("code", {}, text));
  }

  submitted(event) {
    event.preventDefault();
    this.text = this.field.value.trim();
    if (this.text === "") {
      this.refuse(`Type a property that must hold, such as ${this.field.placeholder}.`, "input");
      return;
    }
    this.ask(true);
  }

  // Repeats the property over a changed box; only the first answer sets the sliders.
  again() {
    if (this.text !== "") this.ask(false);
  }

  ask(first) {
    this.first = first;
    this.mark("WAIT", "Deciding …");
    this.decide(this.text);
  }

  stale() {
    if (this.text !== "" && !this.badge.hidden) this.element.classList.add("or-stale");
  }

  // Only a broken rule is the fault of the typed text.
  refuse(text, cause) {
    this.text = "";
    this.mark(cause === "input" ? "WRONG" : "FAILED", text);
    if (cause === "input") this.field.setAttribute("aria-invalid", "true");
  }

  // The ranges have failed, so the property is not repeated.
  abandoned() {
    if (this.badge.hidden && this.said.textContent !== "") this.mark("FAILED", "It was not decided.");
  }

  mark(status, text) {
    this.element.classList.remove("or-stale");
    if (status !== "WRONG") this.field.removeAttribute("aria-invalid");
    this.badge.hidden = status === "WAIT";
    this.badge.textContent = VERDICTS[status] ?? "";
    this.badge.dataset.status = status;
    this.said.replaceChildren(...prose(text));
    this.standing.textContent = "";
    this.show_.hidden = true;
  }

  show(verdict) {
    const broken = verdict.x !== null;
    this.mark(verdict.status, broken ? this.counterexampleText(verdict) : verdict.sentence);
    const how = verdict.status === "HOLDS" ? "proved" : broken ? "found" : "not decided";
    this.standing.replaceChildren(element("code", {}, verdict.claim), ` · ${how}${cost(verdict)}`);
    this.counterexample = verdict.x;
    this.show_.hidden = !broken;
    if (broken && this.first) this.point(verdict.x);
  }

  counterexampleText({ x, y, reproduced }) {
    const { names, outputs } = this.state;
    const list = (words, values) => words.map((name, i) => `${name} = ${shown(values[i], "overflow")}`).join(", ");
    const where = x.length <= MOST_TOLD ? list(names, x) : "the input shown by the red marks";
    const values = y.length <= MOST_TOLD ? `, where ${list(outputs, y)}` : "";
    const model = reproduced === null ? " The model itself was not run."
      : reproduced ? " The model itself also breaks it there."
        : " In the model's float32, rounding reverses the result.";
    return `The property is broken at ${where}${values}.${model}`;
  }
}
