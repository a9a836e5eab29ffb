// Shared by all figures. Concatenated before each component's script.

// Streamlit may be served below a path, which its script's address contains.
function served(path) {
  const address = document.querySelector('script[src*="static/js/index"]').src;
  return address.split("static/js/index")[0] + path;
}

function plotly(source) {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  if (!window.plotlyLoading) {
    window.plotlyLoading = new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = served(source);
      script.onload = () => resolve(window.Plotly);
      script.onerror = () => {
        window.plotlyLoading = undefined;
        reject(new Error("plotly's script could not be loaded"));
      };
      document.head.appendChild(script);
    });
  }
  return window.plotlyLoading;
}

function themed(text, style) {
  const css = (name) => style.getPropertyValue(name).trim();
  return JSON.parse(
    text
      .replaceAll("THEME_TEXT", JSON.stringify(css("--st-text-color")))
      .replaceAll("THEME_BACKGROUND", JSON.stringify(css("--st-background-color"))),
  );
}

function dress(layout, style, height) {
  const css = (name) => style.getPropertyValue(name).trim();
  const text = css("--st-text-color");
  const grid = css("--st-border-color");
  layout.height = height;
  layout.autosize = true;
  layout.paper_bgcolor = "rgba(0,0,0,0)";
  layout.plot_bgcolor = "rgba(0,0,0,0)";
  layout.font = { family: css("--st-font"), size: 13, color: text, ...layout.font };
  layout.hoverlabel = {
    bgcolor: css("--st-secondary-background-color"),
    bordercolor: grid,
    font: { color: text },
    ...layout.hoverlabel,
  };
  layout.uirevision = layout.uirevision ?? "kept";
  for (const name of Object.keys(layout).filter((n) => /^[xy]axis/.test(n))) {
    layout[name] = { gridcolor: grid, zeroline: false, linecolor: grid, automargin: true, ...layout[name] };
  }
}

const TOOLS = {
  displaylogo: false,
  scrollZoom: false,
  // Nothing leaves this machine.
  showSendToCloud: false,
  plotlyServerURL: "",
};
// Milliseconds without a change of a figure's width until it is drawn again.
const REST_OF_WIDTH = 100;
// Buttons that upload the chart.
const UPLOADING = ["sendChartToCloud", "sendDataToCloud"];

// Keyboard access to the tools: Tab reaches the row once, arrow keys move along it. Plotly recreates its buttons at times.
function reach(div) {
  const row = div.querySelector(".modebar");
  if (!row) return;
  const tools = () => [...row.querySelectorAll("button")];
  const stop = (at) => tools().forEach((tool, i) => (tool.tabIndex = i === at ? 0 : -1));
  if (tools().filter((tool) => tool.tabIndex === 0).length !== 1) stop(0);
  if (row.ariaLabel) return;
  row.ariaLabel = "Figure tools";
  row.addEventListener("keydown", (event) => {
    const [now, count] = [tools().indexOf(event.target), tools().length];
    const to = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: count - 1 }[event.key];
    if (now < 0 || to === undefined) return;
    event.preventDefault();
    stop((to + count) % count);
    tools()[(to + count) % count].focus();
  });
}

// Draw until the displayed data are the requested ones; `put` draws one state.
async function draw(plot, put) {
  if (plot.busy) return;
  plot.busy = true;
  try {
    const Plotly = await plotly(plot.requested.source);
    const style = getComputedStyle(plot.div);
    // The same data are drawn again when the theme or the width changes.
    const colors = ["--st-text-color", "--st-background-color"];
    const look = () => [...colors.map((name) => style.getPropertyValue(name)), plot.div.clientWidth].join();
    while (plot.requested !== plot.shown || look() !== plot.look) {
      const data = plot.requested;
      plot.look = look();
      await put(Plotly, plot, data, style);
      reach(plot.div);
      plot.shown = data;
      plot.div.dataset.drawn = data.stamp;
    }
  } catch (error) {
    plot.div.textContent = `The figure can't be drawn: ${error.message}. Reload the page.`;
  } finally {
    plot.busy = false;
    plot.div.ariaBusy = "false";
  }
}

// Plot of an element, created at its first run; `put` draws it, `leave` is called when it is removed.
function mount(plots, { data, parentElement, setTriggerValue }, put, leave = () => {}) {
  let plot = plots.get(parentElement);
  if (!plot) {
    const div = document.createElement("div");
    div.className = "imprint-plot";
    div.setAttribute("role", "figure");
    parentElement.appendChild(div);
    plot = { div, shown: null };
    plots.set(parentElement, plot);
    // The window's size, or a sidebar that is opened, changes the width.
    const created = plot;
    plot.resized = new ResizeObserver(() => {
      clearTimeout(created.resizing);
      if (created.shown) created.resizing = setTimeout(() => draw(created, put), REST_OF_WIDTH);
    });
    plot.resized.observe(div);
  }
  plot.report = setTriggerValue;
  plot.div.dataset.name = data.name;
  plot.div.setAttribute("aria-label", data.alt);
  plot.div.style.height = `${data.height}px`;
  // An unchanged figure is not drawn again.
  if (plot.shown === plot.requested && plot.shown?.stamp === data.stamp) plot.shown = data;
  plot.requested = data;
  if (plot.shown !== data) plot.div.ariaBusy = "true";
  const run = (plot.run = (plot.run ?? 0) + 1);
  // After the next frame, so that numbers appear before figures are drawn; `first` marks a page's main figure.
  if (data.first) draw(plot, put);
  else requestAnimationFrame(() => setTimeout(() => draw(plot, put)));
  // Streamlit calls this for an outdated run too, at times after the last one, whose figure stays. It has taken a removed
  // component off the page by then.
  return () => {
    if (plot.run !== run || parentElement.isConnected) return;
    leave(plot);
    plot.resized.disconnect();
    clearTimeout(plot.resizing);
    if (window.Plotly) window.Plotly.purge(plot.div);
    plots.delete(parentElement);
    plot.div.remove();
  };
}
