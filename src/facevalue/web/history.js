// The history that a watcher keeps: a chart of what was read, and the same as a table.

import { amountOf, timeTicks, valueTicks } from "./ticks.js";

const element = (id) => document.getElementById(id);

const HEIGHT = 260;
const EDGE = { top: 14, right: 16, bottom: 30, left: 12 }; // beside the labels of the values
const LETTER_PX = 7.5;
const MOST = 5000; // readings asked for
const MOST_ROWS = 200; // of the table
const TICK_PX = 80; // from one time to the next at least
const DOT_PX = 9; // where dots would be nearer, the line alone
const HALF_TURN = 360; // minutes: a clock that goes on by more has passed twelve
const AGAIN_MS = 60_000;

// What is made of a reading: "read", "doubt" where it is not sure, "never" where it can't be, "none" without a number.
function stateOf({ number, uncertain, plausible }) {
  if (number === null) return "none";
  if (uncertain) return "doubt";
  return plausible ? "read" : "never";
}

const atTime = (entry) => new Date(entry.time).getTime();
const inWords = (time) => new Date(time).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });

export class History {
  constructor(service) {
    this.service = service;
    this.entries = [];
    this.asked = 0;
    this.chosen = ""; // by hand
    element("since").addEventListener("change", () => this.load());
    element("watched").addEventListener("change", ({ target }) => {
      this.chosen = target.value;
      this.show();
    });
    element("history-details").addEventListener("toggle", () => this.showRows());
  }

  // Show it from now on; what is read meanwhile comes along.
  begin() {
    this.begun = true;
    element("history").hidden = false;
    new ResizeObserver(() => this.draw()).observe(element("history-figure"));
    setInterval(() => document.hidden || this.load(), AGAIN_MS);
    this.load();
  }

  async load() {
    if (!this.begun) return;
    const asked = ++this.asked;
    let problem = "";
    let entries = [];
    try {
      entries = await this.service.log(element("since").value, MOST);
    } catch (error) {
      problem = error.message;
    }
    if (asked !== this.asked) return;
    element("history-problem").textContent = problem;
    element("history-problem").hidden = problem === "";
    element("history-figure").hidden = element("history-details").hidden = problem !== "";
    this.entries = entries;
    this.offer([...new Set(entries.map(({ source }) => source))].sort());
    this.show();
  }

  // Let one of several watched instruments be chosen.
  offer(sources) {
    element("watched-field").hidden = sources.length < 2;
    element("watched").replaceChildren(...sources.map((source) => new Option(source, source)));
    if (sources.includes(this.chosen)) element("watched").value = this.chosen;
  }

  show() {
    const source = element("watched").value;
    this.shown = this.entries.filter((entry) => entry.source === source);
    element("history-summary").textContent = summaryOf(this.shown, this.entries.length === MOST);
    this.draw();
    this.showRows();
  }

  draw() {
    const width = Math.max(280, element("history-figure").clientWidth);
    const chart = element("chart");
    chart.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    chart.replaceChildren(...drawChart(this.shown ?? [], width));
  }

  showRows() {
    if (!element("history-details").open) return;
    const newest = (this.shown ?? []).slice(-MOST_ROWS).reverse();
    const left = this.shown.length - newest.length;
    element("history-caption").textContent = left ? `The newest ${newest.length} of ${this.shown.length}` : "";
    element("history-rows").replaceChildren(...newest.map(rowOf));
  }
}

const REMARKS = { read: "", doubt: "not sure", never: "implausible", none: "not read" };

function remarkOf(entry) {
  return [REMARKS[stateOf(entry)], entry.why].filter(Boolean).join(": ");
}

function rowOf(entry) {
  const row = document.createElement("tr");
  row.className = stateOf(entry);
  for (const text of [inWords(entry.time), entry.value || "–", `${Math.round(entry.confidence * 100)}%`, remarkOf(entry)]) {
    row.insertCell().textContent = text;
  }
  return row;
}

function summaryOf(entries, isCut) {
  if (entries.length === 0) return "Nothing was stored in this time.";
  const count = (state) => entries.filter((entry) => stateOf(entry) === state).length;
  const last = entries.findLast((entry) => stateOf(entry) === "read");
  const doubted = ["doubt", "never", "none"].filter(count).map((state) => `${count(state)} ${REMARKS[state]}`);
  const all = `${entries.length} reading${entries.length > 1 ? "s" : ""}${isCut ? " (the newest)" : ""}`;
  const latest = last === undefined ? "None of them is believed." : `Last: ${last.good_value}, ${inWords(last.time)}.`;
  return `${all}${doubted.length ? `, of them ${doubted.join(", ")}` : ""}. ${latest}`;
}

// ---- the chart ----

function made(name, attributes, text = "") {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.textContent = text;
  return node;
}

// The axis of values spans what is believed, and what lies beyond stands at its edge: one wrong reading must not
// flatten all.
function drawChart(entries, width) {
  const known = entries.filter(({ number }) => number !== null);
  if (known.length === 0) return [];
  const isClock = known[0].kind === "clock";
  const believed = known.filter((entry) => stateOf(entry) === "read");
  const values = believed.length ? believed.map(({ good_number }) => good_number) : known.map(({ number }) => number);
  const rows = valueTicks(Math.min(...values), Math.max(...values), isClock);
  const labels = rows.map((value) => amountOf(value, rows[1] - rows[0], isClock));
  const left = EDGE.left + LETTER_PX * Math.max(...labels.map(({ length }) => length));
  const [low, high] = [rows[0], rows.at(-1)];
  const times = entries.map(atTime);
  const [first, last] = times[0] === times.at(-1) ? [times[0] - 30_000, times[0] + 30_000] : [times[0], times.at(-1)];
  const x = (time) => left + ((time - first) / (last - first)) * (width - left - EDGE.right);
  const y = (value) => HEIGHT - EDGE.bottom - ((Math.min(Math.max(value, low), high) - low) / (high - low)) * (HEIGHT - EDGE.top - EDGE.bottom);
  return [
    ...rows.flatMap((value, index) => [
      made("path", { class: "grid", d: `M${left} ${y(value)}H${width - EDGE.right}` }),
      made("text", { x: left - 7, y: y(value) + 4, "text-anchor": "end" }, labels[index]),
    ]),
    ...timeTicks(first, last, Math.max(3, Math.floor((width - left) / TICK_PX))).flatMap(({ time, label }) => [
      made("path", { class: "tick", d: `M${x(time)} ${HEIGHT - EDGE.bottom}v5` }),
      made("text", { x: Math.min(x(time), width - LETTER_PX * label.length / 2), y: HEIGHT - 9, "text-anchor": "middle" }, label),
    ]),
    made("path", { class: "line", d: lineOf(believed, x, y, isClock) }),
    ...(believed.length * DOT_PX > width - left ? [] : believed.map((entry) => markOf(entry, "dot", x, y))),
    ...known.filter((entry) => stateOf(entry) !== "read").map((entry) => markOf(entry, stateOf(entry), x, y)),
  ];
}

function lineOf(believed, x, y, isClock) {
  return believed
    .map((entry, index) => {
      const goesOn = index > 0 && !(isClock && Math.abs(entry.good_number - believed[index - 1].good_number) > HALF_TURN);
      return `${goesOn ? "L" : "M"}${x(atTime(entry)).toFixed(1)} ${y(entry.good_number).toFixed(1)}`;
    })
    .join("");
}

function markOf(entry, name, x, y) {
  const place = `translate(${x(atTime(entry)).toFixed(1)} ${y(name === "dot" ? entry.good_number : entry.number).toFixed(1)})`;
  const mark =
    name === "never"
      ? made("path", { class: name, transform: place, d: "M-4.5 -4.5L4.5 4.5M-4.5 4.5L4.5 -4.5" })
      : made("circle", { class: name, transform: place, r: name === "dot" ? 3 : 4.5 });
  mark.append(made("title", {}, [`${inWords(entry.time)}: ${entry.value}`, remarkOf(entry)].filter(Boolean).join(", ")));
  return mark;
}
