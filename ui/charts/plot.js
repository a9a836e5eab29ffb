// Draws a Plotly figure in place: an update draws only what changed, so nothing flickers and zoom stays.
// (st.plotly_chart creates a new plot each time, which takes twice as long.)
const plots = new WeakMap();

const escaped = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

// Copy of the displayed figure, because Plotly writes into what it draws. It has the page's background, and a generic
// font: text measured in the page's font would be cut off in another.
function copied(div) {
  const { data, layout } = Plotly.Plots.graphJson(div, false, "object");
  layout.paper_bgcolor = getComputedStyle(div).getPropertyValue("--st-background-color").trim();
  layout.font.family = "sans-serif";
  return { data, layout };
}

async function image(div, format, scale) {
  const { width, height } = div._fullLayout;
  await Plotly.downloadImage(copied(div), { format, scale, width, height, filename: div.dataset.name });
}

// One HTML file that needs no network.
async function page(div) {
  const { name, alt, source } = plots.get(div.parentElement).requested;
  const { data, layout } = copied(div);
  const tools = { ...TOOLS, responsive: true, modeBarButtonsToRemove: UPLOADING, toImageButtonOptions: { filename: name } };
  // In JSON, "<" occurs only in strings.
  const figure = [data, layout, tools].map((part) => JSON.stringify(part).replaceAll("<", "\\u003c"));
  const answer = await fetch(served(source));
  if (!answer.ok) throw new Error(`plotly's script could not be loaded (${answer.status})`);
  // These sequences would end the script for an HTML parser, or hide its end.
  const script = (await answer.text()).replace(/<(?=\/script|!--)/gi, "<\\");
  const { color, family } = layout.font;
  const look = `margin: 1rem; background: ${layout.paper_bgcolor}; color: ${color}; font-family: ${family}`;
  const text = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'unsafe-inline' 'unsafe-eval' data: blob:">
<title>${escaped(name)}</title>
</head>
<body style="${escaped(look)}">
<figure style="margin: 0"><div id="plot"></div><figcaption>${escaped(alt)}</figcaption></figure>
<script>${script}</script>
<script>Plotly.newPlot("plot", ${figure.join(", ")});</script>
</body>
</html>
`;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/html" }));
  link.download = `${name}.html`;
  link.click();
  URL.revokeObjectURL(link.href);
}

const button = (format, path, click) => ({
  name: `download-${format}`,
  title: `Download as ${format}`,
  icon: { width: 24, height: 24, path },
  click: (div) => click(div).catch((error) => alert(`The figure can't be downloaded: ${error.message}.`)),
});
// Created once: with other objects at the next drawing, Plotly would create a new plot.
const DOWNLOADS = [
  button("PNG", "M2 4h20v16H2zM4 6v12h16V6zM5 17l5-7 3 4 2-2 4 5zM15 7h3v3h-3z", (div) => image(div, "png", 2)),
  button("SVG", "M2 17h5v5H2zM17 2h5v5h-5zM3.5 17C3.5 9 9 3.5 17 3.5v2Q5.5 5.5 5.5 17z", (div) => image(div, "svg", 1)),
  button("HTML", "M7 6l1.5 1.5L4 12l4.5 4.5L7 18l-6-6zM17 6l6 6-6 6-1.5-1.5L20 12l-4.5-4.5zM13 4h2l-4 16H9z", page),
];

async function put(Plotly, plot, data, style) {
  const figure = themed(data.figure, style);
  dress(figure.layout, style, data.height);
  // Keeps the tools above the clickable area.
  if (data.clicks) figure.layout.margin = { ...figure.layout.margin, t: Math.max(30, figure.layout.margin?.t ?? 0) };
  await Plotly.react(plot.div, figure.data, figure.layout, {
    ...TOOLS,
    // On touch screens it would always cover the legend.
    displayModeBar: matchMedia("(hover: none)").matches ? false : "hover",
    modeBarButtonsToRemove: ["toImage", "select2d", "lasso2d", "autoScale2d", ...UPLOADING],
    modeBarButtonsToAdd: DOWNLOADS,
  });
  if (!data.clicks || plot.listens) return;
  plot.listens = true;
  plot.div.on("plotly_click", ({ points: [point] }) => {
    plot.report("clicked", { trace: point.curveNumber, point: [point.pointNumber].flat() });
  });
}

export default (component) => mount(plots, component, put);
