// A map of samples. The base layer stays while colours, overlays and decision regions change; a lasso, a box or a click
// picks samples; maps of one group share their zoom.
const plots = new WeakMap();
// Milliseconds without a change until the map is drawn again as a whole.
const REDRAW_DELAY = 350;
// Milliseconds with the pointer on a sample until its image is requested; the image's longer side, pixels from the hover
// text, and the largest side that is enlarged without smoothing.
const REST = 60;
const [SIDE, GAP, SMALL] = [96, 4, 32];
const groups = new Map();

const TYPES = { u1: Uint8Array, i1: Int8Array, i2: Int16Array, i4: Int32Array, f4: Float32Array, f8: Float64Array };

// Decode typed arrays in Plotly's binary JSON format.
function decoded(value) {
  if (value === null || typeof value !== "object") return value;
  if (value.bdata !== undefined) {
    const bytes = Uint8Array.from(atob(value.bdata), (c) => c.charCodeAt(0));
    return new TYPES[value.dtype](bytes.buffer);
  }
  for (const key of Object.keys(value)) value[key] = decoded(value[key]);
  return value;
}

// Parse each text once: unchanged arrays are not uploaded to the graphics card again.
function parsed(plot, part, text, style) {
  const key = plot.look + text;
  plot.parsed ??= {};
  if (plot.parsed[part]?.key !== key) plot.parsed[part] = { key, value: text ? decoded(themed(text, style)) : null };
  return plot.parsed[part].value;
}

// Hover text of each sample of a trace.
function hoverTexts(base, paint, names) {
  return Array.from(base.customdata, (code, i) => {
    const sample = code < 0 ? `training sample ${-1 - code}` : `test sample ${code}`;
    let text = `${sample}<br>class ${base.name}`;
    if (paint.predicted) {
      text += `<br>predicted as ${names[paint.predicted[i]]}`;
      if (Number.isFinite(paint.margin[i])) text += `, margin ${paint.margin[i].toFixed(4)}`;
    }
    return text;
  });
}

function sampleTraces(base, colors, hidden, selected) {
  return base.data.map((trace, t) => {
    const paint = colors.traces[t];
    const marker = { ...trace.marker, ...paint.marker };
    if (paint.which) {
      marker.color = Array.from(paint.which, (w) => marker.colors[w]);
      if (paint.symbols) {
        marker.symbol = Array.from(paint.which, (w) => paint.symbols[w]);
        marker.size = Array.from(paint.which, (w) => paint.sizes[w]);
      }
    }
    let selectedpoints = null;
    if (selected.size) {
      selectedpoints = [];
      trace.customdata.forEach((code, i) => selected.has(code) && selectedpoints.push(i));
    }
    return {
      ...trace,
      marker,
      text: hoverTexts(trace, paint, colors.names),
      hovertemplate: "%{text}<extra></extra>",
      visible: !hidden.has(trace.meta),
      selectedpoints,
    };
  });
}

// Proxies do not fade when samples are selected.
const unfaded = (trace) => ({ ...trace, selectedpoints: null, unselected: { marker: { opacity: trace.marker?.opacity ?? 1 } } });

// Shots fade, so that a few selected samples stand out among a thousand rings.
const faint = (trace, data) =>
  data.selected.length ? { ...trace, marker: { ...trace.marker, opacity: 0.15 }, unselected: { marker: { opacity: 0.15 } } } : trace;

const images = (data) => (data.regions ? [{ ...data.image_position, source: data.regions, layer: "below", sizing: "stretch" }] : []);

// Identity of everything but proxies, regions and hover texts. While it stays, samples are not drawn again, which is
// most of the work.
function baseKey(data, colors, theme) {
  const coloring = colors.fixed || data.colors;
  return [theme, data.base, coloring, data.overlays[0], data.selected, data.hidden, data.height, data.select].join("\n");
}

// Draw only overlays and regions; hover texts are written into the existing arrays.
async function putOverlays(Plotly, plot, data, colors, overlays) {
  const div = plot.div;
  for (const [t, paint] of colors.traces.entries()) {
    const trace = div.data[plot.first + t];
    hoverTexts(trace, paint, colors.names).forEach((text, i) => (trace.text[i] = text));
  }
  const start = plot.first + plot.samples + plot.rings;
  await Plotly.animate(
    div,
    { data: overlays, traces: overlays.map((_, i) => start + i) },
    { mode: "immediate", frame: { duration: 0, redraw: false }, transition: { duration: 0 } },
  );
  if (data.regions !== plot.shown.regions) await Plotly.relayout(div, { images: images(data) });
  // Plotly's internal state, which a lasso reads, is now outdated: the map is drawn again as a whole before a pointer
  // can draw one.
  plot.stale = true;
  if (div.matches(":hover")) plot.later = setTimeout(() => settle(plot), REDRAW_DELAY);
}

function settle(plot) {
  if (!plot.stale || plots.get(plot.div.parentElement) !== plot) return;
  if (plot.busy || plot.div._dragging) {
    plot.later = setTimeout(() => settle(plot), REDRAW_DELAY);
    return;
  }
  plot.baseKey = null;
  plot.shown = { ...plot.shown };
  draw(plot, put);
}

// Request the image of a sample by its code, null for none, and show it beside the hover text.
function showImage(plot, code) {
  if (plot.hovered === code) return;
  hideImage(plot);
  plot.hovered = code;
  const address = plot.requested.images;
  if (code === null || !address) return;
  plot.resting = setTimeout(() => {
    const image = (plot.image = new Image());
    // Decorative: the hover text says which sample it is.
    image.alt = "";
    image.className = "imprint-sample";
    image.onload = () => plot.image === image && showBeside(plot.div, image);
    image.src = served(address) + code;
  }, REST);
}

function hideImage(plot) {
  clearTimeout(plot.resting);
  // Also ends the request.
  plot.image?.removeAttribute("src");
  plot.image?.remove();
  plot.image = plot.hovered = null;
}

const hoverText = (div) => div.querySelector(".hoverlayer .hovertext");

// Below the hover text, or above it near the lower end of the map or of the window.
function showBeside(div, image) {
  const label = hoverText(div)?.getBoundingClientRect();
  if (!label) return;
  const box = div.getBoundingClientRect();
  const [w, h] = [image.naturalWidth, image.naturalHeight];
  const [width, height] = [w, h].map((side) => (side * SIDE) / Math.max(w, h));
  const right = Math.min(box.right, innerWidth) - width - GAP;
  const below = label.bottom + GAP;
  const fits = below + height + GAP <= Math.min(box.bottom, innerHeight);
  const left = Math.max(Math.min(label.left, right), box.left, 0) - box.left;
  const top = (fits ? below : label.top - height - 2 * GAP) - box.top;
  image.style = `position: absolute; left: ${left}px; top: ${top}px; width: ${width}px; height: ${height}px; z-index: 1;
    box-sizing: content-box; padding: 1px; border: 1px solid var(--st-border-color); border-radius: 4px;
    background: var(--st-secondary-background-color); pointer-events: none;
    image-rendering: ${Math.max(w, h) > SMALL ? "auto" : "pixelated"}`;
  div.append(image);
}

async function put(Plotly, plot, data, style) {
  clearTimeout(plot.later);
  const base = parsed(plot, "base", data.base, style);
  const colors = parsed(plot, "colors", data.colors, style);
  const [below = [], ...above] = data.overlays.map((text, i) => parsed(plot, `overlay${i}`, text, style));
  const overlays = above.flat().map(unfaded);
  const key = baseKey(data, colors, plot.look);
  // Only SVG traces can be drawn separately; many proxies share the canvas with the samples.
  const separate = overlays.every((trace) => trace.type === "scatter");
  if (key === plot.baseKey && overlays.length === plot.overlays && separate) {
    return putOverlays(Plotly, plot, data, colors, overlays);
  }
  plot.stale = false;
  plot.baseKey = separate ? key : null;
  plot.overlays = overlays.length;
  const samples = sampleTraces(base, colors, new Set(data.hidden), new Set(data.selected));
  // Lines go below the samples.
  const lines = below.filter((trace) => trace.name === "assigned");
  const rings = below.filter((trace) => trace.name !== "assigned").map(unfaded).map((trace) => faint(trace, data));
  plot.first = lines.length;
  plot.samples = samples.length;
  plot.rings = rings.length;
  const traces = [...lines, ...samples, ...rings, ...overlays, ...colors.legend];
  const layout = structuredClone(base.layout);
  layout.images = images(data);
  layout.annotations = layout.annotations?.filter((label) => !data.hidden.includes(Number(label.name)));
  if (colors.coloraxis) layout.coloraxis = colors.coloraxis;
  // On touch screens, dragging scrolls the page.
  const touch = matchMedia("(hover: none)").matches;
  layout.dragmode = touch ? false : data.select ? "lasso" : "pan";
  layout.uirevision = data.base_key;
  // The selection comes from Python; its outline disappears once the samples are marked.
  layout.selectionrevision = `${data.stamp}`;
  layout.selections = [];
  const css = (name) => style.getPropertyValue(name).trim();
  const tools = { color: css("--st-text-color"), activecolor: css("--st-primary-color"), bgcolor: "rgba(0,0,0,0)" };
  layout.modebar = { ...tools, orientation: "h" };
  dress(layout, style, data.height);
  await Plotly.react(plot.div, traces, layout, {
    ...TOOLS,
    displayModeBar: data.select ? true : touch ? false : "hover",
    modeBarButtonsToRemove: ["autoScale2d", ...UPLOADING, ...(data.select ? [] : ["select2d", "lasso2d"])],
    toImageButtonOptions: { format: "svg", filename: data.name },
  });
  join(plot, data.group);
  if (!plot.listens) listen(Plotly, plot);
  // The hover text remains after a click, which selects the sample.
  if (!hoverText(plot.div)) hideImage(plot);
}

// Row of the proxy under the pointer, which is above the samples; null for none.
function starAt(div, event) {
  const stars = div.data.find((trace) => trace.name === "proxies");
  const { xaxis, yaxis } = div._fullLayout;
  const box = div.getBoundingClientRect();
  const reach = stars.marker.size / 2;
  let best = null;
  let nearest = reach;
  for (let i = 0; i < stars.x.length; i += 1) {
    const x = box.left + xaxis._offset + xaxis.l2p(stars.x[i]) - event.clientX;
    const y = box.top + yaxis._offset + yaxis.l2p(stars.y[i]) - event.clientY;
    if (Math.hypot(x, y) <= nearest) {
      nearest = Math.hypot(x, y);
      best = stars.customdata[i];
    }
  }
  return best;
}

function listen(Plotly, plot) {
  plot.listens = true;
  plot.div.style.position = "relative";
  const isSample = (point) => point.curveNumber >= plot.first && point.curveNumber < plot.first + plot.samples;
  const isShot = (point) => !isSample(point) && point.data.name === "shots";
  const codeOf = (point) => (isSample(point) ? point.customdata : isShot(point) ? -1 - point.customdata : null);
  plot.div.on("plotly_hover", ({ points }) => showImage(plot, codeOf(points[0])));
  plot.div.on("plotly_unhover", () => hideImage(plot));
  plot.div.on("plotly_selected", (event) => {
    // Changes made by this script also arrive here; only a person's have a shape.
    if (!event || !(event.range || event.lassoPoints)) {
      // An empty shape.
      if (plot.selecting) clear();
      return;
    }
    plot.selecting = false;
    const codes = event.points.filter(isSample).map((point) => point.customdata);
    plot.report("picked", { codes, how: "area" });
  });
  const clear = () => {
    plot.selecting = false;
    if (plot.shown.selected.length) plot.report("picked", { codes: [], how: "none" });
  };
  plot.div.addEventListener("pointerenter", () => settle(plot));
  plot.div.on("plotly_selecting", () => (plot.selecting = true));
  plot.div.on("plotly_deselect", clear);
  plot.div.addEventListener("dblclick", () => ["lasso", "select"].includes(plot.div._fullLayout.dragmode) && clear());
  plot.div.on("plotly_click", ({ points, event }) => {
    const point = points[0];
    const star = starAt(plot.div, event);
    // A tap shows the hover text without a hover event.
    showImage(plot, codeOf(point));
    if (star !== null) plot.report("picked", { codes: [star], how: "proxy" });
    else if (codeOf(point) !== null) {
      plot.report("picked", { codes: [codeOf(point)], how: isSample(point) && event?.shiftKey ? "add" : "one" });
    }
  });
  plot.div.on("plotly_relayout", (change) => {
    const zoom = Object.fromEntries(Object.entries(change).filter(([name]) => /^[xy]axis\.(range|autorange)/.test(name)));
    if (plot.following || !Object.keys(zoom).length) return;
    for (const other of groups.get(plot.group) ?? []) {
      if (other === plot) continue;
      other.following = true;
      Plotly.relayout(other.div, zoom).finally(() => (other.following = false));
    }
  });
}

function join(plot, group) {
  if (plot.group === group) return;
  leave(plot);
  plot.group = group;
  if (!groups.has(group)) groups.set(group, new Set());
  groups.get(group).add(plot);
}

function leave(plot) {
  clearTimeout(plot.later);
  clearTimeout(plot.resting);
  groups.get(plot.group)?.delete(plot);
}

export default (component) => mount(plots, component, put, leave);
