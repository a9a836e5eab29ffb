// Draws tiles in place: a tile that stays keeps its element, so that nothing flickers and focus is kept.
const STYLE = `
  ul {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(72px, 1fr));
    gap: 8px;
    margin: 0;
    /* Room for focus rings and marks at the rim. */
    padding: 4px;
    list-style: none;
    font: 12px/1.35 var(--st-font), sans-serif;
    color: var(--st-text-color);
  }
  /* A few samples alone in a row don't grow to posters. */
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
  .wrong { border-style: dashed; border-color: var(--st-text-color); }
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
  .bar { height: 4px; margin-bottom: 3px; border-radius: 0 0 4px 4px; background: var(--class); }
  .bare .bar { margin-bottom: 4px; border-radius: 4px; }
  .title, .note {
    display: block;
    overflow: hidden;
    white-space: nowrap;
    text-overflow: ellipsis;
    /* A name from right to left, or one that pretends to be, turns nothing but itself. */
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
  .wrong .cross, [aria-pressed="true"] .tick { display: block; }
  @media (prefers-reduced-motion: reduce) { button { transition: none; } button:hover { transform: none; } }
`;

function element(tag, className, parent) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  parent.appendChild(made);
  return made;
}

function newTile(gallery, code) {
  const item = document.createElement("li");
  const button = element("button", "", item);
  button.type = "button";
  button.dataset.code = code;
  const tile = { item, button, image: null, bar: element("span", "bar", button) };
  tile.title = element("span", "title", button);
  // Without a space between them the two lines would be read as one word.
  button.append(" ");
  tile.note = element("span", "note", button);
  for (const [className, mark] of [["cross", "✕"], ["tick", "✓"]]) {
    const shown = element("span", `mark ${className}`, button);
    shown.textContent = mark;
    shown.ariaHidden = "true";
  }
  button.addEventListener("click", () => gallery.report("clicked", { code }));
  return tile;
}

function fill(tile, data, chosen) {
  const { button } = tile;
  button.className = [data.wrong && "wrong", !data.image && "bare"].filter(Boolean).join(" ");
  button.style.setProperty("--class", data.color);
  // Its name is what stands on it, so that it can be called by voice; the whole story describes it.
  button.title = data.told;
  button.ariaPressed = String(chosen);
  tile.title.textContent = data.title;
  tile.note.textContent = data.note;
  if (!data.image) {
    tile.image?.remove();
    tile.image = null;
    return;
  }
  if (!tile.image) {
    tile.image = document.createElement("img");
    // The button's title says it all.
    tile.image.alt = "";
    tile.image.draggable = false;
    button.prepend(tile.image);
  }
  tile.image.className = data.pixelated ? "pixelated" : "";
  if (tile.image.getAttribute("src") !== data.image) tile.image.src = data.image;
}

function draw(gallery, data, root) {
  const { list, tiles } = gallery;
  const focused = [...list.children].findIndex((item) => item.firstChild === root.activeElement);
  const button = focused < 0 ? null : list.children[focused].firstChild;
  const byKeyboard = button?.matches(":focus-visible");
  const left = new Set(tiles.keys());
  list.ariaLabel = data.label;
  data.tiles.forEach((wanted, place) => {
    if (!tiles.has(wanted.code)) tiles.set(wanted.code, newTile(gallery, wanted.code));
    const tile = tiles.get(wanted.code);
    fill(tile, wanted, wanted.code === data.chosen);
    if (list.children[place] !== tile.item) list.insertBefore(tile.item, list.children[place] ?? null);
    left.delete(wanted.code);
  });
  for (const code of left) {
    tiles.get(code).item.remove();
    tiles.delete(code);
  }
  if (button?.isConnected) {
    // Being moved took its focus.
    if (root.activeElement !== button) button.focus({ preventScroll: true });
  } else if (byKeyboard) {
    // Its tile is gone: whoever goes by keys stays where they were, rather than at the page's top.
    list.children[Math.min(focused, list.children.length - 1)]?.firstChild.focus({ preventScroll: true });
  }
}

function move(event, list) {
  const items = [...list.children];
  const now = items.findIndex((item) => item.contains(event.target));
  const columns = items.filter((item) => item.offsetTop === items[0].offsetTop).length;
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
  if (!step || now < 0) return;
  event.preventDefault();
  items[now + step]?.firstChild.focus();
}

const galleries = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  let gallery = galleries.get(parentElement);
  if (!gallery) {
    const box = element("div", "imprint-gallery", parentElement);
    element("style", "", box).textContent = STYLE;
    const list = element("ul", "", box);
    // Safari forgets that a list without bullets is one.
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
    // Streamlit also calls this for a run that a later one overtook.
    if (gallery.run !== run) return;
    galleries.delete(parentElement);
    gallery.box.remove();
  };
}
