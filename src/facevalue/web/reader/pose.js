// The pose of a dial: where it lies in a picture, as codecs/pose.py.

import { multiply } from "./pictures.js";

const LEAST_RADIUS = 0.72;
const MOST_RADIUS = 1.1;
const MOST_STRETCH = 0.15;
const MOST_OFFSET = 0.14;

// Homography from the dial (radius 1, twelve up) to the picture's [-1, 1]^2; wild values are bounded.
export function poseMatrix(pose, degrees) {
  const within = (value, least, most) => Math.min(Math.max(Number.isNaN(value) ? 0 : value, least), most);
  const [cx, cy, sxx, sxy, syy, qx, qy] = pose.map((value) => within(value, -1e6, 1e6));
  // The symmetric part's eigenvalues, kept within bounds: along the direction of the larger one, and across it.
  const mean = (sxx + syy) / 2;
  const spread = Math.hypot((sxx - syy) / 2, sxy);
  const larger = within(mean + spread, 0.15, 2.5);
  const smaller = within(mean - spread, 0.15, 2.5);
  const along = Math.atan2(2 * sxy, sxx - syy) / 2;
  const cos = Math.cos(along);
  const sin = Math.sin(along);
  const stretch = [
    larger * cos * cos + smaller * sin * sin, (larger - smaller) * cos * sin,
    (larger - smaller) * cos * sin, larger * sin * sin + smaller * cos * cos,
  ];
  const angle = (degrees * Math.PI) / 180;
  return multiply(
    [
      stretch[0], stretch[1], within(cx, -1.2, 1.2),
      stretch[2], stretch[3], within(cy, -1.2, 1.2),
      within(qx, -0.3, 0.3), within(qy, -0.3, 0.3), 1,
    ],
    [Math.cos(angle), -Math.sin(angle), 0, Math.sin(angle), Math.cos(angle), 0, 0, 0, 1],
  );
}

// Of a dial as it lies in the picture: 1 where it is as wide as that.
function longestRadius([, , sxx, sxy, syy]) {
  return (sxx + syy) / 2 + Math.hypot((sxx - syy) / 2, sxy);
}

const SMALL = 0.6;
const NEARER = 2;

// What is seen once the dial is large enough in the frame, and that frame, as nearer.py.
export async function goNearer(seen, frame, look, roundDial) {
  for (let count = 0; count < NEARER && longestRadius(seen.pose) < SMALL; count += 1) {
    frame = roundDial(frame, seen);
    seen = await look(frame);
  }
  return [seen, frame];
}

// Whether a dial nearly fills the picture, in its middle and seen from the front.
export function isStraight([cx, cy, sxx, sxy, syy]) {
  return (
    Math.min(sxx, syy) > LEAST_RADIUS && Math.max(sxx, syy) < MOST_RADIUS && Math.abs(sxx - syy) < MOST_STRETCH &&
    2 * Math.abs(sxy) < MOST_STRETCH && Math.max(Math.abs(cx), Math.abs(cy)) < MOST_OFFSET
  );
}
