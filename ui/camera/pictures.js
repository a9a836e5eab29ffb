// Drawing of results: bars, proxies, map and measures, updated in place.

const SVG = "http://www.w3.org/2000/svg";

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

// Children of a list, one for each item: kept, added at the end, or removed there.
function fit(list, count, make) {
  while (list.children.length > count) list.lastChild.remove();
  while (list.children.length < count) list.appendChild(make());
  return [...list.children];
}

function newBar() {
  const row = element("li", "bar");
  row.name = element("span", "name", row);
  row.fill = element("span", "fill", element("span", "track", row));
  row.share = element("span", "share", row);
  return row;
}

function drawBars(list, bars) {
  fit(list, bars.length, newBar).forEach((row, i) => {
    const { name, share, color } = bars[i];
    setText(row.name, name);
    setText(row.share, `${(100 * share).toFixed(0)} %`);
    row.fill.style.transform = `scaleX(${share})`;
    row.fill.style.background = color;
  });
}

function newProxy() {
  const row = element("li", "proxy");
  row.star = element("span", "star", row, "★");
  row.star.ariaHidden = "true";
  row.name = element("span", "name", row);
  row.similarity = element("span", "share", row);
  row.shots = element("span", "strip", row);
  return row;
}

function drawProxies(list, proxies, thumbnails) {
  fit(list, proxies.length, newProxy).forEach((row, i) => {
    const { name, similarity, color, shots } = proxies[i];
    setText(row.name, name);
    setText(row.similarity, similarity);
    row.star.style.color = color;
    const available = shots.filter((number) => thumbnails.has(number));
    fit(row.shots, available.length, () => element("img")).forEach((image, j) => {
      const source = thumbnails.get(available[j]);
      image.alt = "";
      if (image.getAttribute("src") !== source) image.src = source;
    });
  });
}

const WIDTH = 320;
const HEIGHT = 240;
const MARGIN = 16;

// A function from places on the map to pixels, both axes with one scale.
function scaleOf(points) {
  const [low, high] = [Math.min, Math.max].map((pick) => [0, 1].map((axis) => pick(...points.map((p) => p[axis]))));
  const extent = [0, 1].map((axis) => Math.max(high[axis] - low[axis], 1e-6));
  const scale = Math.min((WIDTH - 2 * MARGIN) / extent[0], (HEIGHT - 2 * MARGIN) / extent[1]);
  const within = (value, most) => Math.min(Math.max(value, 6), most - 6);
  return ([x, y]) => [
    within(WIDTH / 2 + (x - (low[0] + high[0]) / 2) * scale, WIDTH),
    within(HEIGHT / 2 - (y - (low[1] + high[1]) / 2) * scale, HEIGHT),
  ];
}

function drawMap(svg, map) {
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.place = null;
  if (!map?.shots.length) return;
  const scale = scaleOf([...map.shots, ...map.proxies]);
  for (const point of map.shots) {
    const [cx, cy] = scale(point);
    shape("circle", { cx, cy, r: 3.5, fill: "none", stroke: point[2], "stroke-width": 1.5 }, svg);
  }
  for (const point of map.proxies) {
    const [x, y] = scale(point);
    const star = shape("text", { x, y, fill: point[2] }, svg);
    star.textContent = "★";
  }
  const marker = shape("path", { d: "M0 -9 L9 0 L0 9 L-9 0 Z", class: "frame", visibility: "hidden" }, svg);
  svg.place = (place) => {
    marker.setAttribute("visibility", place ? "visible" : "hidden");
    if (place) marker.setAttribute("transform", `translate(${scale(place).join(" ")})`);
  };
}

function drawMeasures(list, measures) {
  const make = () => {
    const row = element("li", "measure");
    row.name = element("span", "name", row);
    row.figure = element("span", "share", row);
    row.note = element("span", "note", row);
    return row;
  };
  fit(list, measures.length, make).forEach((row, i) => {
    const { name, value, note } = measures[i];
    setText(row.name, name);
    setText(row.figure, value);
    setText(row.note, note);
  });
}
