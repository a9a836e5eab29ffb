// The sandbox: points and proxies on a canvas that the script changes at once; the server stores them in the link.

const SVG = "http://www.w3.org/2000/svg";
// Half of the range of both axes.
const REACH = 2.56;
const REGION_ALPHA = 56;
// Sizes in pixels.
const CELL = 3;
const RADIUS = 5;
const STAR = 13;
// Width at which symbols have these sizes; they are smaller on a phone.
const FULL_WIDTH = 520;
const MOUSE_REACH = 12;
const TOUCH_REACH = 24;
// Distance at which a star covers another one.
const COVER = 0.08;
// Distance of painted points, and their random deviation from the pointer.
const SPACING = 0.09;
const SCATTER = 0.16;
const KEY_STEP = 0.05;
const LONG_KEY_STEP = 0.25;
const PLAY_MS = 800;
// Milliseconds after the last key until the change is sent, and after which an answer counts as lost.
const KEY_PAUSE = 400;
const PATIENCE = 4000;
const MOST_UNDO = 50;
// Outlines of symbols with radius 1, by their names in Plotly.
const SHAPES = {
  circle: "M-1 0A1 1 0 1 1 1 0A1 1 0 1 1-1 0Z",
  square: "M-.9-.9H.9V.9H-.9Z",
  diamond: "M0-1.25L1.25 0L0 1.25L-1.25 0Z",
  cross: "M-.45-1.2H.45V-.45H1.2V.45H.45V1.2H-.45V.45H-1.2V-.45H-.45Z",
  star: "M0-1L.23-.32L.95-.31L.38.12L.59.81L0 .4L-.59.81L-.38.12L-.95-.31L-.23-.32Z",
};
const OUTLINES = Object.fromEntries(Object.entries(SHAPES).map(([name, path]) => [name, new Path2D(path)]));
const TOOLS = [
  ["move", "Move"],
  ["paint", "Paint points"],
  ["place", "Place proxies"],
  ["remove", "Remove"],
];

function element(tag, className, parent, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  parent?.appendChild(node);
  return node;
}

function shape(tag, attributes, parent) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  parent.appendChild(node);
  return node;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function button(parent, label, onClick) {
  const node = element("button", "", parent, label);
  node.type = "button";
  node.addEventListener("click", onClick);
  return node;
}

function plural(count, noun, nouns = `${noun}s`) {
  return `${count} ${count === 1 ? noun : nouns}`;
}

// State. `placed` are moved proxies, or null for those of k-means; `step` is a frame of k-means, Infinity for the last.

function texts(app) {
  const classes = app.data.colors.length;
  return { points: encode(app.points, classes), proxies: app.placed ? encode(app.placed, classes) : "" };
}

function load(app, { points, proxies }) {
  app.points = decode(points);
  app.placed = proxies ? decode(proxies) : null;
  app.step = app.placed ? 0 : Infinity;
  app.selected = null;
  pause(app);
}

function compute(app) {
  const { k, uniform, normalised, nearest, colors } = app.data;
  const vectors = normalised ? app.points.map(l2) : app.points;
  app.frames = kmeans(vectors, { k, uniform, placed: app.placed, classes: colors.length });
  app.index = Math.min(app.step, app.frames.length - 1);
  app.frame = app.frames[app.index];
  app.classify = classifier(app.frame.proxies, normalised, nearest);
  app.predicted = app.points.map(app.classify);
}

// Proxies as displayed: before and after NORM post.
function shownProxies(app) {
  return app.frame.proxies.map((before) => ({ before, after: app.data.normalised ? l2(before) : before }));
}

function itemsOf(app, kind) {
  return kind === "point" ? app.points : app.frame.proxies;
}

// Moved proxies start at the displayed ones, in the order of their classes.
function placeProxies(app) {
  if (app.placed && app.index === 0) return;
  app.placed = app.frame.proxies.map(snapped);
  app.step = 0;
  pause(app);
}

function moveItem(app, { kind, index }, to) {
  if (kind === "proxy") placeProxies(app);
  const items = kind === "point" ? app.points : app.placed;
  items[index] = snapped({ ...to, c: items[index].c });
}

function removeItem(app, { kind, index }) {
  if (kind === "proxy") placeProxies(app);
  (kind === "point" ? app.points : app.placed).splice(index, 1);
  app.selected = null;
}

function addItem(app, kind, at) {
  if (kind === "proxy") placeProxies(app);
  const items = kind === "point" ? app.points : app.placed;
  const most = kind === "point" ? app.data.most_points : app.data.most_proxies;
  if (items.length >= most) {
    setText(app.notice, `The sandbox has at most ${most} ${kind === "point" ? "points" : "proxies"}. Remove some first.`);
    return null;
  }
  // Proxies stay in the order of their classes, as the link has them.
  const c = app.chosen;
  const after = kind === "proxy" ? items.findIndex((item) => item.c > c) : -1;
  const index = after < 0 ? items.length : after;
  items.splice(index, 0, snapped({ ...at, c }));
  return { kind, index };
}

// Messages: one at a time; a change meanwhile is sent after the answer.

function commit(app) {
  clearTimeout(app.timer);
  app.timer = 0;
  const now = texts(app);
  const last = app.history.at(-1);
  if (now.points === last.points && now.proxies === last.proxies) return;
  app.history.push(now);
  app.history.splice(0, app.history.length - MOST_UNDO);
  send(app);
}

function commitSoon(app) {
  clearTimeout(app.timer);
  app.timer = setTimeout(() => commit(app), KEY_PAUSE);
}

function send(app) {
  app.changed = true;
  app.box.dataset.saved = "false";
  if (app.waiting && performance.now() - app.sentAt < PATIENCE) {
    setTimeout(() => app.changed && send(app), PATIENCE);
    return;
  }
  app.changed = false;
  app.waiting = true;
  app.sentAt = performance.now();
  app.number += 1;
  app.report("changed", { number: app.number, ...texts(app) });
}

function undo(app) {
  if (app.history.length < 2) return;
  app.history.pop();
  load(app, app.history.at(-1));
  send(app);
  schedule(app);
}

// What the server sent is taken over unless this page has changed since.
function receive(app, data) {
  const before = app.data;
  app.data = data;
  FORM = data.form;
  if (!before) app.number = data.number;
  if (data.number >= app.number) app.waiting = false;
  const sent = { points: data.points, proxies: data.proxies };
  const settings = ({ k, seed, normalised }) => [k, seed, normalised].join();
  if (before && settings(before) !== settings(data)) {
    app.step = app.placed ? 0 : Infinity;
    pause(app);
  }
  const pending = app.waiting || app.changed || app.gesture || app.timer;
  const { points, proxies } = before ? texts(app) : {};
  if (!before || (!pending && (points !== sent.points || proxies !== sent.proxies))) {
    load(app, sent);
    app.history.push(sent);
  }
  if (app.changed && !app.waiting) send(app);
  schedule(app);
}

// Drawing.

function scaleOf(app) {
  const width = app.canvas.clientWidth;
  const size = Math.min(1, Math.max(0.75, width / FULL_WIDTH));
  return { width, size, x: (x) => ((x + REACH) / (2 * REACH)) * width, y: (y) => ((REACH - y) / (2 * REACH)) * width };
}

function drawRegions(app, width) {
  const cells = Math.max(2, Math.ceil(width / CELL));
  if (app.regions.width !== cells) app.regions.width = app.regions.height = cells;
  const context = app.regions.getContext("2d");
  const image = context.createImageData(cells, cells);
  const colors = app.data.colors.map((color) => [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16)));
  const centre = (i) => ((i + 0.5) / cells) * 2 * REACH - REACH;
  for (let row = 0, at = 0; row < cells; row += 1) {
    for (let column = 0; column < cells; column += 1, at += 4) {
      const predicted = app.classify({ x: centre(column), y: -centre(row) });
      if (predicted < 0) continue;
      [image.data[at], image.data[at + 1], image.data[at + 2]] = colors[predicted];
      image.data[at + 3] = REGION_ALPHA;
    }
  }
  context.putImageData(image, 0, 0);
  app.context.drawImage(app.regions, 0, 0, width, width);
}

function drawShape(context, name, x, y, radius, { fill, stroke, line = 1, alpha = 1 }) {
  context.save();
  context.translate(x, y);
  context.scale(radius, radius);
  if (fill) {
    context.globalAlpha = alpha;
    context.fillStyle = fill;
    context.fill(OUTLINES[name]);
    context.globalAlpha = 1;
  }
  if (stroke) {
    context.strokeStyle = stroke;
    context.lineWidth = line / radius;
    context.stroke(OUTLINES[name]);
  }
  context.restore();
}

function drawLine(context, scale, from, to, color, width, alpha = 1) {
  context.globalAlpha = alpha;
  context.strokeStyle = color;
  context.lineWidth = width;
  context.beginPath();
  context.moveTo(scale.x(from.x), scale.y(from.y));
  context.lineTo(scale.x(to.x), scale.y(to.y));
  context.stroke();
  context.globalAlpha = 1;
}

function drawAxes(app, scale, color) {
  const { context } = app;
  drawLine(context, scale, { x: -REACH, y: 0 }, { x: REACH, y: 0 }, color, 1, 0.35);
  drawLine(context, scale, { x: 0, y: -REACH }, { x: 0, y: REACH }, color, 1, 0.35);
  context.globalAlpha = app.data.normalised ? 0.9 : 0.35;
  context.setLineDash(app.data.normalised ? [] : [4, 4]);
  context.beginPath();
  context.arc(scale.x(0), scale.y(0), scale.x(1) - scale.x(0), 0, 2 * Math.PI);
  context.stroke();
  context.setLineDash([]);
  context.fillStyle = color;
  context.font = `12px ${app.style.getPropertyValue("--st-font")}, sans-serif`;
  context.fillText("length 1", scale.x(0.03), scale.y(-1) + 15);
  context.globalAlpha = 1;
}

function drawPoints(app, scale, text) {
  const { context, data, frame } = app;
  const vectors = data.normalised ? app.points.map(l2) : app.points;
  const stepping = app.index > 0 && (app.index < app.frames.length - 1 || app.playing);
  const numberInClass = frame.proxies.map((proxy, j) => j - frame.proxies.findIndex(({ c }) => c === proxy.c));
  app.points.forEach((point, i) => {
    const color = data.colors[point.c];
    const label = frame.labels[i];
    if (stepping && label >= 0) drawLine(context, scale, vectors[i], frame.proxies[label], color, 1, 0.55);
    if (!data.normalised) return;
    const active = app.selected?.kind === "point" && app.selected.index === i;
    drawLine(context, scale, point, vectors[i], active ? text : color, active ? 2 : 1, active ? 1 : 0.3);
    drawShape(context, "circle", scale.x(vectors[i].x), scale.y(vectors[i].y), 2.5 * scale.size, { fill: color });
  });
  app.points.forEach((point, i) => {
    const color = data.colors[point.c];
    const wrong = app.predicted[i] !== point.c;
    // While k-means runs, the clusters of a class differ in opacity.
    const cluster = stepping && frame.labels[i] >= 0 ? numberInClass[frame.labels[i]] : 0;
    const alpha = [1, 0.15, 0.6, 0.35][cluster % 4];
    const [x, y] = [scale.x(point.x), scale.y(point.y)];
    drawShape(context, data.symbols[point.c], x, y, RADIUS * scale.size, { fill: color, alpha, stroke: wrong ? text : color, line: wrong ? 2 : 1.2 });
  });
}

function drawProxies(app, scale, text, background) {
  const { context, data } = app;
  const proxies = shownProxies(app);
  proxies.forEach(({ before, after }, i) => {
    const color = data.colors[before.c];
    // Below stars of other classes, a star is larger, so that it remains visible.
    const covers = proxies.slice(i + 1).filter(({ after: other }) => other.c !== after.c && squaredDistance(after, other) < COVER ** 2);
    const radius = STAR * scale.size * (1 + 0.7 * new Set(covers.map(({ after: other }) => other.c)).size);
    if (data.normalised) {
      drawLine(context, scale, before, after, text, 1.5);
      drawShape(context, "circle", scale.x(before.x), scale.y(before.y), 4, { fill: background, stroke: text, line: 1.5 });
    }
    drawShape(context, "star", scale.x(after.x), scale.y(after.y), radius, { fill: color, stroke: text, line: 1.6 });
  });
}

function drawSelection(app, scale, color) {
  if (!app.selected) return;
  const { kind, index } = app.selected;
  const { x, y } = kind === "point" ? app.points[index] : shownProxies(app)[index].after;
  app.context.strokeStyle = color;
  app.context.lineWidth = 2.5;
  app.context.beginPath();
  app.context.arc(scale.x(x), scale.y(y), kind === "point" ? 10 : 17, 0, 2 * Math.PI);
  app.context.stroke();
}

function draw(app) {
  app.scheduled = false;
  const { canvas, context } = app;
  const scale = scaleOf(app);
  if (!scale.width) return;
  compute(app);
  const ratio = window.devicePixelRatio || 1;
  const pixels = Math.round(scale.width * ratio);
  if (canvas.width !== pixels) canvas.width = canvas.height = pixels;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, scale.width, scale.width);
  app.style = getComputedStyle(app.box);
  const [text, background, accent] = ["text", "background", "primary"].map((name) =>
    app.style.getPropertyValue(`--st-${name}-color`).trim(),
  );
  drawRegions(app, scale.width);
  context.strokeStyle = text;
  drawAxes(app, scale, text);
  drawPoints(app, scale, text);
  drawProxies(app, scale, text, background);
  drawSelection(app, scale, accent);
  drawTexts(app);
}

function schedule(app) {
  if (app.scheduled) return;
  app.scheduled = true;
  requestAnimationFrame(() => draw(app));
}

function statusOf(app) {
  const { frames, index } = app;
  const last = index === frames.length - 1;
  const moves = Math.ceil(index / 2);
  if (!app.points.length) return "Paint points to start.";
  if (!app.frame.proxies.length) return "Place proxies, or restore those of k-means.";
  if (last && frames.length === 1 && app.placed) return "You moved proxies. k-means would not move them further.";
  if (last && frames.length === 1) return "Each point is a proxy, so k-means has nothing to do.";
  if (last) return `k-means converged after ${plural(frames.length - 1 >> 1, "step")}.`;
  if (!index && app.placed) return "You moved proxies. Step runs k-means from there.";
  if (!index) return "Start: k-means++ chose points as proxies.";
  if (index % 2) return `Step ${moves}: each point joins the nearest proxy of its class.`;
  return `Step ${moves}: each proxy moves to the mean of its points.`;
}

function drawSpread(app) {
  const spreads = app.frames.map((frame) => frame.spread);
  const highest = Math.max(...spreads, 1e-9);
  // The start has no clusters yet.
  const width = 280 / Math.max(1, spreads.length - 2);
  const corner = (spread, t) => `${(10 + Math.max(0, t - 1) * width).toFixed(1)},${(54 - (46 * spread) / highest).toFixed(1)}`;
  const line = (most) => spreads.map((spread, t) => (spread === null || t > most ? "" : corner(spread, t))).join(" ").trim();
  app.allSpreads.setAttribute("points", line(Infinity));
  app.spreads.setAttribute("points", line(app.index));
  const now = app.points.length ? app.frame.spread : null;
  const [cx, cy] = (now === null ? "-20,0" : corner(now, app.index)).split(",");
  app.marker.setAttribute("cx", cx);
  app.marker.setAttribute("cy", cy);
  setText(app.spread, now === null ? "–" : now.toFixed(2));
}

function drawTexts(app) {
  const { points, predicted, data, frame } = app;
  const correct = points.filter((point, i) => predicted[i] === point.c).length;
  setText(app.share, points.length && frame.proxies.length ? `${((100 * correct) / points.length).toFixed(1)} %` : "–");
  setText(app.counts, `${correct} of ${plural(points.length, "point")}`);
  setText(app.status, statusOf(app));
  setText(app.play, app.playing ? "Pause" : "Play");
  app.stepButton.disabled = app.playing || app.index === app.frames.length - 1;
  app.play.disabled = app.reset.disabled = app.frames.length === 1;
  app.undo.disabled = app.history.length < 2;
  app.restore.hidden = !app.placed;
  for (const [name, node] of Object.entries(app.tools)) node.ariaPressed = String(name === app.tool);
  app.classes.forEach((node, c) => {
    node.ariaPressed = String(c === app.chosen);
    setText(node.count, `(${points.filter((point) => point.c === c).length})`);
  });
  app.canvas.className = app.tool;
  drawSpread(app);
  const parts = [`${plural(points.length, "point")}, ${plural(frame.proxies.length, "proxy", "proxies")}.`, app.status.textContent];
  setText(app.description, `${parts.join(" ")} ${app.share.textContent} of points are in their own class's region.`);
  // For tests.
  Object.assign(app.box.dataset, {
    ...texts(app),
    predicted: predicted.join(""),
    centres: JSON.stringify(shownProxies(app).map(({ after }) => [after.x, after.y, after.c])),
    saved: String(!app.waiting && !app.changed && !app.timer),
  });
}

// k-means.

function pause(app) {
  clearInterval(app.playing);
  app.playing = 0;
}

function step(app) {
  app.step = Math.min(app.index + 1, app.frames.length - 1);
  app.index = app.step;
  if (app.step === app.frames.length - 1) {
    pause(app);
    if (!app.placed) app.step = Infinity;
  }
  schedule(app);
}

function play(app) {
  if (app.playing) pause(app);
  else {
    if (app.index === app.frames.length - 1) app.step = app.index = 0;
    app.playing = setInterval(() => (app.box.isConnected ? step(app) : pause(app)), PLAY_MS);
  }
  schedule(app);
}

// Pointer and keyboard.

function positionAt(app, event) {
  const box = app.canvas.getBoundingClientRect();
  const along = (offset) => (offset / box.width) * 2 * REACH - REACH;
  return { x: along(event.clientX - box.left), y: -along(event.clientY - box.top) };
}

function itemAt(app, at, event, kinds) {
  const reach = ((event.pointerType === "touch" ? TOUCH_REACH : MOUSE_REACH) / app.canvas.clientWidth) * 2 * REACH;
  const candidates = [];
  if (kinds.includes("proxy")) {
    shownProxies(app).forEach(({ before, after }, index) => {
      // The larger star is in front of the points.
      const distance = Math.min(squaredDistance(at, after) / 1.6, squaredDistance(at, before));
      candidates.push({ kind: "proxy", index, distance });
    });
  }
  if (kinds.includes("point")) {
    app.points.forEach((point, index) => candidates.push({ kind: "point", index, distance: squaredDistance(at, point) }));
  }
  const near = candidates.filter(({ distance }) => distance <= reach ** 2).sort((a, b) => a.distance - b.distance)[0];
  return near ? { kind: near.kind, index: near.index } : null;
}

function press(app, event) {
  if (event.button) return;
  app.canvas.setPointerCapture(event.pointerId);
  setText(app.notice, "");
  const position = positionAt(app, event);
  app.gesture = app.tool;
  app.last = position;
  if (app.tool === "paint") app.selected = addItem(app, "point", position);
  else if (app.tool === "remove") {
    const item = itemAt(app, position, event, ["point", "proxy"]);
    if (item) removeItem(app, item);
  } else {
    app.selected = itemAt(app, position, event, app.tool === "place" ? ["proxy"] : ["point", "proxy"]);
    if (app.tool === "place") app.selected ??= addItem(app, "proxy", position);
  }
  compute(app);
  announce(app);
  schedule(app);
}

function drag(app, event) {
  if (!app.gesture) return;
  const position = positionAt(app, event);
  if (app.gesture === "paint") {
    if (squaredDistance(position, app.last) < SPACING ** 2) return;
    app.last = position;
    const scattered = (value) => value + (Math.random() - 0.5) * SCATTER;
    app.selected = addItem(app, "point", { x: scattered(position.x), y: scattered(position.y) });
  } else if (app.gesture === "remove") {
    const item = itemAt(app, position, event, ["point", "proxy"]);
    if (item) removeItem(app, item);
    else return;
  } else if (app.selected) moveItem(app, app.selected, position);
  else return;
  // The next event may come before the next frame.
  compute(app);
  schedule(app);
}

function release(app) {
  if (!app.gesture) return;
  if (app.gesture === "paint") app.selected = null;
  app.gesture = "";
  commit(app);
  schedule(app);
}

function select(app, by) {
  const all = ["point", "proxy"].flatMap((kind) => itemsOf(app, kind).map((_, index) => ({ kind, index })));
  if (!all.length) return;
  const now = all.findIndex(({ kind, index }) => kind === app.selected?.kind && index === app.selected.index);
  app.selected = all[now < 0 && by > 0 ? 0 : (Math.max(now, 0) + by + all.length) % all.length];
}

function announce(app) {
  if (!app.selected) return setText(app.selection, "");
  const { kind, index } = app.selected;
  const { x, y, c } = itemsOf(app, kind)[index];
  const noun = kind === "point" ? "Point" : "Proxy";
  return setText(app.selection, `${noun} of class ${c + 1} at ${x.toFixed(2)}, ${y.toFixed(2)}`);
}

function pressKey(app, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const length = event.shiftKey ? LONG_KEY_STEP : KEY_STEP;
  const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
  const key = event.key.toLowerCase();
  if (arrow) {
    if (!app.selected) select(app, 1);
    else {
      const { x, y } = itemsOf(app, app.selected.kind)[app.selected.index];
      moveItem(app, app.selected, { x: x + arrow[0] * length, y: y + arrow[1] * length });
    }
  } else if (key === "n" || key === "p") select(app, key === "n" ? 1 : -1);
  else if ((key === "delete" || key === "backspace") && app.selected) removeItem(app, app.selected);
  else if (key === "enter") {
    const { x, y } = app.selected ? itemsOf(app, app.selected.kind)[app.selected.index] : { x: 0.9, y: 1 };
    app.selected = addItem(app, app.tool === "place" ? "proxy" : "point", { x: x + 0.1, y });
  } else if (key === "escape") app.selected = null;
  else return;
  event.preventDefault();
  compute(app);
  announce(app);
  schedule(app);
  commitSoon(app);
}

// The page's elements, once per mount.

function build(parent) {
  const app = { points: [], placed: null, step: Infinity, history: [], selected: null, tool: "move", chosen: 0, number: 0 };
  app.box = element("div", "sandbox", parent);
  const bar = element("div", "choices bar", app.box);
  const tools = element("div", "choices", bar);
  Object.assign(tools, { role: "group", ariaLabel: "Tool" });
  app.tools = {};
  for (const [name, label] of TOOLS) {
    app.tools[name] = button(tools, label, () => {
      app.tool = name;
      schedule(app);
    });
  }
  app.undo = button(tools, "Undo", () => undo(app));
  const classes = element("div", "choices classes", bar);
  Object.assign(classes, { role: "group", ariaLabel: "Class of new points and proxies" });
  app.classGroup = classes;
  app.canvas = element("canvas", "", app.box);
  app.context = app.canvas.getContext("2d");
  app.regions = document.createElement("canvas");
  Object.assign(app.canvas, { tabIndex: 0, role: "application", ariaLabel: "Points and proxies" });
  app.canvas.setAttribute("aria-describedby", "sandbox-description sandbox-keys");

  const side = element("div", "side", app.box);
  const share = element("section", "", side);
  element("h3", "", share, "Share of points in their own class's region");
  app.share = element("p", "value", share);
  app.counts = element("p", "note", share);
  const steps = element("section", "", side);
  element("h3", "", steps, "k-means");
  const row = element("div", "choices", steps);
  app.play = button(row, "Play", () => play(app));
  app.stepButton = button(row, "Step", () => step(app));
  app.reset = button(row, "Reset", () => {
    app.step = 0;
    pause(app);
    schedule(app);
  });
  app.restore = button(row, "Restore k-means", () => {
    app.placed = app.selected = null;
    app.step = Infinity;
    commit(app);
    schedule(app);
  });
  app.status = element("p", "status", steps);
  app.status.ariaLive = "polite";
  const line = element("p", "note", steps, "Within-cluster sum of squares: ");
  app.spread = element("strong", "", line);
  const chart = shape("svg", { viewBox: "0 0 300 60", "aria-hidden": "true" }, steps);
  app.allSpreads = shape("polyline", { class: "all" }, chart);
  app.spreads = shape("polyline", { class: "past" }, chart);
  app.marker = shape("circle", { r: 4 }, chart);
  const legend = element("div", "legend", app.box);
  element("p", "note", legend, "★ is a proxy. A thick outline marks a point in another class's region.");
  app.circleNote = element("p", "note", legend);
  const keys = "Keyboard: N and P select, arrow keys move (with Shift farther), Enter adds, Delete removes.";
  element("p", "note", legend, keys).id = "sandbox-keys";
  app.notice = element("p", "notice", app.box);
  app.notice.role = "status";
  app.description = element("p", "unseen", app.box);
  app.description.id = "sandbox-description";
  app.selection = element("p", "unseen", app.box);
  app.selection.ariaLive = "polite";

  app.canvas.addEventListener("pointerdown", (event) => press(app, event));
  app.canvas.addEventListener("pointermove", (event) => drag(app, event));
  for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) app.canvas.addEventListener(type, () => release(app));
  app.canvas.addEventListener("keydown", (event) => pressKey(app, event));
  app.observer = new ResizeObserver(() => app.data && schedule(app));
  app.observer.observe(app.canvas);
  return app;
}

function addClasses(app) {
  app.classes = app.data.colors.map((color, c) => {
    const node = button(app.classGroup, "", () => {
      app.chosen = c;
      if (app.tool !== "place") app.tool = "paint";
      schedule(app);
    });
    const icon = shape("svg", { viewBox: "-1.5 -1.5 3 3", "aria-hidden": "true" }, node);
    shape("path", { d: SHAPES[app.data.symbols[c]], fill: color }, icon);
    element("span", "", node, `Class ${c + 1}`);
    node.count = element("span", "count", node);
    return node;
  });
}

const apps = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  let app = apps.get(parentElement);
  if (!app) {
    app = build(parentElement);
    apps.set(parentElement, app);
    app.data = null;
  }
  app.report = setTriggerValue;
  app.box.dataset.name = data.name;
  receive(app, data);
  app.classes ?? addClasses(app);
  setText(
    app.circleNote,
    data.normalised
      ? "L2 moves points and proxies along their lines onto the circle of length 1. A ring is a proxy before NORM post."
      : "NORM none leaves all lengths as they are.",
  );
  const run = (app.run = (app.run ?? 0) + 1);
  return () => {
    // Streamlit also calls this for a run that a later run replaced.
    if (app.run !== run || parentElement.isConnected) return;
    pause(app);
    clearTimeout(app.timer);
    app.observer.disconnect();
    apps.delete(parentElement);
    app.box.remove();
  };
}
