// Confidence, as calibration.py: a logistic regression on the log-odds of what the network saw.

export function confidenceOf({ weights, features }, seen) {
  let score = weights[features.length];
  features.forEach((name, i) => {
    const p = Math.min(Math.max(seen[name], 1e-4), 1 - 1e-4);
    score += weights[i] * Math.log(p / (1 - p));
  });
  return 1 / (1 + Math.exp(-Math.min(Math.max(score, -30), 30)));
}

export const RUNNERS_UP = 9;

// Runners-up, likeliest first, each with its part of what the reading leaves, as shared_out of reading.py.
export function sharedOut(others, confidence, joint) {
  const sum = others.reduce((total, [, share]) => total + share, 0);
  const spare = (1 - confidence) / Math.max(sum, 1 - joint, 1e-6);
  return [...others]
    .sort((a, b) => b[1] - a[1])
    .slice(0, RUNNERS_UP)
    .map(([value, share]) => ({ value, confidence: Math.min(spare * share, confidence) }));
}
