// PageDown and PageUp press Next and Back before a focused slider or the page can take the keys: remote controls send
// them. Only text boxes keep them.
const BUTTONS = { PageDown: "next", PageUp: "back" };
const NO_TEXT = ["range", "radio", "checkbox", "button", "submit", "file", "color"];

const isTextBox = (e) =>
  e.isContentEditable ||
  e.matches?.("textarea") ||
  (e.matches?.("input:not([role=combobox])") && !NO_TEXT.includes(e.type));

export default () => {
  const press = (event) => {
    const name = BUTTONS[event.key];
    if (!name || event.ctrlKey || event.altKey || event.metaKey || isTextBox(event.target)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    document.querySelector(`.st-key-present-${name} button`)?.click();
  };
  addEventListener("keydown", press, { capture: true });
  return () => removeEventListener("keydown", press, { capture: true });
};
