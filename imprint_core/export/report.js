// Draws the report's figures in the colours of the screen, or of paper.
const dark = matchMedia("(prefers-color-scheme: dark)");

function look() {
  const style = getComputedStyle(document.body);
  const css = (name) => style.getPropertyValue(name).trim();
  return { text: css("--text"), background: css("--background"), grid: css("--grid"), card: css("--card") };
}

function dressed(figure, { text, background, grid, card }, height) {
  const own = JSON.parse(
    JSON.stringify(figure)
      .replaceAll("THEME_TEXT", JSON.stringify(text))
      .replaceAll("THEME_BACKGROUND", JSON.stringify(background)),
  );
  const layout = own.layout;
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
  return own;
}

function draw() {
  const colours = look();
  figures.forEach((figure, i) => {
    const div = document.getElementById(`plot-${i}`);
    const { data, layout } = dressed(figure, colours, parseInt(div.style.height, 10));
    Plotly.react(div, data, layout, { displayModeBar: false, responsive: true, showSendToCloud: false });
  });
}

draw();
dark.addEventListener("change", draw);
// Paper is light, whatever the screen is.
addEventListener("beforeprint", () => {
  document.body.classList.add("paper");
  draw();
});
addEventListener("afterprint", () => {
  document.body.classList.remove("paper");
  draw();
});
