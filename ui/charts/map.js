// A map of samples: they stay where they are while their paint, the proxies over them and the regions behind them
// change; a lasso, a box or a click tells which samples are meant; maps of one group share their zoom.
const plots = new WeakMap();
// Milliseconds without a further move.
const SOON = 350;
const groups = new Map();

const TYPES = { u1: Uint8Array, i1: Int8Array, i2: Int16Array, i4: Int32Array, f4: Float32Array, f8: Float64Array };

// Plotly's typed arrays in JSON, as arrays.
function decoded(value) {
  if (value === null || typeof value !== "object") return value;
  if (value.bdata !== undefined) {
    const bytes = Uint8Array.from(atob(value.bdata), (c) => c.charCodeAt(0));
    return new TYPES[value.dtype](bytes.buffer);
  }
  for (const key of Object.keys(value)) value[key] = decoded(value[key]);
  return value;
}

// Parsed once for each text: arrays that stay the same are not uploaded to the graphics card again.
function parsed(plot, part, text, style) {
  const key = plot.look + text;
  plot.parsed ??= {};
  if (plot.parsed[part]?.key !== key) plot.parsed[part] = { key, value: text ? decoded(themed(text, style)) : null };
  return plot.parsed[part].value;
}

// What the hover says of each sample.
function told(base, painted, names) {
  return Array.from(base.customdata, (code, i) => {
    const sample = code < 0 ? `training sample ${-1 - code}` : `test sample ${code}`;
    let text = `${sample}<br>class ${base.name}`;
    if (painted.predicted) {
      text += `<br>taken for ${names[painted.predicted[i]]}`;
      if (Number.isFinite(painted.margin[i])) text += `, margin ${painted.margin[i].toFixed(4)}`;
    }
    return text;
  });
}

function sampleTraces(base, painted, hidden, selected) {
  return base.data.map((trace, t) => {
    const paint = painted.traces[t];
    const marker = { ...trace.marker, ...paint.marker };
    if (paint.which) {
      marker.color = Array.from(paint.which, (w) => marker.colors[w]);
      if (paint.symbols) {
        marker.symbol = Array.from(paint.which, (w) => paint.symbols[w]);
        marker.size = Array.from(paint.which, (w) => paint.sizes[w]);
      }
    }
    let chosen = null;
    if (selected.size) {
      chosen = [];
      trace.customdata.forEach((code, i) => selected.has(code) && chosen.push(i));
    }
    return {
      ...trace,
      marker,
      text: told(trace, paint, painted.names),
      hovertemplate: "%{text}<extra></extra>",
      visible: !hidden.has(trace.meta),
      selectedpoints: chosen,
    };
  });
}

// Selecting samples is no reason for proxies to fade.
const unfaded = (trace) => ({ ...trace, selectedpoints: null, unselected: { marker: { opacity: trace.marker?.opacity ?? 1 } } });

// Among a thousand rings a few selected samples would not be seen.
const faint = (trace, data) =>
  data.selected.length ? { ...trace, marker: { ...trace.marker, opacity: 0.15 }, unselected: { marker: { opacity: 0.15 } } } : trace;

const images = (data) => (data.regions ? [{ ...data.place, source: data.regions, layer: "below", sizing: "stretch" }] : []);

// What has to stay the same for the samples not to be drawn anew. Theirs is most of the work.
function ground(data, painted, look) {
  const still = painted.still || data.paint;
  return [look, data.base, still, data.overlays[0], data.selected, data.hidden, data.height, data.select].join("\n");
}

// Only what lies above the samples and behind them; what their hover tells is put into the arrays that are there.
async function putOver(Plotly, plot, data, painted, over) {
  const div = plot.div;
  for (const [t, paint] of painted.traces.entries()) {
    const trace = div.data[plot.first + t];
    told(trace, paint, painted.names).forEach((text, i) => (trace.text[i] = text));
  }
  const place = plot.first + plot.samples + plot.rings;
  await Plotly.animate(
    div,
    { data: over, traces: over.map((_, i) => place + i) },
    { mode: "immediate", frame: { duration: 0, redraw: false }, transition: { duration: 0 } },
  );
  if (data.regions !== plot.shown.regions) await Plotly.relayout(div, { images: images(data) });
  // Plotly's own books are now out of step with the picture, and a lasso reads them: before a pointer can draw one,
  // all is drawn anew.
  plot.stale = true;
  if (div.matches(":hover")) plot.later = setTimeout(() => settle(plot), SOON);
}

function settle(plot) {
  if (!plot.stale || plots.get(plot.div.parentElement) !== plot) return;
  if (plot.busy || plot.div._dragging) {
    plot.later = setTimeout(() => settle(plot), SOON);
    return;
  }
  plot.ground = null;
  plot.shown = { ...plot.shown };
  draw(plot, put);
}

async function put(Plotly, plot, data, style) {
  clearTimeout(plot.later);
  const base = parsed(plot, "base", data.base, style);
  const painted = parsed(plot, "paint", data.paint, style);
  const [under = [], ...above] = data.overlays.map((text, i) => parsed(plot, `overlay${i}`, text, style));
  const over = above.flat().map(unfaded);
  const same = ground(data, painted, plot.look);
  // Only SVG can be moved by itself; many proxies are drawn on the canvas with the samples.
  if (same === plot.ground && over.length === plot.over && over.every((trace) => trace.type === "scatter")) {
    return putOver(Plotly, plot, data, painted, over);
  }
  plot.stale = false;
  plot.ground = over.every((trace) => trace.type === "scatter") ? same : null;
  plot.over = over.length;
  const samples = sampleTraces(base, painted, new Set(data.hidden), new Set(data.selected));
  // Lines go below the samples.
  const lines = under.filter((trace) => trace.name === "won");
  const rings = under.filter((trace) => trace.name !== "won").map(unfaded).map((trace) => faint(trace, data));
  plot.first = lines.length;
  plot.samples = samples.length;
  plot.rings = rings.length;
  const traces = [...lines, ...samples, ...rings, ...over, ...painted.legend];
  const layout = structuredClone(base.layout);
  layout.images = images(data);
  if (painted.coloraxis) layout.coloraxis = painted.coloraxis;
  // Without a pointer a finger has to be free to scroll the page.
  const touch = matchMedia("(hover: none)").matches;
  layout.dragmode = touch ? false : data.select ? "lasso" : "pan";
  layout.uirevision = data.place_key;
  // Which samples are selected is told from outside; the outline goes once they are marked.
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
}

// The row of the star under the pointer. It lies above the samples, so it is meant, whatever Plotly finds nearest.
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
  const isSample = (point) => point.curveNumber >= plot.first && point.curveNumber < plot.first + plot.samples;
  plot.div.on("plotly_selected", (event) => {
    // Our own changes of the selection come by here, too; only a person's has a shape.
    if (!event || !(event.range || event.lassoPoints)) {
      // A shape around nothing.
      if (plot.selecting) clear();
      return;
    }
    plot.selecting = false;
    const codes = event.points.filter(isSample).map((point) => point.customdata);
    plot.tell("picked", { codes, how: "area" });
  });
  const clear = () => {
    plot.selecting = false;
    if (plot.shown.selected.length) plot.tell("picked", { codes: [], how: "none" });
  };
  plot.div.addEventListener("pointerenter", () => settle(plot));
  plot.div.on("plotly_selecting", () => (plot.selecting = true));
  plot.div.on("plotly_deselect", clear);
  plot.div.addEventListener("dblclick", () => ["lasso", "select"].includes(plot.div._fullLayout.dragmode) && clear());
  plot.div.on("plotly_click", ({ points, event }) => {
    const point = points[0];
    const star = starAt(plot.div, event);
    if (star !== null) plot.tell("picked", { codes: [star], how: "proxy" });
    else if (isSample(point)) {
      plot.tell("picked", { codes: [point.customdata], how: event?.shiftKey ? "add" : "one" });
    } else if (point.data.name === "shots") {
      plot.tell("picked", { codes: [-1 - point.customdata], how: "one" });
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
  groups.get(plot.group)?.delete(plot);
}

export default (component) => mount(plots, component, put, leave);
