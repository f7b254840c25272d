// The page: what is chosen, what is read, and when.

import { Camera } from "./camera.js";
import { Pad } from "./pad.js";
import { History } from "./history.js";
import { Reader } from "./reader/reader.js";
import { fromDrawable } from "./reader/pictures.js";
import { Region } from "./region.js";
import { Problem, Service } from "./service.js";
import { showMarks, showNothing, showProblem, showReading } from "./show.js";

const element = (id) => document.getElementById(id);
const choices = element("choices");
const overlay = element("overlay");
const picture = element("picture");
const video = element("video");

const BETWEEN_MS = 200; // from one reading of the camera or the pen to the next
const AFTER_PROBLEM_MS = 3000; // the same, where the last one could not be read
const CAMERA_PX = 960; // longest side of what is read from the camera
const PART_PX = 2048; // and of a part of a picture
const [LEAST_RANGE, LARGEST] = [1e-12, 1e15]; // of the numbers of a scale
const LARGE = 1_000_000; // pixels; a part with more is sent as JPEG, which is a fraction of a PNG
const HINTS = {
  picture: "Drag over the picture to read only a part of it.",
  camera: "Bring the instrument into the dashed frame, or drag another one.",
  pad: "Write up to eight digits in a row.",
};
const PRIVACY = {
  server: "The picture is sent to the service that this page comes from. It is read there and not kept.",
  browser: "The picture is read by this browser and is not sent anywhere.",
};

const service = new Service(new URL("./", document.baseURI));
const camera = new Camera(video, () => {
  arrange();
  showMarks({});
  showProblem("The camera went away. Choose it again when it is back.");
});
const pad = new Pad(element("pad"), () => readSoon());
const history = new History(service);
const region = new Region(overlay, element("whole"), () => readSoon(), (text) => (element("hint").textContent = text));

let kinds = new Map(); // entries of /v1/kinds by their kind; none before the service has answered
let file = null; // the picture that was chosen
let readers = new Map(); // promises of readers in the browser, by kind
let latest = 0; // number of the newest reading asked for
let reading = false;
let again = false;
let learning = null; // the promise of kinds
let goOn = () => {}; // ends the time between two readings

const kind = () => choices.elements.kind.value;
const source = () => choices.elements.source.value;
const place = () => choices.elements.place.value;

// ---- what to read ----

// Something to read: a blob or a canvas, and where its upper left corner lies in what is shown. null for nothing.
function take() {
  if (source() === "pad") {
    if (pad.empty) return null;
    const { canvas, x, y } = pad.part();
    return { canvas, type: "image/png", x, y, scale: 1 };
  }
  if (source() === "camera") {
    if (camera.stream === null || video.videoWidth === 0) return null;
    if (document.hidden) return null; // nobody looks
    return cutOut(video, video.videoWidth, video.videoHeight, CAMERA_PX, "image/jpeg");
  }
  if (file === null) return null;
  if (region.shape === null || picture.naturalWidth === 0) return { blob: file, x: 0, y: 0, scale: 1 };
  const part = cutOut(picture, picture.naturalWidth, picture.naturalHeight, PART_PX, "image/png");
  return { ...part, type: part.canvas.width * part.canvas.height > LARGE ? "image/jpeg" : "image/png" };
}

// The region of an image or a video's frame, made smaller where it is longer than longest.
function cutOut(drawable, width, height, longest, type) {
  const { x, y, width: across, height: down } = region.shape ?? { x: 0, y: 0, width: 1, height: 1 };
  const [left, top] = [Math.round(x * width), Math.round(y * height)];
  const [wide, high] = [Math.max(8, Math.round(across * width)), Math.max(8, Math.round(down * height))];
  const scale = Math.max(1, Math.max(wide, high) / longest);
  const canvas = new OffscreenCanvas(Math.round(wide / scale), Math.round(high / scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(drawable, left, top, wide, high, 0, 0, canvas.width, canvas.height);
  return { canvas, type, x: left, y: top, scale };
}

// ---- reading ----

// Read what is shown now; while a reading runs, once more after it.
async function readSoon() {
  if (reading) {
    again = true;
    return;
  }
  reading = true;
  do {
    again = false;
    const isWell = await readNow();
    if (source() !== "picture") await pause(isWell ? BETWEEN_MS : AFTER_PROBLEM_MS);
  } while (again || (source() === "camera" && camera.stream !== null));
  reading = false;
}

// Until so many milliseconds are over, or something else is chosen.
function pause(milliseconds) {
  return new Promise((resolve) => {
    goOn = resolve;
    setTimeout(resolve, milliseconds);
  });
}

// Read what is shown; whether nothing went wrong.
async function readNow() {
  let asked = latest;
  try {
    if (kinds.size === 0) await learn(); // the service did not answer when the page was opened
    const taken = take();
    asked = ++latest;
    const asKind = kind();
    if (taken === null) {
      showNothing("Nothing read yet.");
      return true;
    }
    const result = place() === "browser" ? await readHere(taken, asKind) : await readThere(taken, asKind);
    if (asked !== latest) return true;
    const inWords = place() === "browser" ? "in this browser" : "on the server";
    showReading(result, kinds.get(asKind).calibration.threshold, inWords);
    showMarks(placed(result.marks, taken));
    return true;
  } catch (error) {
    if (asked !== latest) return true;
    if (error instanceof Problem && error.status === 401) element("token-field").hidden = false;
    showProblem(error.message);
    return false;
  }
}

// What directions mean on the dial, as the fields say: low, high, and the sweep as text, "" where it is seen.
function dialScale() {
  const { low, high, sweep } = choices.elements;
  const [from, to] = [low.valueAsNumber, high.valueAsNumber];
  if (!low.checkValidity() || !high.checkValidity() || Math.abs(to - from) < LEAST_RANGE) {
    throw new Problem("The scale needs two different numbers.");
  }
  if (Math.max(Math.abs(from), Math.abs(to)) > LARGEST) throw new Problem("The scale's numbers are too large.");
  return { low: low.valueAsNumber, high: high.valueAsNumber, sweep: sweep.value };
}

async function readThere({ blob, canvas, type }, asKind) {
  const taken = blob ?? (await canvas.convertToBlob({ type, quality: 0.92 }));
  if (asKind !== "dial") return service.read(taken, asKind);
  const { low, high, sweep } = dialScale();
  const [start, end] = sweep.split(":").map(Number);
  const falls = start > end && { direction: "counterclockwise" };
  return service.read(taken, asKind, { range: `${low}:${high}`, ...(sweep && { sweep }), ...falls });
}

async function readHere({ blob, canvas }, asKind) {
  if (!readers.has(asKind)) {
    showNothing("Loading the network into this browser …");
    readers.set(asKind, loadReader(kinds.get(asKind)));
  }
  let reader;
  try {
    reader = await readers.get(asKind);
  } catch (error) {
    readers.delete(asKind);
    throw error;
  }
  const dial = asKind === "dial" ? dialScale() : {};
  if (dial.sweep !== undefined) dial.sweep = dial.sweep ? dial.sweep.split(":").map(Number) : null;
  if (canvas) return reader.read(fromDrawable(canvas, canvas.width, canvas.height), [1, 1], 4, dial);
  return reader.readFile(blob, 4, dial);
}

async function loadReader(of) {
  return Reader.load(of, await service.weight(of), new URL("runtime/", service.base));
}

// Marks of what was taken, in pixels of what is shown.
function placed(marks, { x, y, scale }) {
  const place = ([px, py]) => [(px + 0.5) * scale + x - 0.5, (py + 0.5) * scale + y - 0.5];
  return Object.fromEntries(Object.entries(marks).map(([name, points]) => [name, points.map(place)]));
}

// ---- showing ----

function setView(width, height) {
  overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
  overlay.setAttribute("preserveAspectRatio", "none");
  region.draw();
}

function showFile(chosen) {
  camera.stop();
  file = chosen;
  region.set(null);
  showMarks({});
  choices.elements.source.value = "picture";
  URL.revokeObjectURL(picture.src);
  picture.src = URL.createObjectURL(chosen);
  arrange();
  readSoon();
}

// Show the parts of the page that go with what is chosen; what was asked for before is not shown any more.
function arrange() {
  latest += 1;
  goOn();
  const from = source();
  const hasPicture = from === "picture" && file !== null;
  element("empty").hidden = from !== "picture" || hasPicture;
  element("frame").hidden = from === "picture" && !hasPicture;
  picture.hidden = !hasPicture;
  video.hidden = from !== "camera";
  element("pad").hidden = from !== "pad";
  overlay.toggleAttribute("hidden", hasPicture && picture.complete && picture.naturalWidth === 0);
  overlay.classList.toggle("still", from === "pad");
  overlay.setAttribute("aria-hidden", String(from === "pad"));
  overlay.setAttribute("tabindex", from === "pad" ? "-1" : "0");
  element("another").hidden = !hasPicture;
  element("undo").hidden = element("clear").hidden = from !== "pad";
  element("hint").textContent = hasPicture || from !== "picture" ? HINTS[from] : "";
  element("privacy").textContent = PRIVACY[place()];
  element("dial").hidden = kind() !== "dial";
  for (const option of choices.elements.kind) {
    option.disabled = (kinds.size > 0 && !kinds.has(option.value)) || (from === "pad" && option.value !== "digits");
  }
}

async function changeSource() {
  camera.stop();
  showMarks({});
  region.set(null);
  if (source() === "pad") {
    choices.elements.kind.value = "digits";
    setView(element("pad").width, element("pad").height);
  }
  arrange();
  if (source() === "picture" && file !== null) setView(picture.naturalWidth, picture.naturalHeight);
  if (source() !== "camera") {
    readSoon();
    return;
  }
  showNothing("Asking for the camera …");
  try {
    if (!(await camera.start())) return;
    setView(video.videoWidth, video.videoHeight);
    region.set(guide());
    readSoon();
  } catch (error) {
    showProblem(error.message);
  }
}

// Where to hold the instrument: a square for clocks and dials, a band for digits.
function guide() {
  const shape = video.videoWidth / video.videoHeight;
  const width = kind() === "digits" ? 0.8 : Math.min(0.9 / shape, 0.9);
  const height = kind() === "digits" ? (width * shape) / 4 : width * shape;
  return { x: (1 - width) / 2, y: (1 - height) / 2, width, height };
}

// ---- wiring ----

picture.addEventListener("load", () => setView(picture.naturalWidth, picture.naturalHeight));
picture.addEventListener("error", () => {
  if (file === null) return;
  region.set(null);
  overlay.toggleAttribute("hidden", true);
  element("hint").textContent = "This browser can't show the picture; it is read as a whole.";
});
choices.addEventListener("submit", (event) => event.preventDefault());
choices.addEventListener("change", ({ target }) => {
  if (target.name === "source") changeSource();
  if (target.name === "kind" && camera.stream !== null) region.set(guide());
  if (target.id === "token") {
    service.token = target.value.trim();
    readers = new Map();
    history.load();
  }
  if (target.name !== "source") {
    arrange();
    if (source() === "camera" && camera.stream === null) return; // what is said of the camera stands
    showMarks({});
    readSoon();
  }
});
video.addEventListener("resize", () => {
  if (camera.stream === null) return;
  setView(video.videoWidth, video.videoHeight); // a phone that is turned
  region.set(guide());
});
element("choose").addEventListener("click", () => element("file").click());
element("another").addEventListener("click", () => element("file").click());
element("file").addEventListener("change", ({ target }) => {
  if (target.files.length) showFile(target.files[0]);
  target.value = "";
});
element("undo").addEventListener("click", () => pad.undo());
element("clear").addEventListener("click", () => pad.clear());

for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    element("stage").classList.add("over");
  });
}
for (const name of ["dragleave", "drop"]) {
  document.addEventListener(name, () => element("stage").classList.remove("over"));
}
document.addEventListener("drop", (event) => {
  event.preventDefault();
  takeOver(event.dataTransfer);
});
document.addEventListener("paste", (event) => takeOver(event.clipboardData));

function takeOver(data) {
  const found = [...data.files].find(({ type }) => type.startsWith("image/")) ?? data.files[0];
  if (found !== undefined) showFile(found);
}

window.addEventListener("pagehide", () => camera.stop());
window.addEventListener("pageshow", ({ persisted }) => {
  if (persisted && source() === "camera") changeSource(); // back from another page
});

// What the service reads, and what it has: asked once, and again where there was no answer.
function learn() {
  learning ??= ask().catch((error) => {
    learning = null;
    throw error;
  });
  return learning;
}

async function ask() {
  const what = await service.kinds();
  kinds = new Map(what.kinds.map((of) => [of.kind, of]));
  element("token-field").hidden = !what.token_wanted;
  const inBrowser = [...choices.elements.place].find(({ value }) => value === "browser");
  inBrowser.disabled = !what.in_browser;
  element("not-here").hidden = what.in_browser;
  if (what.log) history.begin();
  arrange();
}

learn().then(changeSource, (error) => showProblem(error.message));
