// How a row of digits is looked at, as look_row.py: as it is, where that leaves doubt once more, straightened, and a row
// that is doubtful still in four more cuts.

import { confidenceOf, sharedOut } from "./calibration.js";
import { MOST_DIGITS, decodeRow, joinRows, numberOf, readRow, textOf, withPoint } from "./digits.js";
import { diagonal, fitRow, multiply, warp, wholeRow } from "./pictures.js";

const SURE = 0.98;
const DOUBTED = 0.5;
const CUTS = [[1.12, 1], [1, 1.12]];
const DIGITS_SHARE = 0.8;
const SINGLE_SHARE = 0.72;
const EDGE_PX = 2;
const BESIDE_PX = 24;
const STEP_PX = 8;
const ROOM = 0.35;

export const CODEC = "digits/row";
export const ENOUGH_PX = 96;

// {belief, number, frame, agreed}: all views that saw as many digits together, of the number of them that is surest.
export async function look(weight, picture) {
  const frame = wholeRow(picture, weight.frame_px);
  const [first] = await view(weight, picture, [frame]);
  if (first.number.digits.length === 0 || first.sure >= SURE) return { ...first, agreed: first.sure };
  const anew = straightened(first.belief, first.frame, weight.frame_px);
  const several = first.number.digits.length > 1;
  const views = [first, ...(await view(weight, picture, [anew], several))];
  if (isDoubtful(views)) {
    for (const seen of [frame, anew]) {
      const cuts = CUTS.map(([across, down]) => multiply(seen, diagonal(across, down, 1)));
      views.push(...(await view(weight, picture, cuts, several && seen === anew)));
    }
  }
  return join(views);
}

// A look through each frame, or through the middles of all where those show the whole picture. With extend frames show
// above and below the picture what its edge is, otherwise black.
async function view(weight, picture, frames, extend = false) {
  const [width, height] = weight.frame_px;
  const across = Math.max(...frames.map((frame) => widthNeeded(picture, frame, width)));
  const isNarrow = across <= weight.narrow_px;
  const sizePx = [isNarrow ? across : width, height];
  const seen = isNarrow ? frames.map((frame) => multiply(frame, diagonal(across / width, 1, 1))) : frames;
  const [shown, placed] = extend ? extended(picture, seen) : [picture, seen];
  const views = [];
  for (const [k, frame] of seen.entries()) {
    const belief = decodeRow(await weight.run(warp(shown, placed[k], sizePx)));
    const number = readRow(belief);
    views.push({ belief, number, frame, sure: sureness(belief, number) });
  }
  return views;
}

// The picture with its first and last row repeated as far as frames without perspective reach, and those frames in it.
function extended({ data, width, height }, frames) {
  const ys = frames.flatMap(([, , , a, b, c]) => [c - a - b, c + a - b, c + a + b, c - a + b]);
  const [above, below] = [-Math.min(...ys), Math.max(...ys) - height].map((beyond) =>
    Math.max(0, Math.ceil(beyond) + EDGE_PX),
  );
  const long = width * 3;
  const result = new Uint8ClampedArray((above + height + below) * long);
  for (let y = 0; y < above + height + below; y++) {
    const from = Math.min(Math.max(y - above, 0), height - 1) * long;
    result.set(data.subarray(from, from + long), y * long);
  }
  const placed = frames.map((frame) => multiply([1, 0, 0, 0, 1, above, 0, 0, 1], frame));
  return [{ data: result, width, height: above + height + below }, placed];
}

// Pixels across the middle of a frame in which it shows the whole picture, and black beside it. It has no perspective.
function widthNeeded({ width, height }, frame, framePx) {
  const scale = frame[0] * frame[4] - frame[1] * frame[3];
  const xs = [[0, 0], [width, 0], [width, height], [0, height]].map(
    ([x, y]) => (frame[4] * (x - frame[2]) - frame[1] * (y - frame[5])) / scale,
  );
  const reach = Math.max(...xs.map(Math.abs)) * framePx;
  return Math.ceil((reach + 2 * BESIDE_PX) / STEP_PX - 1e-6) * STEP_PX;
}

// Whether views of several digits differ, or one of them is hardly sure.
function isDoubtful(views) {
  const numbers = views.map(({ number }) => number.digits.join(""));
  const several = views.some(({ number }) => number.digits.length > 1);
  return several && (numbers.some((digits) => digits !== numbers[0]) || views.some(({ sure }) => sure < DOUBTED));
}

function join(views) {
  const sums = new Map();
  for (const { number, sure } of views) {
    sums.set(number.digits.length, (sums.get(number.digits.length) ?? 0) + sure);
  }
  const [[count, sum]] = [...sums].sort((a, b) => b[1] - a[1]);
  const alike = views.filter(({ number }) => number.digits.length === count);
  const belief = joinRows(alike.map((one) => one.belief));
  return { belief, number: readRow(belief), frame: alike[0].frame, agreed: sum / views.length };
}

// How near the count is to a whole number: 1 there, 0 half-way between two.
function counted({ total, points }) {
  return Math.max(0, 1 - 2 * Math.abs(total - points.length));
}

// How sure one look is of its number: of each digit, and of how many there are.
function sureness(belief, { digits, joint }) {
  if (digits.length === 0) return 0;
  return joint * belief.lengths[digits.length] * Math.min(1, 2 * counted(belief));
}

function features({ belief, number, agreed }) {
  const count = number.digits.length;
  return {
    joint: number.joint,
    least: Math.min(...number.certainty),
    place: count === 1 ? number.near : number.joint,
    length: belief.lengths[count],
    counted: counted(belief),
    agreed,
  };
}

// Corners of each digit's box in picture pixels, from top left clockwise. The frame has no perspective.
function outline({ spans, rows }, frame) {
  return spans.map(([left, right], k) => {
    const [top, bottom] = rows[k];
    return [[left, top], [right, top], [right, bottom], [left, bottom]].map(([x, y]) => [
      frame[0] * x + frame[1] * y + frame[2],
      frame[3] * x + frame[4] * y + frame[5],
    ]);
  });
}

const mean = (values) => values.reduce((a, b) => a + b) / values.length;

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

// From [-1, 1]^2 to pixels: the digits seen, upright in the frame with a little room.
function straightened(belief, frame, framePx) {
  const boxes = outline(belief, frame);
  const centres = boxes.map((box) => [mean(box.map(([x]) => x)), mean(box.map(([, y]) => y))]);
  const height = Math.max(median(boxes.map((box) => Math.abs(box[2][1] - box[1][1]))), 1);
  const middle = [mean(centres.map(([x]) => x)), mean(centres.map(([, y]) => y))];
  const xs = centres.map(([x]) => x);
  let slope = 0;
  if (centres.length > 1 && Math.max(...xs) - Math.min(...xs) > 0.5 * height) {
    const down = mean(centres.map(([x, y]) => (x - middle[0]) * (y - middle[1])));
    const across = mean(xs.map((x) => (x - middle[0]) ** 2));
    slope = Math.min(Math.max(down / across, -0.5), 0.5);
  }
  const long = Math.hypot(1, slope);
  const along = [1 / long, slope / long];
  const across = [-along[1], along[0]];
  const ends = boxes.flat().map(([x, y]) => x * along[0] + y * along[1]);
  const [least, most] = [Math.min(...ends), Math.max(...ends)];
  const moved = (most + least) / 2 - (middle[0] * along[0] + middle[1] * along[1]);
  const tall = height / (boxes.length > 1 ? DIGITS_SHARE : SINGLE_SHARE);
  const [sx, sy] = fitRow(most - least + 2 * ROOM * height, tall, framePx);
  const half = [framePx[0] / sx / 2, framePx[1] / sy / 2];
  return [
    along[0] * half[0], across[0] * half[1], middle[0] + moved * along[0],
    along[1] * half[0], across[1] * half[1], middle[1] + moved * along[1],
    0, 0, 1,
  ];
}

// {value, number, confidence, uncertain, alternatives, marks} of a look; all alternatives, unrounded.
export function makeReading(weight, seen, scale) {
  const { number, belief, frame } = seen;
  const value = textOf(number);
  const confidence = number.digits.length ? confidenceOf(weight.calibration, features(seen)) : 0;
  const others = [...number.others];
  if (value.includes("?") && number.digits.length) {
    others.unshift([withPoint(number.digits, number.pointAfter), number.joint]); // the best guess
  }
  const alternatives = sharedOut(others, confidence, number.joint);
  const overfull = belief.total > MOST_DIGITS + 0.5;
  return {
    value,
    number: numberOf(number),
    confidence,
    uncertain: value.includes("?") || overfull || confidence < weight.calibration.threshold,
    alternatives,
    marks: Object.fromEntries(
      outline(belief, frame).map((box, k) => [
        `digit ${k + 1}`, box.map(([x, y]) => [x * scale[0] - 0.5, y * scale[1] - 0.5]),
      ]),
    ),
  };
}
