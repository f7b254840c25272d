// Paper to write digits on, with a pen, a finger or a mouse.

const INK = "#15181c";
const STROKE_PX = 20;
const ROOM = 0.45; // round the ink, of its height
const FRAME_SHAPE = 5; // how much wider than high the reader's frame is

export class Pad {
  // changed: called when there is new ink, while it is drawn too.
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { willReadFrequently: true });
    this.changed = changed;
    this.strokes = [];
    this.pointer = null; // the one that draws; a palm beside it does not
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.go(event));
    canvas.addEventListener("pointerup", (event) => this.end(event));
    canvas.addEventListener("pointercancel", (event) => this.end(event));
    this.draw();
  }

  get empty() {
    return this.strokes.length === 0;
  }

  clear() {
    this.strokes = [];
    this.draw();
    this.changed();
  }

  undo() {
    this.strokes.pop();
    this.draw();
    this.changed();
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * this.canvas.width,
      ((event.clientY - box.top) / box.height) * this.canvas.height,
    ];
  }

  begin(event) {
    if (event.button !== 0 || this.pointer !== null) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    this.strokes.push([this.place(event)]);
    this.draw();
  }

  go(event) {
    if (event.pointerId !== this.pointer) return;
    const moves = event.getCoalescedEvents?.() ?? [];
    this.strokes.at(-1).push(...(moves.length ? moves : [event]).map((move) => this.place(move)));
    this.draw();
    this.changed();
  }

  end(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = null;
    this.changed();
  }

  draw() {
    drawInk(this.context, this.strokes, 0, 0);
  }

  // The ink with a little room round it, as wide for its height as the reader's frame; where it stands on the pad.
  part() {
    const points = this.strokes.flat();
    const xs = points.map(([x]) => x);
    const ys = points.map(([, y]) => y);
    const [left, right] = [Math.min(...xs) - STROKE_PX / 2, Math.max(...xs) + STROKE_PX / 2];
    const [top, bottom] = [Math.min(...ys) - STROKE_PX / 2, Math.max(...ys) + STROKE_PX / 2];
    const room = ROOM * (bottom - top);
    const height = Math.max(bottom - top + 2 * room, (right - left + 2 * room) / FRAME_SHAPE);
    const width = height * FRAME_SHAPE;
    const x = (left + right - width) / 2;
    const y = (top + bottom - height) / 2;
    const canvas = new OffscreenCanvas(Math.round(width), Math.round(height));
    drawInk(canvas.getContext("2d"), this.strokes, x, y);
    return { canvas, x, y };
  }
}

function drawInk(context, strokes, x, y) {
  const { width, height } = context.canvas;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, width, height);
  context.translate(-x, -y);
  context.strokeStyle = INK;
  context.lineWidth = STROKE_PX;
  context.lineCap = context.lineJoin = "round";
  for (const [[startX, startY], ...rest] of strokes) {
    context.beginPath();
    context.moveTo(startX, startY);
    context.lineTo(startX, startY);
    for (const [toX, toY] of rest) context.lineTo(toX, toY);
    context.stroke();
  }
}
