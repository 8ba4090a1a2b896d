// A property is typed, decided over the box of the sliders, and its counterexample shown on them.
import { element, shown } from "./dom.js";

const VERDICTS = { HOLDS: "Holds", VIOLATED: "Violated", UNKNOWN: "Unknown" };

export class Property {
  // `decide(text)` asks; `point(x)` shows an input on the sliders.
  constructor(state, decide, point) {
    Object.assign(this, { state, decide, point, text: "", counterexample: null });
    this.field = element("input", {
      type: "text", class: "or-typed", spellcheck: "false", autocomplete: "off", maxlength: 4096,
      placeholder: "y[0] <= 3.99", "aria-describedby": `or-help-${state.key}`,
      "aria-label": "Property that shall always hold",
    });
    this.button = element("button", { type: "submit", class: "or-main" }, "Decide");
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
      element(
        "p", { class: "or-note", id: `or-help-${state.key}` },
        "Inputs are x, outputs y: ", element("code", {}, "y[0] <= 3.99"), ", ",
        element("code", {}, "y.argmax() == 2"), ", ",
        element("code", {}, "0 <= y[0] and y[1] <= 2*x[0]"),
      ),
      element("p", { class: "or-verdict", role: "status" }, this.badge, " ", this.said),
      this.standing, this.show_,
    );
  }

  submitted(event) {
    event.preventDefault();
    this.text = this.field.value.trim();
    if (this.text === "") {
      this.refuse("Type what shall hold, y[0] <= 3.99 say.");
      return;
    }
    this.ask(true);
  }

  // The same property over a box that has changed; the first answer sets the sliders.
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

  refuse(text) {
    this.text = "";
    this.field.setAttribute("aria-invalid", "true");
    this.mark("WRONG", text);
  }

  mark(status, text) {
    this.element.classList.remove("or-stale");
    if (status !== "WRONG") this.field.removeAttribute("aria-invalid");
    this.badge.hidden = status === "WAIT";
    this.badge.textContent = VERDICTS[status] ?? "Not read";
    this.badge.dataset.status = status;
    this.said.textContent = text;
    this.standing.textContent = "";
    this.show_.hidden = true;
  }

  show(verdict) {
    this.mark(verdict.status, verdict.sentence);
    this.standing.textContent = `${verdict.claim} · ${verdict.standing}`;
    this.counterexample = verdict.x;
    this.show_.hidden = verdict.x === null;
    if (verdict.x !== null && this.first) this.point(verdict.x);
    if (verdict.y !== null) this.said.title = verdict.y.map((v) => shown(v)).join(", ");
  }
}
