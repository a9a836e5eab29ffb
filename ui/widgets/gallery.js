// Updates tiles in place: a tile that stays keeps its element and its focus, and nothing flickers.
const STYLE = `
  ul {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(72px, 1fr));
    gap: 8px;
    margin: 0;
    /* Space for focus rings and marks at the edge. */
    padding: 4px;
    list-style: none;
    font: 12px/1.35 var(--st-font), sans-serif;
    color: var(--st-text-color);
  }
  /* A few samples in a row do not grow too large. */
  li { min-width: 0; max-width: 108px; }
  button {
    position: relative;
    display: flex;
    flex-direction: column;
    width: 100%;
    height: 100%;
    box-sizing: border-box;
    padding: 4px 4px 5px;
    border: 1px solid var(--st-border-color);
    border-radius: 8px;
    background: var(--st-background-color);
    color: inherit;
    font: inherit;
    text-align: center;
    cursor: pointer;
    transition: background-color 0.12s, border-color 0.12s, transform 0.12s, box-shadow 0.12s;
  }
  button:hover {
    border-color: var(--st-primary-color);
    background: var(--st-secondary-background-color);
    transform: translateY(-1px);
    box-shadow: 0 2px 8px rgb(0 0 0 / 18%);
  }
  button:active { transform: none; box-shadow: none; }
  button:focus { outline: none; }
  button:focus-visible { outline: 3px solid var(--st-primary-color); outline-offset: 2px; }
  .misclassified { border-style: dashed; border-color: var(--st-text-color); }
  button[aria-pressed="true"],
  button[aria-pressed="true"]:hover {
    border-color: var(--st-primary-color);
    background: var(--st-secondary-background-color);
    box-shadow: inset 0 0 0 2px var(--st-primary-color);
  }
  img {
    display: block;
    width: 100%;
    aspect-ratio: 1;
    object-fit: contain;
    border-radius: 4px 4px 0 0;
  }
  .pixelated { image-rendering: pixelated; }
  .frame {
    display: flex;
    flex-direction: column;
    align-items: center;
    justify-content: center;
    /* Sizes of the text are in percent of this width. */
    container-type: inline-size;
    width: 100%;
    aspect-ratio: 1;
    overflow: hidden;
    border-radius: 4px 4px 0 0;
    background: var(--fill);
    color: var(--ink);
    line-height: 1.15;
  }
  .frame span {
    display: -webkit-box;
    max-width: 100%;
    overflow: hidden;
    -webkit-box-orient: vertical;
    -webkit-line-clamp: 2;
    overflow-wrap: anywhere;
    unicode-bidi: isolate;
  }
  .frame-title { font-size: clamp(11px, calc(150cqw / var(--letters)), 46cqw); font-weight: 700; }
  .frame-value { font-size: clamp(11px, calc(130cqw / var(--letters)), 30cqw); font-variant-numeric: tabular-nums; }
  .frame .frame-value:empty { display: none; }
  .bar { height: 4px; margin-bottom: 3px; border-radius: 0 0 4px 4px; background: var(--class); }
  .bar:first-child { margin-bottom: 4px; border-radius: 4px; }
  .title, .note {
    display: block;
    overflow: hidden;
    white-space: nowrap;
    text-overflow: ellipsis;
    /* Right-to-left names do not change the direction of other text. */
    unicode-bidi: isolate;
  }
  .title { font-weight: 600; }
  .note { color: color-mix(in srgb, var(--st-text-color) 80%, var(--st-background-color)); font-variant-numeric: tabular-nums; }
  .note:empty { display: none; }
  .mark {
    position: absolute;
    top: -4px;
    display: none;
    width: 17px;
    height: 17px;
    border-radius: 50%;
    color: var(--st-background-color);
    font-size: 11px;
    font-weight: 700;
    line-height: 17px;
  }
  .cross { right: -4px; background: var(--st-text-color); }
  .tick { left: -4px; background: var(--st-primary-color); }
  .misclassified .cross, [aria-pressed="true"] .tick { display: block; }
  @media (prefers-reduced-motion: reduce) { button { transition: none; } button:hover { transform: none; } }
`;

function element(tag, className, parent) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  parent.appendChild(node);
  return node;
}

function newTile(gallery, code) {
  const item = document.createElement("li");
  const button = element("button", "", item);
  button.type = "button";
  button.dataset.code = code;
  const tile = { item, button, image: null, frame: null };
  element("span", "bar", button);
  tile.title = element("span", "title", button);
  // Without a space, screen readers join the two lines into one word.
  button.append(" ");
  tile.note = element("span", "note", button);
  for (const [className, mark] of [["cross", "✕"], ["tick", "✓"]]) {
    const span = element("span", `mark ${className}`, button);
    span.textContent = mark;
    span.ariaHidden = "true";
  }
  button.addEventListener("click", () => gallery.report("clicked", { code }));
  return tile;
}

function update(tile, data, chosen) {
  const { button } = tile;
  button.className = data.misclassified ? "misclassified" : "";
  button.style.setProperty("--class", data.color);
  // The accessible name is the visible text, for voice control; the title is the accessible description.
  button.title = data.description;
  button.ariaPressed = String(chosen);
  tile.title.textContent = data.title;
  tile.note.textContent = data.note;
  updateFrame(tile, data.frame);
  if (!data.image) {
    tile.image?.remove();
    tile.image = null;
    return;
  }
  if (!tile.image) {
    tile.image = document.createElement("img");
    // The button's title describes the image.
    tile.image.alt = "";
    tile.image.draggable = false;
    button.prepend(tile.image);
  }
  tile.image.className = data.pixelated ? "pixelated" : "";
  if (tile.image.getAttribute("src") !== data.image) tile.image.src = data.image;
}

// Text instead of an image, as large as its longest word allows.
function updateFrame(tile, data) {
  if (!data) {
    tile.frame?.remove();
    tile.frame = null;
    return;
  }
  if (!tile.frame) {
    tile.frame = document.createElement("span");
    tile.frame.className = "frame";
    for (const part of ["title", "value"]) {
      element("span", `frame-${part}`, tile.frame);
      tile.frame.append(" ");
    }
    tile.button.prepend(tile.frame);
  }
  tile.frame.style.setProperty("--fill", data.color);
  tile.frame.style.setProperty("--ink", data.ink);
  for (const [node, text] of [[tile.frame.children[0], data.title], [tile.frame.children[1], data.value]]) {
    node.textContent = text;
    node.style.setProperty("--letters", Math.max(2, ...text.split(/\s+/).map((word) => word.length)));
  }
}

function draw(gallery, data, root) {
  const { list, tiles } = gallery;
  const focused = [...list.children].findIndex((item) => item.firstChild === root.activeElement);
  const button = focused < 0 ? null : list.children[focused].firstChild;
  const byKeyboard = button?.matches(":focus-visible");
  const removed = new Set(tiles.keys());
  list.ariaLabel = data.label;
  data.tiles.forEach((tileData, i) => {
    const { code } = tileData;
    if (!tiles.has(code)) tiles.set(code, newTile(gallery, code));
    const tile = tiles.get(code);
    update(tile, tileData, code === data.chosen);
    if (list.children[i] !== tile.item) list.insertBefore(tile.item, list.children[i] ?? null);
    removed.delete(code);
  });
  for (const code of removed) {
    tiles.get(code).item.remove();
    tiles.delete(code);
  }
  if (button?.isConnected) {
    // Moving the element removed its focus.
    if (root.activeElement !== button) button.focus({ preventScroll: true });
  } else if (byKeyboard) {
    // Its tile is gone: keyboard focus stays at the same position instead of the top of the page.
    list.children[Math.min(focused, list.children.length - 1)]?.firstChild.focus({ preventScroll: true });
  }
}

function move(event, list) {
  const items = [...list.children];
  const current = items.findIndex((item) => item.contains(event.target));
  const columns = items.filter((item) => item.offsetTop === items[0].offsetTop).length;
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
  if (!step || current < 0) return;
  event.preventDefault();
  items[current + step]?.firstChild.focus();
}

const galleries = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  let gallery = galleries.get(parentElement);
  if (!gallery) {
    const box = element("div", "imprint-gallery", parentElement);
    element("style", "", box).textContent = STYLE;
    const list = element("ul", "", box);
    // Safari drops the list role of lists without bullets.
    list.setAttribute("role", "list");
    list.addEventListener("keydown", (event) => move(event, list));
    gallery = { box, list, tiles: new Map() };
    galleries.set(parentElement, gallery);
  }
  gallery.box.dataset.name = data.name;
  gallery.report = setTriggerValue;
  draw(gallery, data, parentElement.getRootNode());
  const run = (gallery.run = (gallery.run ?? 0) + 1);
  return () => {
    // Streamlit also calls this for a run that a later run replaced.
    if (gallery.run !== run) return;
    galleries.delete(parentElement);
    gallery.box.remove();
  };
}
