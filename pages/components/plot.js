// Draws a Plotly figure in place: on a change only what differs is drawn again, so nothing
// flickers and zoom is kept. (st.plotly_chart makes a new plot each time; measured, twice as slow.)
let loading;

function plotly(source) {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  if (!loading) {
    loading = new Promise((resolve, reject) => {
      const script = document.createElement("script");
      // Streamlit may be served below a path; its own script knows where.
      const own = document.querySelector('script[src*="static/js/index"]').src;
      script.src = own.split("static/js/index")[0] + source;
      script.onload = () => resolve(window.Plotly);
      script.onerror = () => {
        loading = undefined;
        reject(new Error("plotly's script could not be loaded"));
      };
      document.head.appendChild(script);
    });
  }
  return loading;
}

function themed(text, style) {
  const css = (name) => style.getPropertyValue(name).trim();
  return JSON.parse(
    text
      // THEME_TEXT and THEME_BACKGROUND of imprint_core/figures.py.
      .replaceAll('"#010203"', JSON.stringify(css("--st-text-color")))
      .replaceAll('"#fdfcfb"', JSON.stringify(css("--st-background-color"))),
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

const plots = new WeakMap();

async function draw(plot) {
  if (plot.busy) return;
  plot.busy = true;
  try {
    const Plotly = await plotly(plot.wanted.source);
    const style = getComputedStyle(plot.div);
    // The same data is drawn again where the theme has been switched.
    const look = () => style.getPropertyValue("--st-text-color") + style.getPropertyValue("--st-background-color");
    while (plot.wanted !== plot.shown || look() !== plot.look) {
      const data = plot.wanted;
      plot.look = look();
      const figure = themed(data.figure, style);
      if (data.overlay) figure.data.push(...themed(data.overlay, style).data);
      dress(figure.layout, style, data.height);
      await Plotly.react(plot.div, figure.data, figure.layout, {
        displaylogo: false,
        // Where there is no pointer to hover with, it would always lie over the legend.
        displayModeBar: matchMedia("(hover: none)").matches ? false : "hover",
        responsive: true,
        scrollZoom: false,
        // Nothing leaves this machine: no button that would upload the chart.
        modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "sendChartToCloud", "sendDataToCloud"],
        showSendToCloud: false,
        plotlyServerURL: "",
        toImageButtonOptions: { format: "svg", filename: data.name },
      });
      plot.shown = data;
      plot.div.dataset.drawn = data.stamp;
    }
  } catch (error) {
    plot.div.textContent = `This picture can't be drawn: ${error.message}. Reload the page.`;
  } finally {
    plot.busy = false;
  }
}

export default function ({ data, parentElement }) {
  let plot = plots.get(parentElement);
  if (!plot) {
    const div = document.createElement("div");
    div.className = "imprint-plot";
    div.setAttribute("role", "figure");
    parentElement.appendChild(div);
    plot = { div, shown: null };
    plots.set(parentElement, plot);
  }
  plot.div.dataset.name = data.name;
  plot.div.setAttribute("aria-label", data.alt);
  plot.div.style.height = `${data.height}px`;
  plot.wanted = data;
  const run = (plot.run = (plot.run ?? 0) + 1);
  // After the next frame, so that the numbers are on screen before the pictures are drawn.
  requestAnimationFrame(() => setTimeout(() => draw(plot)));
  return () => {
    // Streamlit also calls this for a run that a later one overtook.
    if (plot.run !== run) return;
    if (window.Plotly) window.Plotly.purge(plot.div);
    plots.delete(parentElement);
    plot.div.remove();
  };
}
