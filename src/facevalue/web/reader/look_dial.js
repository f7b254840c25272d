// How a dial is looked at, as look_dial.py: the whole picture, nearer where the dial is small in it, then the dial
// straightened by what was seen.

import { RUNNERS_UP, confidenceOf } from "./calibration.js";
import {
  ENDS_REACH_DEGREES, decimalsOf, decodeDial, degreesBeyond, directions, isFull, joinDials, makeScale, massNear, placeScale,
  setRight, textOf, valueAt,
} from "./dial.js";
import { localDirection } from "./needles.js";
import { diagonal, multiply, warp, wholePicture } from "./pictures.js";
import { goNearer, isStraight, poseMatrix } from "./pose.js";

const FILL = 0.9;
const SURE = 0.9;
const SURE_REACH_DEGREES = 7.2;
const OFF_DEGREES = 15;
const LEAST_REACH_DEGREES = 1.5;

export const CODEC = "dial/needle";
export const ENOUGH_PX = 192;

// dial: what directions mean, see makeScale; 0 to 10 where the scale's ends are seen when not given.
export async function look(weight, picture, dial) {
  const scale = makeScale(dial);
  const lookFrom = (frame) => lookThrough(weight, picture, frame);
  const whole = wholePicture(picture);
  const [first, frame] = await goNearer(await lookFrom(whole), whole, lookFrom, roundDial);
  const seen = massNear(first.needle, localDirection(first.needle), SURE_REACH_DEGREES);
  if (isStraight(first.pose) && seen > SURE) {
    return placedLook(weight, [first, first, first], frame, scale);
  }
  const straight = roundDial(frame, first);
  const second = await lookFrom(straight);
  return placedLook(weight, [first, second, joinDials(second, first)], straight, scale);
}

// A frame straight round the dial as it was seen through another one.
function roundDial(frame, seen) {
  return multiply(multiply(frame, poseMatrix(seen.pose, 0)), diagonal(1 / FILL, 1 / FILL, 1));
}

// A look of the first belief, the second and both, with the scale placed and the needle set right by that.
function placedLook({ eccentricity }, beliefs, frame, scale) {
  const placed = placeScale(beliefs[2], scale);
  const [first, second, both] = eccentricity
    ? beliefs.map((belief) => setRight(belief, eccentricity, placed.start))
    : beliefs;
  return { first, second, both, frame, scale, placed };
}

async function lookThrough(weight, picture, frame) {
  return decodeDial(await weight.run(warp(picture, frame, weight.frame_px)));
}

function features({ first, second, both, scale, placed }) {
  const degrees = localDirection(both.needle);
  const reach = Math.max(LEAST_REACH_DEGREES, Math.abs(placed.sweep) / 100);
  const ends = scale.sweep !== null ? 1 : Math.min(
    massNear(both.start, placed.start, ENDS_REACH_DEGREES),
    massNear(both.end, placed.start + placed.sweep, ENDS_REACH_DEGREES),
    Math.max(both.full, 1 - both.full),
    scale.clockwise !== null ? 1 : Math.max(both.clockwise, 1 - both.clockwise),
  );
  return {
    both: massNear(both.needle, degrees, reach),
    first: massNear(first.needle, degrees, 2 * reach),
    second: massNear(second.needle, degrees, 2 * reach),
    ends,
    dial: Math.min(first.dial, second.dial),
  };
}

// {value, number, confidence, uncertain, alternatives, marks, scale} of a look; all alternatives, unrounded.
export function makeReading(weight, seen, pictureScale) {
  const { both, scale, placed } = seen;
  const [[, mass], ...others] = directions(both, RUNNERS_UP + 1);
  const value = valueAt(placed, localDirection(both.needle));
  const isOff = degreesBeyond(placed, localDirection(both.needle)) > OFF_DEGREES;
  const confidence = isOff ? 0 : confidenceOf(weight.calibration, features(seen));
  const sum = others.reduce((total, [, share]) => total + share, 0);
  const spare = (1 - confidence) / Math.max(1 - mass, sum, 1e-6);
  const rounded = (degrees) => Number(degrees.toFixed(1));
  const text = valueText(seen, value);
  const shares = new Map();
  for (const [degrees, share] of others) { // off a scale many directions show the same end
    const told = valueText(seen, valueAt(placed, degrees));
    if (told !== text) shares.set(told, (shares.get(told) ?? 0) + spare * share);
  }
  const ranked = [...shares].sort((a, b) => b[1] - a[1]);
  return {
    value: text,
    number: Number(value.toFixed(decimalsOf(scale) + 2)),
    confidence,
    uncertain: confidence < weight.calibration.threshold,
    alternatives: ranked.map(([told, share]) => ({ value: told, confidence: Math.min(share, confidence) })),
    marks: placeMarks(seen, pictureScale),
    scale: { low: placed.low, high: placed.high, start: rounded(placed.start), sweep: rounded(placed.sweep) },
  };
}

function valueText({ scale, placed }, value) {
  const text = textOf(scale, value);
  return isFull(placed) && text === textOf(scale, scale.high) ? textOf(scale, scale.low) : text;
}

// Outline of the dial, its scale and the direction of the needle; pixel centres count from 0.
function placeMarks({ second, both, frame, placed }, scale) {
  const toPixels = multiply(frame, poseMatrix(second.pose, 0));
  const at = (degrees, length) => {
    const angle = (degrees * Math.PI) / 180;
    const [x, y] = [length * Math.sin(angle), -length * Math.cos(angle)];
    let w = toPixels[6] * x + toPixels[7] * y + toPixels[8];
    if (Math.abs(w) < 1e-6) w = 1e-6;
    return [
      ((toPixels[0] * x + toPixels[1] * y + toPixels[2]) / w) * scale[0] - 0.5,
      ((toPixels[3] * x + toPixels[4] * y + toPixels[5]) / w) * scale[1] - 0.5,
    ];
  };
  const needle = localDirection(both.needle);
  return {
    dial: Array.from({ length: 72 }, (_, k) => at(k * 5, 1)),
    scale: Array.from({ length: 48 }, (_, k) => at(placed.start + (placed.sweep * k) / 47, 0.92)),
    needle: [at(0, 0), at(needle, 0.8)],
  };
}
