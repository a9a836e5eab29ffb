// A button that copies the address of the page to the clipboard, with the shared origin instead of the local one.
export default ({ data, parentElement }) => {
  let button = parentElement.querySelector("button");
  if (!button) {
    button = document.createElement("button");
    button.type = "button";
    button.className = "imprint-copy-link";
    // Screen readers announce the label when it changes.
    button.ariaLive = "polite";
    button.textContent = "Copy link";
    parentElement.appendChild(button);
  }
  const setLabel = (text) => {
    button.textContent = text;
  };
  button.onclick = async () => {
    try {
      const [local, shared] = data?.origins ?? ["", ""];
      await navigator.clipboard.writeText(location.href.replace(local, shared));
      setLabel("Copied");
    } catch {
      // The clipboard needs permission and a secure address; the address bar has the same link.
      setLabel("Copy it from the address bar");
    }
    setTimeout(() => setLabel("Copy link"), 2000);
  };
};
