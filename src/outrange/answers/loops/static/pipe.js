// A pipe to look at: two axes to choose, a slider through time, and the box at that time.
// Texts become text nodes: no string is ever read as HTML.
"use strict";

const data = JSON.parse(document.getElementById("pipe").textContent);
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 760, HEIGHT = 470, LEFT = 64, RIGHT = 12, TOP = 12, BOTTOM = 44;
const TIME = -1;
const state = { x: TIME, y: 0, k: 0, runs: true };

function made(tag, attributes = {}, text = null) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== null) element.textContent = text;
  return element;
}

function drawn(parent, tag, attributes, text = null) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== null) element.textContent = text;
  parent.append(element);
  return element;
}

function shown(value) {
  if (value === null) return "∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e6 || size < 1e-4 ? value.toExponential(3) : value.toPrecision(5);
  return text.replace(/(\.\d*?)0+(?=e|$)/, "$1").replace(/\.(?=e|$)/, "").replace("-", "−");
}

// Ends of a box along an axis; time itself is one.
function ends(k, axis) {
  return axis === TIME ? [data.start[k], data.stop[k]] : [data.lo[k][axis], data.hi[k][axis]];
}

const known = data.start.map((_, k) => k).filter((k) => [state.x, ...data.states.keys()].every(
  (axis) => ends(k, axis).every((end) => end !== null),
));

function limits(axis) {
  if (axis === TIME) return [data.start[0], Math.max(data.stop.at(-1), data.start[0] + 1e-9)];
  let low = Infinity, high = -Infinity;
  for (const k of known) {
    low = Math.min(low, data.lo[k][axis]);
    high = Math.max(high, data.hi[k][axis]);
  }
  for (const run of [...data.runs, ...data.worst.map((worst) => worst.states)]) {
    for (const at of run) {
      if (at[axis] === null) continue;
      low = Math.min(low, at[axis]);
      high = Math.max(high, at[axis]);
    }
  }
  if (!(low <= high)) return [-1, 1];
  const room = 0.08 * (high - low) || 0.5;
  return [low - room, high + room];
}

// Round numbers across an interval, about `count` of them.
function ticks(low, high, count) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((one) => one >= raw);
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high; i += 1) found.push(i * step);
  return found;
}

const svg = drawn(document.createElement("div"), "svg", {
  viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": data.title,
});
const slider = made("input", { type: "range", min: 0, max: data.start.length - 1, value: 0, "aria-label": "Time" });
const clock = made("output", {});
const table = made("tbody");

function scales() {
  const [left, right] = limits(state.x), [low, high] = limits(state.y);
  return {
    x: (v) => LEFT + (WIDTH - LEFT - RIGHT) * (v - left) / (right - left),
    y: (v) => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (v - low) / (high - low),
    ends: [left, right, low, high],
  };
}

function rectangle(parent, to, across, up, style, least = 1.5) {
  const [left, right, low, high] = to.ends;
  const a = Math.max(across[0] ?? left, left), b = Math.min(across[1] ?? right, right);
  const c = Math.max(up[0] ?? low, low), d = Math.min(up[1] ?? high, high);
  if (a > b || c > d) return;
  drawn(parent, "rect", {
    x: to.x(a), y: to.y(d), width: Math.max(to.x(b) - to.x(a), least),
    height: Math.max(to.y(c) - to.y(d), least), class: style,
  });
}

function line(parent, to, states, times, style) {
  const points = [];
  states.forEach((at, k) => {
    const across = state.x === TIME ? times[k] : at[state.x], up = at[state.y];
    if (across !== null && up !== null) points.push(`${to.x(across)},${to.y(up)}`);
  });
  drawn(parent, "polyline", { points: points.join(" "), class: style });
}

function draw() {
  svg.replaceChildren();
  const to = scales(), [left, right, low, high] = to.ends;
  for (const v of ticks(left, right, 8)) {
    drawn(svg, "line", { x1: to.x(v), x2: to.x(v), y1: TOP, y2: HEIGHT - BOTTOM, class: "grid" });
    drawn(svg, "text", { x: to.x(v), y: HEIGHT - BOTTOM + 16, class: "tick middle" }, shown(v));
  }
  for (const v of ticks(low, high, 6)) {
    drawn(svg, "line", { x1: LEFT, x2: WIDTH - RIGHT, y1: to.y(v), y2: to.y(v), class: "grid" });
    drawn(svg, "text", { x: LEFT - 6, y: to.y(v) + 4, class: "tick end" }, shown(v));
  }
  const name = (axis) => (axis === TIME ? data.clock : data.states[axis]);
  drawn(svg, "text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 8, class: "name middle" }, name(state.x));
  drawn(svg, "text", { x: 14, y: HEIGHT / 2, class: "name middle", transform: `rotate(-90 14 ${HEIGHT / 2})` }, name(state.y));
  for (const zone of data.zones) {
    const along = (axis) => (axis === TIME ? [zone.start, zone.stop] : [zone.lo[axis], zone.hi[axis]]);
    const bound = [state.x, state.y].some((axis) => axis !== TIME && along(axis).some((end) => end !== null));
    // What counts at one moment would be a line that nobody sees.
    if (bound) rectangle(svg, to, along(state.x), along(state.y), zone.bad ? "bad" : "good", 5);
  }
  for (const k of known) rectangle(svg, to, ends(k, state.x), ends(k, state.y), "proved");
  if (state.runs) for (const run of data.runs) line(svg, to, run, data.runs_at, "run");
  for (const worst of data.worst) {
    line(svg, to, worst.states, worst.times, "worst");
    const at = worst.states[worst.step];
    drawn(svg, "circle", {
      cx: to.x(state.x === TIME ? worst.times[worst.step] : at[state.x]), cy: to.y(at[state.y]), r: 4.5, class: "broken",
    });
  }
  if (known.includes(state.k)) rectangle(svg, to, ends(state.k, state.x), ends(state.k, state.y), "now");
  const [a, b] = ends(state.k, TIME);
  clock.textContent = `${data.clock} ${a === b ? shown(a) : `${shown(a)} to ${shown(b)}`}`;
  table.replaceChildren(...data.states.map((one, i) => {
    const row = made("tr");
    const [lo, hi] = ends(state.k, i);
    const seen = [data.seen_lo[state.k][i], data.seen_hi[state.k][i]];
    row.append(
      made("th", { scope: "row" }, one),
      made("td", {}, lo === null || hi === null ? "not bounded" : `${shown(lo)} … ${shown(hi)}`),
      made("td", {}, seen[0] === null ? "" : `${shown(seen[0])} … ${shown(seen[1])}`),
    );
    return row;
  }));
}

function chooser(label, axis, withTime) {
  const select = made("select", {});
  if (withTime) select.append(made("option", { value: TIME }, data.clock));
  data.states.forEach((name, i) => select.append(made("option", { value: i }, name)));
  select.value = state[axis];
  select.addEventListener("change", () => { state[axis] = Number(select.value); draw(); });
  const whole = made("label", {}, `${label} `);
  whole.append(select);
  return whole;
}

const runs = made("label", {}), box = made("input", { type: "checkbox" });
box.checked = true;
box.addEventListener("change", () => { state.runs = box.checked; draw(); });
runs.append(box, " trajectories seen");
slider.addEventListener("input", () => { state.k = Number(slider.value); draw(); });
const play = made("button", { type: "button" }, "Play");
let timer = null;
play.addEventListener("click", () => {
  if (timer !== null) { clearInterval(timer); timer = null; play.textContent = "Play"; return; }
  play.textContent = "Stop";
  if (state.k === data.start.length - 1) state.k = 0;
  timer = setInterval(() => {
    state.k += 1;
    slider.value = state.k;
    draw();
    if (state.k === data.start.length - 1) play.click();
  }, Math.max(30, 6000 / data.start.length));
});
// A click picks the time whose box is nearest to it.
svg.addEventListener("click", (event) => {
  const at = svg.getBoundingClientRect(), to = scales();
  const point = [(event.clientX - at.left) * WIDTH / at.width, (event.clientY - at.top) * HEIGHT / at.height];
  const apart = (k) => {
    const off = [[to.x, state.x, 0], [to.y, state.y, 1]].map(([scale, axis, i]) => {
      const [low, high] = ends(k, axis).map(scale).sort((a, b) => a - b);
      return Math.max(low - point[i], point[i] - high, 0);
    });
    return Math.hypot(...off);
  };
  if (!known.length) return;
  state.k = known.reduce((best, k) => (apart(k) < apart(best) ? k : best));
  slider.value = state.k;
  draw();
});

// What the colors mean; a set is drawn across two states, though others may count too.
const legend = made("p", { class: "legend" });
const has = (bad) => data.zones.some((zone) => zone.bad === bad);
const hidden = data.zones.some((zone) => data.states.filter(
  (_, i) => zone.lo[i] !== null || zone.hi[i] !== null,
).length > 1) ? " (depends on other states, too)" : "";
for (const [style, word, there] of [
  ["proved", "proved: every trajectory", true], ["run", "trajectories seen", data.runs.length],
  ["worst", "counterexample", data.worst.length], ["bad", `to be avoided${hidden}`, has(true)],
  ["good", `to be reached${hidden}`, has(false)],
]) {
  if (!there) continue;
  const entry = made("span", {}, ` ${word}`);
  const mark = drawn(entry, "svg", { viewBox: "0 0 16 12", class: "mark", "aria-hidden": "true" });
  if (style === "run" || style === "worst") drawn(mark, "polyline", { points: "0,6 16,6", class: style });
  else drawn(mark, "rect", { x: 0.5, y: 0.5, width: 15, height: 11, class: style });
  entry.prepend(mark);
  legend.append(entry);
}
const head = made("thead"), row = made("tr"), numbers = made("table");
for (const word of ["state", "proved", "seen"]) row.append(made("th", { scope: "col" }, word));
head.append(row);
numbers.append(head, table);
const bar = made("div", { class: "bar" }), time = made("div", { class: "bar" });
bar.append(chooser("across", "x", true), chooser("up", "y", false), runs);
time.append(play, slider, clock);
document.getElementById("figure").append(bar, svg, legend, time, numbers);
draw();
