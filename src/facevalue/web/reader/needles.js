// Needles as probabilities over the circle, and their joint decoding into one value, as codecs/needles.py.

export function logSoftmax(logits) {
  const peak = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  let sum = 0;
  for (const value of logits) sum += Math.exp(value - peak);
  return Float64Array.from(logits, (value) => value - peak - Math.log(sum));
}

export function argmax(values) {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

// Sub-bin direction of the strongest peak, 0 <= degrees < 360.
export function localDirection(logProbability, reach = 3) {
  const bins = logProbability.length;
  const peak = argmax(logProbability);
  let sum = 0;
  let moment = 0;
  for (let offset = -reach; offset <= reach; offset++) {
    const weight = Math.exp(logProbability[(peak + offset + bins) % bins] - logProbability[peak]);
    sum += weight;
    moment += weight * offset;
  }
  return (((peak + moment / sum + bins) % bins) * 360) / bins;
}

// Joint score of every value of a two-needle instrument whose dial may be turned. slow, fast, turn: log-probabilities.
// Returns {score, turns}: of each value its log-score, summed over the turns, and the bin of the best turn.
export function decodeTurnedPair(slow, fast, turn, gear, floor = -9) {
  const bins = fast.length;
  const values = gear * bins;
  const [low, quick, zero] = [slow, fast, turn].map((row) => {
    const least = Math.max(...row) + floor;
    return row.map((value) => Math.max(value, least));
  });
  const fine = new Float64Array(values);
  for (let v = 0; v < values; v++) {
    const bin = Math.floor(v / gear);
    const part = v / gear - bin;
    fine[v] = low[bin] + (low[(bin + 1) % bins] - low[bin]) * part;
  }
  const peak = Math.max(...zero);
  const kept = [...zero.keys()].filter((bin) => zero[bin] > peak - 8);
  const score = new Float64Array(values);
  const turns = new Array(values);
  const each = new Float64Array(kept.length);
  for (let v = 0; v < values; v++) {
    for (let k = 0; k < kept.length; k++) {
      each[k] = quick[(v + kept[k]) % bins] + fine[(v + kept[k] * gear) % values] + zero[kept[k]];
    }
    const best = argmax(each);
    let sum = 0;
    for (let k = 0; k < kept.length; k++) sum += Math.exp(each[k] - each[best]);
    score[v] = each[best] + Math.log(sum);
    turns[v] = kept[best];
  }
  return { score, turns };
}
