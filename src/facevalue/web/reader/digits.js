// Rows of digits on drums, and their joint decoding into one number, as codecs/digits.py.

import { argmax, localDirection, logSoftmax } from "./needles.js";
import { roundHalfEven } from "./pictures.js";

export const MOST_DIGITS = 8;
const AS_MANY = 2;
const PLACES = 100; // bins round the drum
const STEPS = 10; // bins from one digit to the next
const MOVING = 9 * STEPS + 1; // from 9.1 on a drum takes its left neighbour along
const PLAY_PLACES = 0.12;
const SETTLED_BINS = 2;
const FLOOR = 1e-6;
const CANDIDATES = 4;
const LEAST_SHARE = 1e-3;
const INSIDE = 0.08;
const TOLD = 0.4;

const DIGIT_OF = Array.from({ length: PLACES }, (_, bin) => Math.floor((bin + SETTLED_BINS) / STEPS) % 10);

// ---- from outputs to a belief ----

// What one picture says of its row. outputs: raw head outputs by name, those of several places one after the other.
export function decodeRow(outputs) {
  const of = (name, k, size) => outputs[name].slice(k * size, (k + 1) * size);
  const rise = [...outputs.count];
  const total = rise.at(-1);
  const count = Math.min(Math.max(roundHalfEven(total), 0), MOST_DIGITS);
  const edges = [0, ...rise];
  const digits = Array.from({ length: count }, (_, k) => k);
  return {
    logProbability: digits.map((k) => logSoftmax(of("place", k, PLACES))),
    points: digits.map((k) => Math.exp(logSoftmax(of("point", k, 2))[1])),
    total,
    lengths: logSoftmax(outputs.length).map(Math.exp),
    spans: digits.map((k) =>
      [INSIDE, 1 - INSIDE].map((inside) => interpolate(Math.min(k + inside, total - INSIDE), edges)),
    ),
    rows: digits.map((k) => [...of("extent", k, 2)]),
  };
}

// Where along -1..1 the edges reach a count.
function interpolate(count, edges) {
  const last = edges.length - 1;
  const at = (k) => (k / last) * 2 - 1;
  if (count <= edges[0]) return at(0);
  if (count >= edges[last]) return at(last);
  let k = last - 1;
  while (edges[k] > count) k--;
  return at(k) + ((at(k + 1) - at(k)) * (count - edges[k])) / (edges[k + 1] - edges[k]);
}

// The first belief with the places of other looks at as many digits multiplied in: together they weigh as AS_MANY.
export function joinRows(beliefs) {
  const [belief] = beliefs;
  if (beliefs.length === 1 || belief.points.length === 0) return belief;
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / beliefs.length;
  return {
    ...belief,
    logProbability: belief.logProbability.map((row, k) =>
      logSoftmax(row.map((_, i) => AS_MANY * mean(beliefs.map((one) => one.logProbability[k][i])))),
    ),
    points: belief.points.map((_, k) => mean(beliefs.map((one) => one.points[k]))),
    lengths: belief.lengths.map((_, k) => mean(beliefs.map((one) => one.lengths[k]))),
  };
}

// ---- from a belief to a number: all drums together ----

function withPlay(row) {
  const kernel = Array.from({ length: 9 }, (_, i) => Math.exp(-0.5 * ((i - 4) / (PLAY_PLACES * STEPS)) ** 2));
  const sum = kernel.reduce((a, b) => a + b);
  return row.map((_, bin) =>
    kernel.reduce((total, k, i) => total + (k / sum) * row[(bin - (i - 4) + PLACES) % PLACES], 0),
  );
}

// Likelihood of each drum and all to the right of it, given where it stands.
function aheadOf(likelihood) {
  const ahead = likelihood.map((row) => Float64Array.from(row));
  for (let k = likelihood.length - 2; k >= 0; k--) {
    const right = ahead[k + 1];
    let resting = 0;
    for (let bin = 0; bin < MOVING; bin++) resting += right[bin];
    for (let bin = 0; bin < PLACES; bin++) {
      const beyond = bin % STEPS;
      ahead[k][bin] *= beyond === 0 ? resting : right[MOVING - 1 + beyond];
    }
  }
  return ahead;
}

// Likelihood of all drums to the left of each, given where it stands.
function behind(likelihood) {
  const before = likelihood.map(() => new Float64Array(PLACES).fill(1));
  for (let k = 1; k < likelihood.length; k++) {
    const byFraction = new Float64Array(STEPS);
    for (let bin = 0; bin < PLACES; bin++) byFraction[bin % STEPS] += before[k - 1][bin] * likelihood[k - 1][bin];
    for (let bin = 0; bin < PLACES; bin++) before[k][bin] = byFraction[bin < MOVING ? 0 : bin - MOVING + 1];
  }
  return before;
}

function marginals(likelihood) {
  const before = behind(likelihood);
  return aheadOf(likelihood).map((row, k) => {
    const product = row.map((value, bin) => value * before[k][bin]);
    const sum = product.reduce((a, b) => a + b);
    return product.map((value) => value / sum);
  });
}

// Probability of each digit of each drum, given the whole row.
function digitShares(likelihood) {
  return marginals(likelihood).map((row) => {
    const shares = new Float64Array(10);
    row.forEach((value, bin) => (shares[DIGIT_OF[bin]] += value));
    return shares;
  });
}

const held = (row, digit) => row.map((value, bin) => (DIGIT_OF[bin] === digit ? value : 0));
const massOf = (likelihood) => aheadOf(likelihood)[0].reduce((a, b) => a + b);

// Numbers with their probabilities, likeliest first: [[digits, share], ...].
function likelyNumbers(likelihood) {
  const shares = digitShares(likelihood);
  const numbers = new Map();
  shares.forEach((share, k) => {
    const ranked = [...share.keys()].sort((a, b) => share[b] - share[a]).slice(0, CANDIDATES);
    ranked.forEach((digit, rank) => {
      const inDoubt = share[ranked[1]] >= LEAST_SHARE;
      if (k > 0 && rank === 0 ? !inDoubt : share[digit] < LEAST_SHARE) return;
      const given = likelihood.map((row, j) => (j === k ? held(row, digit) : row));
      const number = digitShares(given).map(argmax);
      numbers.set(number.join(""), number);
    });
  });
  const whole = massOf(likelihood);
  return [...numbers.keys()]
    .sort()
    .map((key) => numbers.get(key))
    .map((number) => [number, massOf(likelihood.map((row, k) => held(row, number[k]))) / whole])
    .sort((a, b) => b[1] - a[1]);
}

export function withPoint(digits, pointAfter) {
  return pointAfter < 0
    ? digits.join("")
    : `${digits.slice(0, pointAfter + 1).join("")}.${digits.slice(pointAfter + 1).join("")}`;
}

// The likeliest number of a belief: {digits, last, pointAfter, certainty, near, joint, others}.
export function readRow({ logProbability, points }) {
  const count = logProbability.length;
  if (count === 0) return { digits: [], last: 0, pointAfter: -1, certainty: [], near: 0, joint: 0, others: [] };
  const likelihood = logProbability.map((row, k) => {
    const shares = row.map(Math.exp);
    return (k < count - 1 ? withPlay(shares) : shares).map((value) => Math.max(value, FLOOR));
  });
  const numbers = likelyNumbers(likelihood);
  const [digits, joint] = numbers[0];
  const certainty = digitShares(likelihood).map((share, k) => Math.min(share[digits[k]], 1));
  const lastMarginal = marginals(likelihood)[count - 1];
  const asShown = held(lastMarginal, digits[count - 1]).map((value) => Math.log(value + 1e-30));
  const last = (localDirection(asShown, 2) / 360) * 10;
  const found = count > 1 ? argmax(points.slice(0, -1)) : -1;
  const pointAfter = found >= 0 && points[found] >= 0.5 ? found : -1;
  const middle = roundHalfEven(last * STEPS);
  const near = [-1, 0, 1].reduce((sum, offset) => sum + lastMarginal[(middle + offset + PLACES) % PLACES], 0);
  return {
    digits, last: last % 10, pointAfter, certainty,
    near: Math.min(near, 1),
    joint: Math.min(joint, 1),
    others: numbers.slice(1, 10).map(([number, share]) => [withPoint(number, pointAfter), share]),
  };
}

// The digits as seen, leading zeros kept, ? for one that can't be told.
export function textOf({ digits, certainty, pointAfter }) {
  return withPoint(digits.map((digit, k) => (certainty[k] >= TOLD ? String(digit) : "?")), pointAfter) || "?";
}

// The value, with the last drum's fraction in tenths; null where a digit is not told.
export function numberOf(number) {
  const { digits, last, pointAfter } = number;
  if (textOf(number).includes("?")) return null;
  if (digits.length === 1) return Number(last.toFixed(1)) % 10;
  const decimals = pointAfter >= 0 ? digits.length - 1 - pointAfter : 0;
  const fraction = Number((((last - digits[digits.length - 1] + 15) % 10) - 5).toFixed(1));
  // All zeros are not 999999.9.
  const whole = Math.max(Number(digits.join("")) + fraction, 0) % 10 ** digits.length;
  return Number((whole / 10 ** decimals).toFixed(decimals + 1));
}
