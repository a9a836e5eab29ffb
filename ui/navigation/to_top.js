// Scroll to the top when other content is opened.
let last;

export default ({ data }) => {
  if (last !== undefined && last !== data.view) document.querySelector("[data-testid=stMain]")?.scrollTo(0, 0);
  last = data.view;
};
