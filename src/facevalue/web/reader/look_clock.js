// How a clock is looked at, as look_clock.py: the whole picture, nearer where the dial is small in it, then the dial
// straightened by what was seen.

import { RUNNERS_UP, confidenceOf, sharedOut } from "./calibration.js";
import {
  candidates, decodeClock, formatTime, joinClocks, likeliestMinutes, massNear, twelveDegrees,
} from "./clock.js";
import { diagonal, multiply, roundHalfEven, warp, wholePicture } from "./pictures.js";
import { goNearer, isStraight, poseMatrix } from "./pose.js";

const FILL = 0.78;
const SURE = 0.9;
const UPRIGHT_DEGREES = 10;
const SECOND_HAND_SEEN = 0.2;
const SECOND_HAND_APART = 9;

export const CODEC = "clock/needles";
export const ENOUGH_PX = 224;

export async function look(weight, picture) {
  const lookFrom = (frame) => lookThrough(weight, picture, frame);
  const whole = wholePicture(picture);
  const [first, frame] = await goNearer(await lookFrom(whole), whole, lookFrom, roundDial);
  if (isEnough(first)) return { first, second: first, both: joinClocks(first, first), frame };
  const straight = roundDial(frame, first);
  const second = await lookFrom(straight);
  return { first, second, both: joinClocks(second, first), frame: straight };
}

// A frame straight round the dial, with a little room, as it was seen through another one.
function roundDial(frame, seen) {
  return multiply(multiply(frame, poseMatrix(seen.pose, twelveDegrees(seen))), diagonal(1 / FILL, 1 / FILL, 1));
}

// Whether the whole picture is what a second look would straighten it to, and its time is beyond doubt.
function isEnough(first) {
  const turned = Math.min(twelveDegrees(first), 360 - twelveDegrees(first));
  return turned < UPRIGHT_DEGREES && isStraight(first.pose) && massNear(first, likeliestMinutes(first)) > SURE;
}

async function lookThrough(weight, picture, frame) {
  return decodeClock(await weight.run(warp(picture, frame, weight.frame_px)));
}

function features({ first, second, both }) {
  const minutes = likeliestMinutes(both);
  return {
    both: massNear(both, minutes),
    first: massNear(first, minutes, 1.5),
    second: massNear(second, minutes, 1.5),
    dial: Math.min(first.dial, second.dial),
  };
}

// {value, number, confidence, uncertain, alternatives, marks} of a look; all alternatives, unrounded.
export function makeReading(weight, seen, scale) {
  const [[minutes, mass], ...others] = candidates(seen.both, RUNNERS_UP + 1);
  const confidence = confidenceOf(weight.calibration, features(seen));
  return {
    value: formatTime(minutes),
    number: Number(minutes.toFixed(2)) % 720,
    confidence,
    uncertain: confidence < weight.calibration.threshold,
    alternatives: sharedOut(others.map(([other, share]) => [formatTime(other), share]), confidence, mass),
    marks: placeMarks(seen, minutes, scale),
  };
}

// Outline of the dial and directions of the hands, in pixels of the full-size picture; pixel centres count from 0.
function placeMarks({ second, frame }, minutes, scale) {
  const twelve = second.turns[roundHalfEven(minutes * 2) % second.turns.length];
  const toPixels = multiply(frame, poseMatrix(second.pose, twelve));
  const place = ([x, y]) => {
    let w = toPixels[6] * x + toPixels[7] * y + toPixels[8];
    if (Math.abs(w) < 1e-6) w = 1e-6;
    return [
      ((toPixels[0] * x + toPixels[1] * y + toPixels[2]) / w) * scale[0] - 0.5,
      ((toPixels[3] * x + toPixels[4] * y + toPixels[5]) / w) * scale[1] - 0.5,
    ];
  };
  const at = (degrees, length) => {
    const angle = (degrees * Math.PI) / 180;
    return [length * Math.sin(angle), -length * Math.cos(angle)];
  };
  const hand = (degrees, length) => [[0, 0], at(degrees, length)].map(place);
  const circle = Array.from({ length: 72 }, (_, k) => place(at(k * 5, 1)));
  const marks = { dial: circle, hour: hand(minutes / 2, 0.5), minute: hand(minutes * 6, 0.8) };
  const degrees = second.secondDegrees - twelve;
  const apart = (other) => Math.abs(((((degrees - other + 180) % 360) + 360) % 360) - 180);
  if (second.secondShare > SECOND_HAND_SEEN && Math.min(apart(minutes / 2), apart(minutes * 6)) > SECOND_HAND_APART) {
    marks.second = hand(degrees, 0.85);
  }
  return marks;
}
