// The arithmetic of the sandbox: link text, k-means, NORM and AGG, as in the core. A point is {x, y, c} with class c.

// Values of the core, sent with each run: LOWEST, HIGHEST, PER_UNIT, DIGITS, SEPARATOR, EMPTY.
let FORM = {};
const MOST_ITERATIONS = 300;
const TOLERANCE = 1e-4;

function positionOf(value) {
  return Math.min(Math.max(Math.round(value * FORM.per_unit), FORM.lowest), FORM.highest);
}

// The nearest position of the sandbox, as coordinates.
function snapped({ x, y, c }) {
  return { x: positionOf(x) / FORM.per_unit, y: positionOf(y) / FORM.per_unit, c };
}

function encode(points, classes) {
  const parts = Array.from({ length: classes }, () => "");
  const span = FORM.highest - FORM.lowest + 1;
  for (const { x, y, c } of points) {
    const code = (positionOf(x) - FORM.lowest) * span + positionOf(y) - FORM.lowest;
    parts[c] += FORM.digits[code >> 12] + FORM.digits[(code >> 6) & 63] + FORM.digits[code & 63];
  }
  while (parts.length && !parts.at(-1)) parts.pop();
  return parts.join(FORM.separator) || FORM.empty;
}

function decode(text) {
  const points = [];
  if (text === FORM.empty) return points;
  const span = FORM.highest - FORM.lowest + 1;
  text.split(FORM.separator).forEach((part, c) => {
    for (let i = 0; i < part.length; i += 3) {
      const [a, b, d] = [0, 1, 2].map((j) => FORM.digits.indexOf(part[i + j]));
      const code = (a << 12) | (b << 6) | d;
      const x = Math.floor(code / span) + FORM.lowest;
      const y = (code % span) + FORM.lowest;
      points.push({ x: x / FORM.per_unit, y: y / FORM.per_unit, c });
    }
  });
  return points;
}

// Length 1; a zero vector stays zero.
function l2({ x, y, c }) {
  const peak = Math.max(Math.abs(x), Math.abs(y));
  if (!peak) return { x: 0, y: 0, c };
  const [u, v] = [x / peak, y / peak];
  const scale = 1 / Math.sqrt(u * u + v * v);
  return { x: u * scale, y: v * scale, c };
}

function squaredDistance(p, q) {
  return (p.x - q.x) ** 2 + (p.y - q.y) ** 2;
}

function nearestOf(point, centres) {
  let best = 0;
  let least = Infinity;
  centres.forEach((centre, j) => {
    const distance = squaredDistance(point, centre);
    if (distance < least) [best, least] = [j, distance];
  });
  return best;
}

// k-means++ with scikit-learn's greedy trials; `uniform` are the random numbers of its seed.
function firstCentres(points, k, uniform) {
  const n = points.length;
  const trials = 2 + Math.floor(Math.log(k));
  let reached = 0;
  const steps = points.map(() => (reached += 1 / n));
  const chosen = [steps.filter((step) => step / reached <= uniform[0]).length];
  const distances = (i) => points.map((point) => Math.fround(squaredDistance(point, points[i])));
  let closest = distances(chosen[0]);
  for (let c = 1; c < k; c += 1) {
    let sum = 0;
    const sums = closest.map((distance) => (sum += distance));
    let best = null;
    for (let trial = 0; trial < trials; trial += 1) {
      const threshold = uniform[1 + (c - 1) * trials + trial] * sum;
      const candidate = Math.min(sums.filter((value) => value < threshold).length, n - 1);
      const after = distances(candidate).map((distance, i) => Math.min(distance, closest[i]));
      const total = after.reduce((a, b) => a + b, 0);
      if (!best || total < best.total) best = { candidate, after, total };
    }
    closest = best.after;
    chosen.push(best.candidate);
  }
  return chosen.map((i) => points[i]);
}

// Means of the clusters; an empty cluster moves to the point that is farthest from its centre, as in scikit-learn.
function means(points, labels, centres) {
  const sums = centres.map(({ c }) => ({ x: 0, y: 0, c, size: 0 }));
  points.forEach(({ x, y }, i) => {
    const sum = sums[labels[i]];
    sum.x += x;
    sum.y += y;
    sum.size += 1;
  });
  const empty = sums.filter((sum) => !sum.size);
  const gaps = points.map((point, i) => squaredDistance(point, centres[labels[i]]));
  if (empty.length && Math.max(...gaps) > 0) {
    const farthest = points.map((_, i) => i).sort((i, j) => gaps[j] - gaps[i]);
    empty.forEach((sum, j) => {
      const point = points[farthest[j]];
      const source = sums[labels[farthest[j]]];
      Object.assign(sum, { x: point.x, y: point.y, size: 1 });
      Object.assign(source, { x: source.x - point.x, y: source.y - point.y, size: source.size - 1 });
    });
  }
  return sums.map(({ x, y, c, size }, j) => (size > 0 ? { x: x / size, y: y / size, c } : centres[j]));
}

// All frames of k-means of one class: the start, then in turn the assignment and the moved centres.
function framesOfClass(points, start) {
  const frames = [{ centres: start, labels: null }];
  if (!points.length || !start.length) return frames;
  const center = means(points, points.map(() => 0), [start[0]])[0];
  const variance = points.reduce((sum, point) => sum + squaredDistance(point, center), 0) / points.length / 2;
  let [centres, labels] = [start, null];
  for (let i = 0; i < MOST_ITERATIONS; i += 1) {
    const now = points.map((point) => nearestOf(point, centres));
    if (labels && now.every((label, j) => label === labels[j])) break;
    const moved = means(points, now, centres);
    frames.push({ centres, labels: now }, { centres: moved, labels: now });
    const shift = moved.reduce((sum, centre, j) => sum + squaredDistance(centre, centres[j]), 0);
    [centres, labels] = [moved, now];
    if (shift <= TOLERANCE * variance) break;
  }
  // Each point is a proxy, which no step moves.
  const still = frames.length === 3 && frames[2].centres.every((centre, j) => squaredDistance(centre, start[j]) === 0);
  return still ? [{ centres: start, labels }] : frames;
}

// Frames of k-means in all classes at once. Points and proxies are as NORM pre gives them; `placed` replaces k-means++.
// A frame has proxies, the proxy of each point (-1 before the first assignment), and the sum of squared distances.
function kmeans(points, { k, uniform, placed, classes }) {
  const members = Array.from({ length: classes }, (_, c) => points.map((_, i) => i).filter((i) => points[i].c === c));
  const runs = members.map((rows, c) => {
    const shots = rows.map((i) => points[i]);
    if (placed) return framesOfClass(shots, placed.filter((proxy) => proxy.c === c));
    return framesOfClass(shots, k < shots.length ? firstCentres(shots, k, uniform) : shots);
  });
  const count = Math.max(...runs.map((run) => run.length));
  return Array.from({ length: count }, (_, t) => {
    const proxies = [];
    const labels = points.map(() => -1);
    let spread = 0;
    runs.forEach((run, c) => {
      const frame = run[Math.min(t, run.length - 1)];
      frame.labels?.forEach((label, j) => {
        labels[members[c][j]] = proxies.length + label;
        spread += squaredDistance(points[members[c][j]], frame.centres[label]);
      });
      proxies.push(...frame.centres);
    });
    return { proxies, labels, spread: t || count === 1 ? spread : null };
  });
}

// A function from a vector to its class; -1 without proxies. Of equal scores, the lowest class wins.
function classifier(proxies, normalised, nearest) {
  const weights = proxies.map((proxy) => (normalised ? l2(proxy) : proxy));
  const penalties = weights.map(({ x, y }) => (nearest ? (x * x + y * y) / 2 : 0));
  return (point) => {
    const { x, y } = normalised ? l2(point) : point;
    let predicted = -1;
    let best = -Infinity;
    for (let j = 0; j < weights.length; j += 1) {
      const score = weights[j].x * x + weights[j].y * y - penalties[j];
      if (score > best) [best, predicted] = [score, weights[j].c];
    }
    return predicted;
  };
}
