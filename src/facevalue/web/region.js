// The part of the picture that is read: a rectangle that is dragged or moved with keys; null for the whole picture.

const STEP = 0.02; // of the picture, for each press of a key
const LEAST = 0.04; // a smaller one is taken back
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const within = (value, least, most) => Math.min(Math.max(value, least), most);

export class Region {
  // overlay: the SVG element that lies over the picture.  whole: the button that takes the whole picture.
  // changed: called after each change by hand.  tell: is told in words where it lies after one by keys.
  constructor(overlay, whole, changed, tell) {
    this.overlay = overlay;
    this.whole = whole;
    this.rect = overlay.querySelector("#region");
    this.changed = changed;
    this.tell = tell;
    this.shape = null; // {x, y, width, height}, shares of the picture
    this.start = null;
    overlay.addEventListener("pointerdown", (event) => this.begin(event));
    overlay.addEventListener("pointermove", (event) => this.drag(event));
    overlay.addEventListener("pointerup", () => this.end());
    overlay.addEventListener("pointercancel", () => this.end());
    overlay.addEventListener("keydown", (event) => this.press(event));
    whole.addEventListener("click", () => {
      this.set(null);
      this.changed();
    });
  }

  set(shape) {
    this.shape = shape;
    this.whole.hidden = shape === null;
    this.draw();
  }

  draw() {
    const { width, height } = this.overlay.viewBox.baseVal; // some browsers have none without the attribute
    this.rect.toggleAttribute("hidden", this.shape === null);
    const { x, y, width: across, height: down } = this.shape ?? { x: 0, y: 0, width: 0, height: 0 };
    this.rect.setAttribute("x", x * width);
    this.rect.setAttribute("y", y * height);
    this.rect.setAttribute("width", across * width);
    this.rect.setAttribute("height", down * height);
  }

  place(event) {
    const box = this.overlay.getBoundingClientRect();
    return [
      within((event.clientX - box.left) / box.width, 0, 1),
      within((event.clientY - box.top) / box.height, 0, 1),
    ];
  }

  begin(event) {
    if (event.button !== 0) return;
    this.overlay.setPointerCapture(event.pointerId);
    this.start = this.place(event);
  }

  drag(event) {
    if (this.start === null) return;
    const [x, y] = this.place(event);
    const [startX, startY] = this.start;
    this.set({
      x: Math.min(x, startX), y: Math.min(y, startY), width: Math.abs(x - startX), height: Math.abs(y - startY),
    });
  }

  end() {
    if (this.start === null) return;
    this.start = null;
    if (this.shape !== null && (this.shape.width < LEAST || this.shape.height < LEAST)) this.set(null);
    this.changed();
  }

  press(event) {
    const step = KEYS[event.key];
    if (event.key === "Escape") this.set(null);
    else if (step === undefined) return;
    else this.set(moved(this.shape ?? { x: 0.25, y: 0.25, width: 0.5, height: 0.5 }, step, event.shiftKey));
    event.preventDefault();
    this.tell(inWords(this.shape));
    this.changed();
  }
}

function inWords(shape) {
  if (shape === null) return "The whole picture is read.";
  const percent = (share) => Math.round(100 * share);
  const { x, y, width, height } = shape;
  return `Read from ${percent(x)}% to ${percent(x + width)}% across, from ${percent(y)}% to ${percent(y + height)}% down.`;
}

function moved({ x, y, width, height }, [right, down], sizing) {
  if (sizing) {
    return {
      x, y, width: within(width + right * STEP, LEAST, 1 - x), height: within(height + down * STEP, LEAST, 1 - y),
    };
  }
  return { x: within(x + right * STEP, 0, 1 - width), y: within(y + down * STEP, 0, 1 - height), width, height };
}
