// Draws a Plotly figure in place: on a change only what differs is drawn again, so nothing
// flickers and zoom is kept. (st.plotly_chart makes a new plot each time; measured, twice as slow.)
const plots = new WeakMap();

async function put(Plotly, plot, data, style) {
  const figure = themed(data.figure, style);
  dress(figure.layout, style, data.height);
  // So that the tools don't lie over what can be clicked.
  if (data.clicks) figure.layout.margin = { ...figure.layout.margin, t: Math.max(30, figure.layout.margin?.t ?? 0) };
  await Plotly.react(plot.div, figure.data, figure.layout, {
    ...TOOLS,
    // Where there is no pointer to hover with, it would always lie over the legend.
    displayModeBar: matchMedia("(hover: none)").matches ? false : "hover",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", ...UPLOADING],
    toImageButtonOptions: { format: "svg", filename: data.name },
  });
  if (!data.clicks || plot.listens) return;
  plot.listens = true;
  plot.div.on("plotly_click", ({ points: [point] }) => {
    plot.tell("clicked", { trace: point.curveNumber, point: [point.pointNumber].flat() });
  });
}

export default (component) => mount(plots, component, put);
