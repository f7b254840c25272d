// The only door for pictures, as images.py: whatever is given becomes RGB, and only this module resizes it.
// A picture is {data, width, height}: data is a Uint8ClampedArray of RGB, three bytes a pixel, row after row.

const LEAST_PX = 8; // a side; smaller ones show nothing
const ROW_STRETCH = 1.6;
const ROUNDING = 1e-9;
const FAR = 1.15;

export function roundHalfEven(x) {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}

// ---- opening ----

// A picture file (Blob), upright and over white. A JPEG is reduced by 2, 4 or 8 as long as its smaller side stays
// atLeast pixels, as the server has it decoded. Returns {picture, scale}; scale: full-size pixels for each one.
// Throws an Error whose message is for people.
export async function openFile(blob, atLeast) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", imageOrientation: "from-image" });
  } catch {
    throw new Error("This browser can't open the picture; the server may.");
  }
  if (Math.min(bitmap.width, bitmap.height) < LEAST_PX) {
    const size = `${bitmap.width}×${bitmap.height}`;
    throw new Error(`${size} pixels is too small to read; expected at least ${LEAST_PX} each way.`);
  }
  const picture = fromDrawable(bitmap, bitmap.width, bitmap.height);
  bitmap.close();
  const start = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
  const isJpeg = start[0] === 0xff && start[1] === 0xd8;
  const most = Math.min(Math.floor(picture.width / atLeast), Math.floor(picture.height / atLeast));
  const by = isJpeg ? [8, 4, 2, 1].find((s) => s <= most) ?? 1 : 1;
  const reduced = by === 1 ? picture : reduce(picture, by);
  return { picture: reduced, scale: [picture.width / reduced.width, picture.height / reduced.height] };
}

// An image, a video's frame or a canvas.
export function fromDrawable(drawable, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(drawable, 0, 0, width, height);
  return fromRgba(context.getImageData(0, 0, width, height));
}

export function fromRgba({ data, width, height }) {
  const rgb = new Uint8ClampedArray(width * height * 3);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    rgb[to] = data[from];
    rgb[to + 1] = data[from + 1];
    rgb[to + 2] = data[from + 2];
  }
  return { data: rgb, width, height };
}

// Means of blocks of by x by pixels; the last ones may be smaller.
function reduce({ data, width, height }, by) {
  const across = Math.ceil(width / by);
  const down = Math.ceil(height / by);
  const result = new Uint8ClampedArray(across * down * 3);
  for (let y = 0; y < down; y++) {
    const bottom = Math.min((y + 1) * by, height);
    for (let x = 0; x < across; x++) {
      const right = Math.min((x + 1) * by, width);
      let red = 0, green = 0, blue = 0;
      for (let v = y * by; v < bottom; v++) {
        for (let at = (v * width + x * by) * 3, end = (v * width + right) * 3; at < end; at += 3) {
          red += data[at];
          green += data[at + 1];
          blue += data[at + 2];
        }
      }
      const count = (bottom - y * by) * (right - x * by);
      const to = (y * across + x) * 3;
      result[to] = red / count;
      result[to + 1] = green / count;
      result[to + 2] = blue / count;
    }
  }
  return { data: result, width: across, height: down };
}

// ---- homographies: nine numbers, row after row ----

export function multiply(a, b) {
  const result = new Array(9);
  for (let row = 0; row < 3; row++) {
    for (let column = 0; column < 3; column++) {
      result[row * 3 + column] =
        a[row * 3] * b[column] + a[row * 3 + 1] * b[3 + column] + a[row * 3 + 2] * b[6 + column];
    }
  }
  return result;
}

export function diagonal(a, b, c) {
  return [a, 0, 0, 0, b, 0, 0, 0, c];
}

// From [-1, 1]^2 to pixels: the whole picture, centred, in a square.
export function wholePicture({ width, height }) {
  const half = Math.max(height, width) / 2;
  return [half, 0, width / 2, 0, half, height / 2, 0, 0, 1];
}

// Scales [x, y] that fit a picture of a row of digits into a frame [width, height].
export function fitRow(width, height, [frameWidth, frameHeight]) {
  const across = frameWidth / width;
  const down = frameHeight / height;
  return across < down ? [across, Math.min(down, ROW_STRETCH * across)] : [down, down];
}

// From [-1, 1]^2 to pixels: the whole picture, centred, in a frame of that size.
export function wholeRow({ width, height }, frame) {
  const [across, down] = fitRow(width, height, frame);
  return [frame[0] / across / 2, 0, width / 2, 0, frame[1] / down / 2, height / 2, 0, 0, 1];
}

// ---- sampling ----

// The picture through a homography, antialiased, black outside: RGB of across x down pixels.
export function warp(picture, homography, [across, down]) {
  let matrix = multiply(homography, [2 / across, 0, -1, 0, 2 / down, -1, 0, 0, 1]);
  const black = { data: new Uint8ClampedArray(across * down * 3), width: across, height: down };
  const corners = [[0, 0], [across, 0], [across, down], [0, down]].map(([x, y]) => {
    const w = matrix[6] * x + matrix[7] * y + matrix[8];
    return { w, x: (matrix[0] * x + matrix[1] * y + matrix[2]) / w, y: (matrix[3] * x + matrix[4] * y + matrix[5]) / w };
  });
  if (corners.some(({ w }) => w <= 1e-6)) return black;
  const xs = corners.map(({ x }) => x);
  const ys = corners.map(({ y }) => y);
  const within = (value, most) => Math.min(Math.max(value, 0), most);
  const left = within(Math.floor(Math.min(...xs)) - 2, picture.width);
  const top = within(Math.floor(Math.min(...ys)) - 2, picture.height);
  const right = within(Math.ceil(Math.max(...xs)) + 2, picture.width);
  const bottom = within(Math.ceil(Math.max(...ys)) + 2, picture.height);
  if (right - left < 2 || bottom - top < 2) return black;
  let part = cut(picture, left, top, right - left, bottom - top);
  let twiceArea = 0;
  for (let i = 0; i < 4; i++) twiceArea += xs[i] * ys[(i + 3) % 4] - ys[i] * xs[(i + 3) % 4];
  const step = Math.sqrt(Math.abs(twiceArea) / 2 / (across * down));
  const outside = Math.max(-Math.min(...xs, ...ys), xs[1] - picture.width, ys[2] - picture.height);
  if (outside < ROUNDING && isOnlyScaled(xs, ys, across, down)) {
    const box = [
      Math.max(0, xs[0] - left), Math.max(0, ys[0] - top),
      Math.min(xs[1] - left, part.width), Math.min(ys[2] - top, part.height),
    ];
    return resize(part, across, down, box, step > FAR ? TRIANGLE : CUBIC);
  }
  let shrunk = diagonal(1, 1, 1);
  if (step > FAR) {
    const width = Math.max(2, roundHalfEven(part.width / step));
    const height = Math.max(2, roundHalfEven(part.height / step));
    shrunk = diagonal(width / part.width, height / part.height, 1);
    part = resize(part, width, height);
  }
  matrix = multiply(multiply(shrunk, [1, 0, -left, 0, 1, -top, 0, 0, 1]), matrix);
  return sample(part, matrix.map((value) => value / matrix[8]), across, down);
}

export function cut({ data, width }, left, top, across, down) {
  const result = new Uint8ClampedArray(across * down * 3);
  for (let y = 0; y < down; y++) {
    const from = ((top + y) * width + left) * 3;
    result.set(data.subarray(from, from + across * 3), y * across * 3);
  }
  return { data: result, width: across, height: down };
}

// Whether four corners, from the top left clockwise, are those of an upright frame, its sides scaled alike.
function isOnlyScaled(xs, ys, across, down) {
  const slant = Math.max(
    Math.abs(xs[0] - xs[3]), Math.abs(xs[1] - xs[2]), Math.abs(ys[0] - ys[1]), Math.abs(ys[2] - ys[3]),
  );
  const uneven = Math.abs((xs[1] - xs[0]) / across - (ys[2] - ys[0]) / down);
  return slant < ROUNDING && xs[0] < xs[1] && uneven < ROUNDING;
}

// Pillow's resize of a box: a kernel that is at least as wide as a pixel of the result, first along rows, then along
// columns, in fixed point, so that every pixel is the same as there.
const PRECISION = 22;
const TRIANGLE = { support: 1, at: (x) => Math.max(1 - Math.abs(x), 0) };
const CUBIC = {
  support: 2,
  at: (signed) => {
    const x = Math.abs(signed);
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
  },
};

export function resize(picture, width, height, box = [0, 0, picture.width, picture.height], kernel = TRIANGLE) {
  const [left, top, right, bottom] = box.map(Math.fround);
  return resizeDown(resizeAcross(picture, width, [left, right], kernel), height, [top, bottom], kernel);
}

// For each pixel of the result the first one it is made of, and the weights of that and the next.
function weightsOf(count, to, [start, end], kernel) {
  const scale = Math.fround(end - start) / to;
  const wide = Math.max(scale, 1);
  const reach = kernel.support * wide;
  const rows = [];
  for (let i = 0; i < to; i++) {
    const centre = start + (i + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - reach + 0.5), 0);
    const last = Math.min(Math.trunc(centre + reach + 0.5), count);
    const weights = [];
    let sum = 0;
    for (let j = first; j < last; j++) {
      const weight = kernel.at((j - centre + 0.5) * (1 / wide));
      weights.push(weight);
      sum += weight;
    }
    const fixed = weights.map((weight) => (weight / sum) * 2 ** PRECISION);
    rows.push({ first, weights: fixed.map((weight) => Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5)) });
  }
  return rows;
}

function resizeAcross(picture, width, [left, right], kernel) {
  if (width === picture.width && left === 0 && right === width) return picture;
  const rows = weightsOf(picture.width, width, [left, right], kernel);
  const result = new Uint8ClampedArray(width * picture.height * 3);
  for (let y = 0; y < picture.height; y++) {
    for (let x = 0; x < width; x++) {
      weigh(picture.data, (y * picture.width + rows[x].first) * 3, 3, rows[x].weights, result, (y * width + x) * 3);
    }
  }
  return { data: result, width, height: picture.height };
}

function resizeDown(picture, height, [top, bottom], kernel) {
  if (height === picture.height && top === 0 && bottom === height) return picture;
  const rows = weightsOf(picture.height, height, [top, bottom], kernel);
  const { width } = picture;
  const result = new Uint8ClampedArray(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      weigh(picture.data, (rows[y].first * width + x) * 3, width * 3, rows[y].weights, result, (y * width + x) * 3);
    }
  }
  return { data: result, width, height };
}

function weigh(data, at, stride, weights, result, to) {
  let red = 1 << (PRECISION - 1);
  let green = red;
  let blue = red;
  for (const weight of weights) {
    red += data[at] * weight;
    green += data[at + 1] * weight;
    blue += data[at + 2] * weight;
    at += stride;
  }
  result[to] = red >> PRECISION;
  result[to + 1] = green >> PRECISION;
  result[to + 2] = blue >> PRECISION;
}

// Pillow's bicubic sampling through a homography of pixels, black outside.
function sample({ data, width, height }, m, across, down) {
  const result = new Uint8ClampedArray(across * down * 3);
  const clamp = (value, count) => Math.min(Math.max(value, 0), count - 1);
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < across; x++) {
      const w = m[6] * (x + 0.5) + m[7] * (y + 0.5) + 1;
      const px = (m[0] * (x + 0.5) + m[1] * (y + 0.5) + m[2]) / w;
      const py = (m[3] * (x + 0.5) + m[4] * (y + 0.5) + m[5]) / w;
      if (!(px >= 0 && px < width && py >= 0 && py < height)) continue;
      const left = Math.floor(px - 0.5);
      const top = Math.floor(py - 0.5);
      const dx = px - 0.5 - left;
      const dy = py - 0.5 - top;
      const columns = [-1, 0, 1, 2].map((offset) => clamp(left + offset, width) * 3);
      const rows = [-1, 0, 1, 2].map((offset) => clamp(top + offset, height) * width * 3);
      for (let c = 0; c < 3; c++) {
        const [a, b, d, e] = rows.map((row) =>
          cubic(data[row + columns[0] + c], data[row + columns[1] + c], data[row + columns[2] + c], data[row + columns[3] + c], dx),
        );
        result[(y * across + x) * 3 + c] = Math.floor(Math.min(Math.max(cubic(a, b, d, e, dy), 0), 255));
      }
    }
  }
  return { data: result, width: across, height: down };
}

// The terms are in Pillow's order, so that no value falls on the other side of a whole number.
function cubic(v1, v2, v3, v4, d) {
  return v2 + d * (-v1 + v3 + d * (2 * (v1 - v2) + v3 - v4 + d * (-v1 + v2 - v3 + v4)));
}
