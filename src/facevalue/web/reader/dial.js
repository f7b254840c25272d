// The dial with one needle, as codecs/dial.py: directions are clockwise degrees from up.

import { localDirection, logSoftmax } from "./needles.js";

const BINS = 120;
const BIN_DEGREES = 360 / BINS;
const SHARES = 100;
const LOG_NO_CHANCE = Math.log(1e-5);
const UPRIGHT_DEGREES = 5;
const TURNED = 0.05;
export const ENDS_REACH_DEGREES = 6;
const ENDS_APART_DEGREES = 12;
const ENDS_SURE = 0.7;

// Where the zero of a full turn points before it is seen, as log-probabilities: mostly up.
const UPRIGHT = (() => {
  const peak = Array.from({ length: BINS }, (_, i) => {
    const away = Math.min(i, BINS - i) * BIN_DEGREES;
    return Math.exp(-0.5 * (away / UPRIGHT_DEGREES) ** 2);
  });
  const sum = peak.reduce((a, b) => a + b, 0);
  return peak.map((value) => Math.log(((1 - TURNED) * value) / sum + TURNED / BINS));
})();

const turned = (degrees) => ((degrees % 360) + 360) % 360;
const apart = (a, b) => Math.abs(turned(a - b + 180) - 180);

// What directions mean. sweep: [start, end] or null where the network finds them; clockwise: null where it says it.
export function makeScale({ low = 0, high = 10, sweep = null, clockwise = null } = {}) {
  return { low, high, sweep, clockwise };
}

export function decimalsOf({ low, high }) {
  return Math.max(0, Math.ceil(-Math.log10(Math.abs(high - low) / SHARES) - 1e-9));
}

export function textOf(scale, value) {
  const text = value.toFixed(decimalsOf(scale));
  return Number(text) === 0 ? (0).toFixed(decimalsOf(scale)) : text;
}

export function decodeDial(outputs) {
  const share = (name) => Math.exp(logSoftmax(outputs[name])[1]);
  return {
    needle: logSoftmax(outputs.needle),
    start: logSoftmax(outputs.start),
    end: logSoftmax(outputs.end),
    full: share("full"),
    clockwise: share("clockwise"),
    dial: share("dial"),
    pose: [...outputs.pose],
  };
}

const joined = (a, b) => logSoftmax(a.map((value, i) => value + b[i]));

// This belief with the needle where it truly stands. by: {shift, sine, cosine}; start: of the scale.
export function setRight(belief, by, start) {
  const needle = belief.needle.map((_, i) => {
    const along = ((i * BIN_DEGREES - start) * Math.PI) / 180;
    const off = by.shift + by.sine * Math.sin(along) + by.cosine * Math.cos(along);
    const place = turned(i * BIN_DEGREES + off) / BIN_DEGREES;
    const below = Math.floor(place);
    const share = place - below;
    return (1 - share) * belief.needle[below % BINS] + share * belief.needle[(below + 1) % BINS];
  });
  return { ...belief, needle: logSoftmax(needle) };
}

// The first belief, with what another look says of directions multiplied in.
export function joinDials(belief, other) {
  return {
    ...belief,
    needle: joined(belief.needle, other.needle),
    start: joined(belief.start, other.start),
    end: joined(belief.end, other.end),
    full: (belief.full + other.full) / 2,
    clockwise: (belief.clockwise + other.clockwise) / 2,
  };
}

export function massNear(logProbability, degrees, reachDegrees) {
  let mass = 0;
  logProbability.forEach((value, i) => {
    const inside = (reachDegrees - apart(i * BIN_DEGREES, degrees)) / BIN_DEGREES + 0.5;
    mass += Math.exp(value) * Math.min(Math.max(inside, 0), 1);
  });
  return mass;
}

// Whether the scale is surely seen to begin and to end at two places, whatever full says.
function hasTwoEnds({ start, end }) {
  const ends = [start, end].map((circle) => [localDirection(circle), circle]);
  const sure = Math.min(...ends.map(([degrees, circle]) => massNear(circle, degrees, ENDS_REACH_DEGREES)));
  return apart(ends[0][0], ends[1][0]) > ENDS_APART_DEGREES && sure > ENDS_SURE;
}

// The scale as it lies in the picture: {low, high, start, sweep}, clockwise sweeps positive.
export function placeScale(belief, scale) {
  const { low, high } = scale;
  if (scale.sweep !== null) {
    const [first, last] = scale.sweep;
    const length = Math.abs(last - first);
    const rising = last > first;
    const clockwise = scale.clockwise ?? rising;
    return { low, high, start: turned(rising === clockwise ? first : last), sweep: clockwise ? length : -length };
  }
  const way = (scale.clockwise ?? belief.clockwise >= 0.5) ? 1 : -1;
  if (belief.full >= 0.5 && !hasTwoEnds(belief)) {
    const seen = belief.start.map((value, i) => (value + belief.end[i]) / 2 + UPRIGHT[i]);
    return { low, high, start: localDirection(logSoftmax(seen)), sweep: way * 360 };
  }
  const start = localDirection(belief.start);
  return { low, high, start, sweep: way * (turned((localDirection(belief.end) - start) * way) || 360) };
}

export const isFull = (placed) => Math.abs(placed.sweep) > 360 - BIN_DEGREES;

// How far a direction lies off the scale, from its nearer end; 0 on it.
export function degreesBeyond({ start, sweep }, degrees) {
  const along = turned((degrees - start) * Math.sign(sweep));
  return Math.max(0, Math.min(along - Math.abs(sweep), 360 - along));
}

// The value where a needle points; beyond the scale that of its nearer end.
export function valueAt(placed, degrees) {
  const length = Math.abs(placed.sweep);
  let along = turned((degrees - placed.start) * Math.sign(placed.sweep));
  if (along > length) along = along - length < 360 - along ? length : 0;
  return placed.low + ((placed.high - placed.low) * along) / length;
}

// The needle's likeliest directions, each [degrees, mass within a bin], best first, none near another.
export function directions(belief, count, apartDegrees = 7.5) {
  const left = belief.needle.slice();
  const found = [];
  while (found.length < count && Math.max(...left) > LOG_NO_CHANCE) {
    const degrees = localDirection(left, 1);
    found.push([degrees, massNear(belief.needle, degrees, 1.5 * BIN_DEGREES)]);
    for (let i = 0; i < BINS; i++) if (apart(i * BIN_DEGREES, degrees) <= apartDegrees) left[i] = -Infinity;
  }
  return [...found.slice(0, 1), ...found.slice(1).sort((a, b) => b[1] - a[1])];
}
