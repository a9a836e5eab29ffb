// The panel: one message to the server at a time, each with at most one image, so that no frames queue.

// Milliseconds between two frames at least, and after which an answer counts as lost, also while the model is loaded.
const INTERVAL = 120;
const PATIENCE = 4000;
const MOST_PATIENCE = 60000;
const MOST_THUMBNAILS = 12;
// For which a removed panel waits to be drawn again.
const RESTORE_MS = 1000;
const WAITING = "Loading the model …";
const LOADING = "The model is being loaded. Hold the button again in a moment.";

function recordLabel(app) {
  return app.source === "pad" ? "Add drawing" : "Hold to record";
}

function newClassRow(app, number) {
  const row = element("li", "class");
  row.number = number;
  row.chip = element("span", "chip", row);
  row.input = element("input", "", row);
  row.input.type = "text";
  row.input.maxLength = 40;
  row.input.ariaLabel = "Class name";
  row.input.addEventListener("change", () => act(app, { action: "rename", target: number, name: row.input.value }));
  row.count = element("span", "count", row);
  row.record = element("button", "record", row, recordLabel(app));
  row.record.type = "button";
  const hold = (event) => {
    event.preventDefault();
    row.record.focus();
    if (!imagesAvailable(app)) return;
    app.recording = number;
    app.single = true;
    row.record.classList.add("held");
    pump(app);
  };
  const release = () => {
    if (app.recording === number) app.recording = -1;
    row.record.classList.remove("held");
  };
  row.record.addEventListener("pointerdown", (event) => {
    row.record.setPointerCapture(event.pointerId);
    hold(event);
  });
  row.record.addEventListener("keydown", (event) => {
    if ((event.key === " " || event.key === "Enter") && !event.repeat) hold(event);
  });
  for (const type of ["pointerup", "pointercancel", "lostpointercapture", "keyup", "blur"]) {
    row.record.addEventListener(type, release);
  }
  row.record.addEventListener("contextmenu", (event) => event.preventDefault());
  const files = element("label", "files", row, "Add files");
  const input = element("input", "", files);
  Object.assign(input, { type: "file", multiple: true, accept: "image/*" });
  input.addEventListener("change", () => {
    addFiles(app, number, input.files);
    input.value = "";
  });
  row.remove_ = element("button", "plain", row, "Remove");
  row.remove_.type = "button";
  row.remove_.addEventListener("click", () => act(app, { action: "remove", target: number }));
  row.strip = element("span", "strip", row);
  for (const type of ["dragenter", "dragover"]) {
    row.addEventListener(type, (event) => {
      event.preventDefault();
      row.classList.add("over");
    });
  }
  row.addEventListener("dragleave", () => row.classList.remove("over"));
  row.addEventListener("drop", (event) => {
    event.preventDefault();
    row.classList.remove("over");
    addFiles(app, number, event.dataTransfer.files);
  });
  return row;
}

function drawClasses(app, classes) {
  const rows = new Map([...app.classes.children].map((row) => [row.number, row]));
  classes.forEach((data, i) => {
    const row = rows.get(data.number) ?? newClassRow(app, data.number);
    rows.delete(data.number);
    if (app.classes.children[i] !== row) app.classes.insertBefore(row, app.classes.children[i] ?? null);
    row.chip.style.background = data.color;
    if (app.root.activeElement !== row.input) row.input.value = data.name;
    row.input.readOnly = app.box.classList.contains("given");
    setText(row.count, `${data.shots.length} ${data.shots.length === 1 ? "shot" : "shots"}`);
    row.record.ariaLabel = `Hold to record ${data.name}`;
    row.remove_.ariaLabel = `Remove class ${data.name}`;
    const latest = data.shots.filter((number) => app.thumbnails.has(number)).slice(-MOST_THUMBNAILS);
    const make = () => {
      const button = element("button", "shot");
      button.type = "button";
      button.title = "Delete shot";
      button.image = element("img", "", button);
      button.addEventListener("click", () => act(app, { action: "delete", target: data.number, item: button.number }));
      return button;
    };
    fit(row.strip, latest.length, make).forEach((button, j) => {
      button.number = latest[j];
      button.image.alt = `Delete shot ${latest[j]} of ${data.name}`;
      const source = app.thumbnails.get(latest[j]);
      if (button.image.getAttribute("src") !== source) button.image.src = source;
    });
  });
  for (const row of rows.values()) row.remove();
}

async function addFiles(app, target, files) {
  for (const file of [...files].slice(0, 200)) {
    try {
      app.queue.push({ image: await fileImage(file), record: target });
    } catch (error) {
      setText(app.notice, error.message);
    }
    pump(app);
  }
}

function act(app, message) {
  app.queue.push(message);
  pump(app);
}

function imagesAvailable(app) {
  if (app.starting) setText(app.status, LOADING);
  else if (app.source === "pad" && app.pad.empty) setText(app.status, "Draw something first.");
  else if (app.source === "camera" && !app.camera.running) setText(app.status, "Start the camera first, or use recorded frames.");
  else return true;
  return false;
}

function currentImage(app) {
  const records = app.recording >= 0 || app.single;
  if (app.source === "pad") return app.pad.changed || (records && !app.pad.empty) ? app.pad.frame() : "";
  const moving = app.source === "camera" ? app.camera : app.recorded;
  return moving.running && (records || app.hasShots) ? moving.frame() : "";
}

function nextMessage(app) {
  if (app.queue.length) return app.queue.shift();
  if (app.incomplete) return {};
  if (app.source === "recorded" && !app.objects.children.length) return { action: "recordings" };
  if (app.starting || document.hidden || performance.now() - app.capturedAt < INTERVAL) return null;
  const image = currentImage(app);
  if (!image) return null;
  // On the pad, each press records one drawing.
  const record = app.source === "pad" && !app.single ? -1 : app.single ? app.lastHeld : app.recording;
  app.single = false;
  app.capturedAt = performance.now();
  return { image, record };
}

function pump(app) {
  const now = performance.now();
  if (app.recording >= 0) app.lastHeld = app.recording;
  if (!app.box.isConnected) return;
  if (app.waiting && now - app.sentAt < (app.starting ? MOST_PATIENCE : PATIENCE)) return;
  const message = nextMessage(app);
  if (!message) return;
  app.waiting = true;
  app.sentAt = performance.now();
  app.isFrame = Boolean(message.image);
  if (message.action === "start" || message.action === "recordings") app.startedBy = app.number + 1;
  app.number += 1;
  app.send("sent", { ...message, number: app.number, version: app.version, shot: app.latest });
}

function draw(app, data) {
  const { shots, result, recordings } = data;
  if (recordings && !app.objects.children.length) drawObjects(app, recordings);
  setText(app.task, data.task);
  if (data.given && !app.box.classList.contains("given")) {
    app.box.classList.add("given");
    chooseSource(app, "pad");
  }
  app.prepared.hidden = !data.prepared;
  if (data.prepared) app.preparedImage.src = data.prepared;
  if (shots) {
    for (const [number, uri] of shots.thumbnails) {
      app.thumbnails.set(number, uri);
      app.latest = Math.max(app.latest, number);
    }
    const numbers = new Set(shots.classes.flatMap((c) => c.shots));
    for (const number of app.thumbnails.keys()) if (!numbers.has(number)) app.thumbnails.delete(number);
    app.hasShots = numbers.size > 0;
    app.incomplete = shots.thumbnails.length > 0 && app.thumbnails.size < numbers.size;
    app.version = data.version;
    drawClasses(app, shots.classes);
    drawMap(app.map, shots.map);
    drawMeasures(app.measures, shots.measures ?? []);
    setText(app.advice, data.given ? "" : (shots.advice ?? ""));
  }
  app.box.classList.toggle("unknown", Boolean(result?.unknown));
  const label = !result ? (app.hasShots ? "No frame yet" : "No shots yet") : result.unknown ? "Unknown" : result.label;
  setText(app.label, label);
  const than = result?.unknown ? "below" : "at least";
  setText(app.reason, result ? `Cosine to the nearest proxy ${result.cosine}, ${than} the threshold ${result.threshold}.` : "");
  drawBars(app.bars, result?.bars ?? []);
  drawProxies(app.proxies, result?.proxies ?? [], app.thumbnails);
  app.map.place?.(result?.place);
  if (data.notice || app.hadNotice) setText(app.notice, data.notice);
  app.hadNotice = Boolean(data.notice);
}

const SOURCES = { camera: "Camera", recorded: "Recorded frames", pad: "Drawing pad" };

function chooseSource(app, source) {
  app.source = source;
  app.view.dataset.source = source;
  for (const [name, node] of Object.entries(app.sources)) node.ariaPressed = String(name === source);
  const usesPad = source === "pad";
  app.clear.hidden = !usesPad;
  app.power.hidden = source !== "camera";
  app.objects.hidden = app.origin.hidden = source !== "recorded";
  for (const row of app.classes.children) setText(row.record, recordLabel(app));
  setText(app.status, "");
  if (source !== "camera") {
    app.camera.stop();
    showCameraState(app);
  }
  if (source === "recorded" && !app.objects.children.length) waitForModel(app);
}

function waitForModel(app) {
  app.starting = true;
  app.startedBy = Infinity;
  setText(app.status, WAITING);
}

function drawObjects(app, { photographs, objects }) {
  for (const { name, photograph, path } of objects) {
    const play = () => {
      app.recorded.play(photographs[photograph], path);
      for (const node of app.objects.children) node.ariaPressed = String(node === choice);
    };
    const choice = button(name, app.objects, "", play);
    if (app.objects.children.length === 1) play();
  }
}

function showCameraState(app) {
  setText(app.power, app.camera.stream ? "Stop camera" : "Start camera");
  app.box.classList.toggle("running", Boolean(app.camera.stream));
}

function button(text, parent, className, onClick) {
  const node = element("button", className, parent, text);
  node.type = "button";
  node.addEventListener("click", onClick);
  return node;
}

function newApp(parent) {
  const box = element("div", "camera", parent);
  const app = {
    box, root: parent.getRootNode(), queue: [], thumbnails: new Map(), latest: 0, version: -1, incomplete: true,
    waiting: false, sentAt: 0, capturedAt: 0, number: Date.now(), recording: -1, lastHeld: -1, single: false,
    hasShots: false, source: "camera", starting: false,
  };
  const stage = element("section", "stage", box);
  const choices = element("div", "choices sources", stage);
  app.sources = {};
  for (const [name, label] of Object.entries(SOURCES)) {
    app.sources[name] = button(label, choices, "", () => chooseSource(app, name));
  }
  app.view = element("div", "view", stage);
  const video = element("video", "live", app.view);
  Object.assign(video, { muted: true, playsInline: true, ariaLabel: "Camera" });
  const frames = element("canvas", "recorded", app.view);
  const canvas = element("canvas", "pad", app.view);
  frames.ariaLabel = "Recorded frames";
  canvas.ariaLabel = "Drawing pad";
  app.recorded = new Recording(frames);
  app.objects = element("div", "choices", stage);
  app.origin = element("p", "note", stage, "Frames are cut from photographs and move as in a hand-held camera.");
  app.status = element("p", "status", stage);
  app.status.setAttribute("role", "status");
  app.camera = new Camera(video, (text) => {
    setText(app.status, text || (app.starting ? WAITING : ""));
    showCameraState(app);
  });
  app.pad = new Pad(canvas);
  const buttons = element("div", "choices", stage);
  app.power = button("Start camera", buttons, "primary power", () => {
    if (!app.camera.stream) {
      waitForModel(app);
      act(app, { action: "start" });
      return void app.camera.start();
    }
    app.camera.stop();
    showCameraState(app);
    act(app, { action: "stop" });
  });
  app.clear = button("Clear pad", buttons, "", () => {
    app.pad.clear();
    act(app, { action: "stop" });
  });
  app.prepared = element("p", "note prepared", stage, "As embedded, 28 × 28 pixels: ");
  app.preparedImage = element("img", "", app.prepared);
  app.preparedImage.alt = "";
  app.prepared.hidden = true;
  app.notice = element("p", "notice", stage);
  app.notice.setAttribute("role", "alert");

  const classes = element("section", "shots", box);
  element("h3", "", classes, "Classes");
  app.task = element("p", "task", classes);
  app.classes = element("ul", "", classes);
  button("Add class", classes, "add", () => act(app, { action: "add" }));
  app.advice = element("p", "status", classes);

  const results = element("section", "results", box);
  element("h3", "", results, "Predicted class");
  app.label = element("p", "label", results);
  app.label.setAttribute("role", "status");
  app.bars = element("ul", "", results);
  app.reason = element("p", "status", results);
  element("h3", "", results, "Nearest proxies");
  app.proxies = element("ul", "", results);
  const mapped = element("section", "mapped", box);
  element("h3", "", mapped, "Map of the shots");
  app.map = shape("svg", { role: "img", "aria-label": "Shots (circles), proxies (stars) and the frame (diamond)" }, mapped);
  element("p", "status", mapped, "PCA: ○ shots, ★ proxies, ◆ this frame.");
  const measured = element("section", "measured", box);
  element("h3", "", measured, "Measures of the shots");
  app.measures = element("ul", "", measured);
  chooseSource(app, "camera");
  app.timer = setInterval(() => {
    if (app.source === "recorded") app.recorded.draw();
    pump(app);
  }, 30);
  return app;
}

const apps = new WeakMap();
// Panels that were removed a moment ago, by name: Streamlit removes an element whose run it replaced, and draws it again.
const removed = new Map();

function restored(name, parent) {
  const app = removed.get(name);
  if (!app) return null;
  removed.delete(name);
  clearTimeout(app.leaving);
  parent.appendChild(app.box);
  app.root = parent.getRootNode();
  // A video that is moved pauses.
  if (app.camera.stream) app.camera.video.play();
  return app;
}

export default function ({ data, parentElement, setTriggerValue }) {
  let app = apps.get(parentElement);
  if (!app) {
    app = restored(data.name, parentElement) ?? newApp(parentElement);
    apps.set(parentElement, app);
  }
  app.send = setTriggerValue;
  draw(app, data);
  if (app.starting && data.answer >= app.startedBy) {
    app.starting = false;
    if (app.status.textContent === WAITING || app.status.textContent === LOADING) setText(app.status, "");
  }
  if (app.waiting && data.answer === app.number) {
    app.waiting = false;
    // For benchmarks: milliseconds from the capture of the frame to these results.
    if (app.isFrame) app.box.dataset.delay = `${(performance.now() - app.capturedAt).toFixed(1)} ${app.number}`;
    pump(app);
  }
  const run = (app.run = (app.run ?? 0) + 1);
  return () => {
    // Streamlit also calls this for a run that a later run replaced.
    if (app.run !== run) return;
    apps.delete(parentElement);
    app.box.remove();
    removed.set(data.name, app);
    app.leaving = setTimeout(() => {
      removed.delete(data.name);
      clearInterval(app.timer);
      app.camera.stop();
    }, RESTORE_MS);
  };
}
