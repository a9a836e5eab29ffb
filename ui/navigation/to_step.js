// Scroll to a step that appears.
// In pixels: Streamlit's header, which the presenter view replaces by its own.
const HEADER = 48;
const headerHeight = () => document.querySelector(".st-key-present-bar")?.offsetHeight ?? HEADER;
// In milliseconds: until figures have their heights and what the step replaces is removed.
const PATIENCE = 6000;
const STEADY_FRAMES = 30;
let last = 0;

export default ({ data, parentElement }) => {
  if (data.steps > last) {
    const header = headerHeight();
    parentElement.style.scrollMarginTop = `${header}px`;
    const until = performance.now() + PATIENCE;
    let moved = false;
    let steady = 0;
    for (const event of ["wheel", "touchmove", "keydown", "pointerdown"]) {
      addEventListener(event, () => (moved = true), { once: true });
    }
    const follow = () => {
      if (moved || !parentElement.isConnected || performance.now() > until) return;
      const running = document.querySelector("[data-testid=stApp]").dataset.testScriptState !== "notRunning";
      const reached = Math.abs(parentElement.getBoundingClientRect().top - header) < 4;
      if (!reached) parentElement.scrollIntoView();
      steady = reached && !running ? steady + 1 : 0;
      if (steady < STEADY_FRAMES) requestAnimationFrame(follow);
    };
    follow();
  }
  last = data.steps;
};
