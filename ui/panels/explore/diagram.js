// The framework as a row of boxes; each shows the selected value and links to its control in the sidebar.
const STYLE = `
  .imprint-framework { font: 400 0.8125rem/1.35 var(--st-font), sans-serif; color: var(--st-text-color); }
  .imprint-framework ol {
    display: flex; flex-wrap: wrap; align-items: stretch; gap: 6px 0; margin: 0; padding: 2px; list-style: none;
  }
  .imprint-framework li { display: flex; align-items: center; }
  .imprint-framework li:not(:last-child)::after { content: "→"; padding: 0 6px; }
  .imprint-framework button {
    font: inherit; color: inherit; background: var(--st-background-color); cursor: pointer; text-align: left;
    border: 1px solid var(--st-border-color); border-radius: 8px;
  }
  .imprint-framework li button { display: flex; flex-direction: column; padding: 5px 10px; min-height: 100%; }
  .imprint-framework button:hover, .imprint-framework button:focus-visible {
    border-color: var(--st-primary-color); background: var(--st-secondary-background-color);
  }
  .imprint-framework button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
  .imprint-framework .step { font-size: 0.75rem; }
  .imprint-framework .value { font-weight: 600; }
  .imprint-framework .does { font-size: 0.75rem; }
  /* Highlighted by a thick frame and a mark, not by colour alone. */
  .imprint-framework .lit { box-shadow: inset 0 0 0 2px var(--st-primary-color); border-color: var(--st-primary-color); }
  .imprint-framework .lit .value::before { content: "✦ "; }
  .imprint-framework p { font-size: inherit; display: flex; flex-wrap: wrap; gap: 6px; align-items: center; margin: 2px 2px 8px; }
  .imprint-framework p button { padding: 3px 10px; border-radius: 999px; }
  .imprint-framework p button[aria-pressed="true"] { font-weight: 600; border-color: var(--st-primary-color); }
`;

// Milliseconds in which Advanced opens.
const OPENING = 600;

// Scroll to a control of the sidebar and focus it; open the sidebar, or Advanced, if it is collapsed.
function focusControl(key) {
  let opening = false;
  const find = () => {
    const control = document.querySelector(`[data-testid="stSidebar"] .st-key-${key}`);
    const closed = control?.closest("details:not([open])");
    if (!closed) return control;
    closed.querySelector("summary").click();
    opening = true;
    return null;
  };
  // This button exists only while the sidebar is collapsed.
  document.querySelector('[data-testid="stExpandSidebarButton"]')?.click();
  let tries = 0;
  const go = () => {
    const control = find();
    if (!control) {
      if (tries++ < 20) setTimeout(go, 50);
      return;
    }
    control.scrollIntoView({ block: "center" });
    // Advanced grows while it opens.
    if (opening) setTimeout(() => control.scrollIntoView({ block: "center" }), OPENING);
    // The checked option, or the input element.
    const target = control.querySelector('[role="slider"], [role="radio"][aria-checked="true"], input, button[kind], button');
    target?.focus();
    control.style.outline = "2px solid var(--st-primary-color)";
    control.style.outlineOffset = "4px";
    setTimeout(() => { control.style.outline = ""; }, 1600);
  };
  go();
}

function element(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

export default ({ data, parentElement, setTriggerValue }) => {
  let root = parentElement.querySelector(".imprint-framework");
  if (!root) {
    root = element("div", { className: "imprint-framework" });
    parentElement.append(element("style", { textContent: STYLE }), root);
  }
  const focused = root.contains(document.activeElement) ? document.activeElement.dataset.name : "";
  const boxes = new Map();
  const list = element("ol", {});
  list.setAttribute("aria-label", "Steps of imprinting and their selected values");
  for (const box of data.boxes) {
    const value = element("span", { className: "value", textContent: box.value });
    const button = element(
      "button",
      { type: "button", className: box.lit ? "lit" : "", title: "Go to its control", onclick: () => focusControl(box.control) },
      element("span", { className: "step", textContent: box.step }),
      // The spaces separate words in the accessible name.
      " ",
      value,
      " ",
      element("span", { className: "does", textContent: box.does }),
    );
    button.dataset.name = box.control;
    boxes.set(box.control, { button, value, box });
    list.append(element("li", {}, button));
  }
  // Highlight the boxes that a preset would change while the pointer or the focus is on it.
  const preview = (preset) => {
    // The current one changes nothing: what the last change affected stays highlighted when its focus is restored.
    if (preset?.current) preset = null;
    for (const [key, { button, value, box }] of boxes) {
      const other = preset?.values[key];
      button.classList.toggle("lit", preset ? other !== box.value : box.lit);
      value.textContent = preset ? other : box.value;
    }
  };
  const row = element("p", {}, "Presets:");
  for (const preset of data.presets) {
    const button = element("button", {
      type: "button",
      textContent: preset.label,
      onclick: () => setTriggerValue("preset", preset.name),
      onpointerenter: () => preview(preset),
      onpointerleave: () => preview(null),
      onfocus: () => preview(preset),
      onblur: () => preview(null),
    });
    button.dataset.name = `preset-${preset.name}`;
    button.setAttribute("aria-pressed", String(preset.current));
    row.append(button);
  }
  // Presets first: a preview that wraps the boxes differently doesn't move them from under the pointer.
  root.replaceChildren(row, list);
  if (focused) root.querySelector(`[data-name="${CSS.escape(focused)}"]`)?.focus();
};
