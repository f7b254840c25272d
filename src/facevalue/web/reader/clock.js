// The clock as a two-needle instrument, as codecs/clock.py: time in half minutes past twelve.

import { argmax, decodeTurnedPair, localDirection, logSoftmax } from "./needles.js";

const BINS = 120;
const HALF_BIN = 0.25;

function minutesAway(index, minutes) {
  const apart = Math.abs(index / 2 - (minutes % 720));
  return Math.min(apart, 720 - apart);
}

// What one picture says of the time. outputs: raw head outputs by name.
export function decodeClock(outputs) {
  const { score, turns } = decodeTurnedPair(
    logSoftmax(outputs.hour), logSoftmax(outputs.minute), logSoftmax(outputs.twelve), 12,
  );
  const second = logSoftmax(outputs.second);
  return {
    logProbability: logSoftmax(score),
    turns: turns.map((bin) => (bin * 360) / BINS),
    pose: [...outputs.pose],
    dial: Math.exp(logSoftmax(outputs.dial)[1]),
    secondDegrees: localDirection(second),
    secondShare: Math.exp(Math.max(...second)),
  };
}

export function twelveDegrees(belief) {
  return belief.turns[argmax(belief.logProbability)];
}

// The first belief, with the time's probabilities multiplied by those of another look.
export function joinClocks(belief, other) {
  return { ...belief, logProbability: logSoftmax(belief.logProbability.map((v, i) => v + other.logProbability[i])) };
}

export function likeliestMinutes(belief) {
  return localDirection(belief.logProbability) * 2;
}

export function massNear(belief, minutes, reachMinutes = 1) {
  let mass = 0;
  belief.logProbability.forEach((value, i) => {
    if (minutesAway(i, minutes) <= reachMinutes + HALF_BIN) mass += Math.exp(value);
  });
  return mass;
}

// The likeliest times, each [minutes, mass within a minute], best first, none near a better one.
export function candidates(belief, count, apartMinutes = 2.5) {
  const left = belief.logProbability.slice();
  const found = [];
  while (found.length < count && Number.isFinite(Math.max(...left))) {
    const minutes = localDirection(left) * 2;
    let mass = 0;
    for (let i = 0; i < left.length; i++) {
      const away = minutesAway(i, minutes);
      if (away <= 1 + HALF_BIN) mass += Math.exp(left[i]);
      if (away <= apartMinutes) left[i] = -Infinity;
    }
    found.push([minutes, mass]);
  }
  return [...found.slice(0, 1), ...found.slice(1).sort((a, b) => b[1] - a[1])];
}

// 12-hour H:MM of a time in minutes past twelve.
export function formatTime(minutes) {
  const whole = Math.floor(minutes + 0.5) % 720;
  return `${Math.floor(whole / 60) || 12}:${String(whole % 60).padStart(2, "0")}`;
}
