// Scroll to a step that appears.
// In pixels: Streamlit's header, and milliseconds until figures have their heights.
const HEADER = 48;
const PATIENCE = 5000;
let last = 0;

export default ({ data, parentElement }) => {
  if (data.steps > last) {
    parentElement.style.scrollMarginTop = `${HEADER}px`;
    const until = performance.now() + PATIENCE;
    let moved = false;
    for (const event of ["wheel", "touchmove", "keydown"]) addEventListener(event, () => (moved = true), { once: true });
    // While figures are missing, the page is too short.
    const follow = () => {
      if (moved || !parentElement.isConnected) return;
      parentElement.scrollIntoView();
      const reached = parentElement.getBoundingClientRect().top < HEADER + 4;
      if (!reached && performance.now() < until) requestAnimationFrame(follow);
    };
    follow();
  }
  last = data.steps;
};
