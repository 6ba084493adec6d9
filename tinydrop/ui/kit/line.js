// Keeps every "waiting, N ahead" on the page true: asks the server while one is shown.
const EVERY = 500;          // milliseconds
const shown = () => [...document.querySelectorAll('[data-line][data-otherwise]')].filter((one) => one.offsetParent);

setInterval(() => { if (shown().length) trigger('ask'); }, EVERY);

watch('value', () => {
  const places = JSON.parse(props.value || '{}');
  for (const one of shown()) one.textContent = places[one.dataset.line] || one.dataset.otherwise;
});
