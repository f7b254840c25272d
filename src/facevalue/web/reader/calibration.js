// Confidence, as calibration.py: a logistic regression on the log-odds of what the network saw.

export function confidenceOf({ weights, features }, seen) {
  let score = weights[features.length];
  features.forEach((name, i) => {
    const p = Math.min(Math.max(seen[name], 1e-4), 1 - 1e-4);
    score += weights[i] * Math.log(p / (1 - p));
  });
  return 1 / (1 + Math.exp(-Math.min(Math.max(score, -30), 30)));
}
