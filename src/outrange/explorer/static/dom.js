// Elements and numbers. Texts become text nodes: no string is ever parsed as HTML.

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) {
      made.setAttribute(name, String(value));
    }
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Six significant digits, as in the answers' tables; null is an unbounded end.
export function shown(value, unbounded = "∞") {
  if (value === null || value === undefined) return unbounded;
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e6 || size < 1e-4 ? value.toExponential(5) : value.toPrecision(6);
  return text.replace(/(\.\d*?)0+(?=e|$)/, "$1").replace(/\.(?=e|$)/, "").replace("-", "−");
}

// Parses a number as people write it; NaN for any other text.
export function parsed(text) {
  const plain = text.trim().replaceAll("−", "-").replace(",", ".");
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain) ? Number(plain) : NaN;
}

export function counted(count, noun, plural = `${noun}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? noun : plural}`;
}

// A sentence; text between backticks becomes code.
export function prose(text) {
  return text.split("`").map((part, i) => (i % 2 === 1 ? element("code", {}, part) : part));
}

// Cost of an answer, as far as it is known.
export function cost({ boxes, seconds }) {
  const parts = [];
  if (boxes > 0) parts.push(counted(boxes, "box", "boxes"));
  if (seconds !== undefined) parts.push(`${shown(Number(seconds.toPrecision(2)))} s`);
  return parts.map((part) => ` · ${part}`).join("");
}

export function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

// Position of `value` between two ends, in percent.
export function percent(value, low, high) {
  return high > low ? clamp(100 * ((value - low) / (high - low)), 0, 100) : 50;
}
