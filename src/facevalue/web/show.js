// Shows a reading: value, confidence, runners-up, and where hands or digits were seen.

const percent = (share) => `${Math.round(share * 100)}%`;
const element = (id) => document.getElementById(id);

// reading: as the service sends it.  threshold: below it a reading is uncertain.  place: where it was read, in words.
export function showReading(reading, threshold, place) {
  element("problem").hidden = true;
  element("answer").hidden = false;
  element("reading").classList.toggle("unsure", reading.uncertain);
  const value = element("value");
  value.textContent = reading.value;
  value.classList.toggle("long", reading.value.length > 6);
  element("verdict").textContent = verdictOf(reading);
  element("reading").classList.add("answered");
  announce(reading.uncertain ? `Not sure: perhaps ${reading.value}.` : `Reads ${reading.value}.`);
  const meter = element("meter");
  meter.setAttribute("aria-valuenow", Math.round(reading.confidence * 100));
  meter.setAttribute("aria-valuetext", `${percent(reading.confidence)}, ${reading.uncertain ? "not sure" : "sure"}`);
  element("bar").style.width = percent(reading.confidence);
  element("threshold").style.left = percent(Math.min(threshold, 1));
  element("confidence").textContent = `${percent(reading.confidence)} sure`;
  element("needed").textContent = `trusted from ${percent(threshold)}`;
  showRunnersUp(reading.alternatives.filter(({ confidence }) => confidence >= 0.005));
  element("details").textContent = detailsOf(reading, place);
}

const SURE = {
  clock: "Sure, to within a minute",
  dial: "Sure, to within a hundredth of the scale",
  digits: "Sure of every digit",
};

// Say it to screen readers, once: a camera reads the same again and again.
function announce(text) {
  const status = element("status");
  if (status.textContent !== text) status.textContent = text;
}

function verdictOf({ kind, value, uncertain }) {
  if (value === "?") return "Not sure: no digit can be told here.";
  if (value.includes("?")) return "Not sure: a digit can't be told.";
  if (!uncertain) return SURE[kind];
  return "Not sure: don't rely on it.";
}

function showRunnersUp(others) {
  element("others").hidden = others.length === 0;
  element("runners-up").replaceChildren(
    ...others.map(({ value, confidence }) => {
      const row = document.createElement("li");
      const share = part("div", "share");
      share.append(part("div", ""));
      share.firstChild.style.width = percent(confidence);
      row.append(part("span", "", value), share, part("span", "percent", percent(confidence)));
      return row;
    }),
  );
}

function part(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function detailsOf({ kind, number, model, milliseconds }, place) {
  const shown = kind === "digits" && number !== null ? [`as a number ${number}`] : [];
  return [...shown, model, `${milliseconds} ms ${place}`].join(" · ");
}

export function showProblem(message) {
  element("problem").hidden = false;
  if (element("problem").textContent !== message) element("problem").textContent = message;
  element("status").textContent = "";
  element("answer").hidden = true;
  element("reading").classList.remove("unsure", "answered");
  showMarks({});
}

export function showNothing(message) {
  element("problem").hidden = true;
  element("answer").hidden = true;
  announce(message);
  element("reading").classList.remove("unsure", "answered");
  showMarks({});
}

// marks: polylines by name, in units of the overlay's view box.
const WIDTHS = { dial: 2, digit: 2, scale: 4, needle: 4, second: 2, minute: 4, hour: 6 };

export function showMarks(marks) {
  const drawn = [];
  for (const [kind, width] of Object.entries(WIDTHS)) {
    for (const [name, points] of Object.entries(marks)) {
      if (name.split(" ")[0] !== kind) continue;
      const text = points.map(([x, y]) => `${x + 0.5},${y + 0.5}`).join(" ");
      for (const [className, extra] of [["edge", 2.5], [kind, 0]]) {
        const closed = kind === "dial" || kind === "digit";
        const line = document.createElementNS("http://www.w3.org/2000/svg", closed ? "polygon" : "polyline");
        line.setAttribute("points", text);
        line.setAttribute("class", className);
        line.style.strokeWidth = `${width + extra}px`;
        drawn.push(line);
      }
    }
  }
  element("marks").replaceChildren(...drawn);
}
