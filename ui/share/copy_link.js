// A button that puts the page's address into the clipboard.
export default ({ parentElement }) => {
  let button = parentElement.querySelector("button");
  if (!button) {
    button = document.createElement("button");
    button.type = "button";
    button.className = "imprint-copy-link";
    // What it says after a click is read out.
    button.ariaLive = "polite";
    button.textContent = "Copy link";
    parentElement.appendChild(button);
  }
  const say = (text) => {
    button.textContent = text;
  };
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      say("Copied");
    } catch {
      // Without permission or a secure address: the address bar has it.
      say("Copy it from the address bar");
    }
    setTimeout(() => say("Copy link"), 2000);
  };
};
