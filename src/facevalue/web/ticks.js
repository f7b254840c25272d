// Where an axis has its ticks, and what they say.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TIME_STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE),
  ...[1, 2, 3, 6, 12].map((count) => count * HOUR),
  ...[1, 2, 7, 14, 30, 61, 122].map((count) => count * DAY),
];
const CLOCK_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180]; // minutes
const ROWS = 4;

// Values from below the lowest to above the highest, at round steps.
export function valueTicks(lowest, highest, isClock) {
  const wanted = (highest - lowest) / ROWS;
  const step = isClock ? (CLOCK_STEPS.find((one) => one >= wanted) ?? CLOCK_STEPS.at(-1)) : roundUp(wanted, highest);
  const first = Math.floor(lowest / step);
  const last = Math.max(Math.ceil(highest / step), first + 1);
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

// 1, 2 or 5 of a power of ten; for a value that stands still a step that shows.
function roundUp(wanted, value) {
  if (wanted <= 0) return value === 0 ? 1 : 10 ** Math.floor(Math.log10(Math.abs(value)) - 2);
  const power = 10 ** Math.floor(Math.log10(wanted));
  return [1, 2, 5, 10].map((digit) => digit * power).find((one) => one >= wanted * 0.999);
}

// A value in words, as finely as the step to the next.
export function amountOf(value, step, isClock) {
  if (isClock) {
    const minutes = ((Math.round(value) % 720) + 720) % 720;
    return `${Math.floor(minutes / 60) || 12}:${String(minutes % 60).padStart(2, "0")}`;
  }
  return value.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
}

// At most so many round times of this place, each with its label.
export function timeTicks(first, last, most) {
  const step = TIME_STEPS.find((one) => (last - first) / one <= most) ?? TIME_STEPS.at(-1);
  const days = Math.max(1, Math.round(step / DAY));
  const time = new Date(first);
  time.setHours(0, 0, 0, 0); // days may have 23 or 25 hours: ticks go from midnight to midnight
  if (step >= DAY && time < first) time.setDate(time.getDate() + 1);
  const found = [];
  while (time <= last) {
    for (let part = 0; part < DAY; part += step) {
      const tick = new Date(time.getTime() + part);
      if (tick >= first && tick <= last) found.push({ time: tick.getTime(), label: labelOf(tick, last - first) });
    }
    time.setDate(time.getDate() + days);
  }
  return found;
}

function labelOf(tick, span) {
  if (tick.getHours() + tick.getMinutes() === 0 && span > 12 * HOUR) {
    return tick.toLocaleDateString([], { month: "short", day: "numeric" });
  }
  return tick.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}
