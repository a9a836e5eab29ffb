// PageDown and PageUp press Next and Back before a focused slider or the page can take the keys: remote controls send
// them. In text boxes they have their usual effect.
const BUTTONS = { PageDown: "next", PageUp: "back" };
const NO_TEXT = ["range", "radio", "checkbox", "button", "submit", "file", "color"];

const isTextBox = (e) =>
  e.isContentEditable ||
  e.matches?.("textarea") ||
  (e.matches?.("input:not([role=combobox])") && !NO_TEXT.includes(e.type));

export default () => {
  const press = (event) => {
    const name = BUTTONS[event.key];
    if (!name || event.ctrlKey || event.altKey || event.metaKey) return;
    // Also from the buttons' own shortcuts, which work in text boxes too.
    event.stopImmediatePropagation();
    // The target of an event in a shadow tree is its host.
    if (isTextBox(event.composedPath()[0])) return;
    event.preventDefault();
    document.querySelector(`.st-key-present-${name} button`)?.click();
  };
  addEventListener("keydown", press, { capture: true });
  // A mark that keys are followed.
  document.body.dataset.pageKeys = "";
  return () => {
    removeEventListener("keydown", press, { capture: true });
    delete document.body.dataset.pageKeys;
  };
};
