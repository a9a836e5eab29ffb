// Draws the report's figures in the theme of the screen, and in light colours for print.
const dark = matchMedia("(prefers-color-scheme: dark)");

function theme() {
  const style = getComputedStyle(document.body);
  const css = (name) => style.getPropertyValue(name).trim();
  return { text: css("--text"), background: css("--background"), grid: css("--grid"), card: css("--card") };
}

function themed(figure, { text, background, grid, card }, height) {
  const copy = JSON.parse(
    JSON.stringify(figure)
      .replaceAll("THEME_TEXT", JSON.stringify(text))
      .replaceAll("THEME_BACKGROUND", JSON.stringify(background)),
  );
  const layout = copy.layout;
  layout.height = height;
  layout.autosize = true;
  delete layout.width;
  layout.paper_bgcolor = layout.plot_bgcolor = "rgba(0,0,0,0)";
  layout.font = { family: "system-ui, sans-serif", size: 13, color: text, ...layout.font };
  layout.hoverlabel = { bgcolor: card, bordercolor: grid, font: { color: text }, ...layout.hoverlabel };
  layout.dragmode = false;
  for (const name of Object.keys(layout).filter((n) => /^[xy]axis/.test(n))) {
    layout[name] = { gridcolor: grid, zeroline: false, linecolor: grid, automargin: true, ...layout[name] };
  }
  return copy;
}

function draw() {
  const colours = theme();
  figures.forEach((figure, i) => {
    const div = document.getElementById(`plot-${i}`);
    const { data, layout } = themed(figure, colours, parseInt(div.style.height, 10));
    Plotly.react(div, data, layout, { displayModeBar: false, responsive: true, showSendToCloud: false });
  });
}

draw();
dark.addEventListener("change", draw);
// Printed pages are light in both themes.
addEventListener("beforeprint", () => {
  document.body.classList.add("print");
  draw();
});
addEventListener("afterprint", () => {
  document.body.classList.remove("print");
  draw();
});
