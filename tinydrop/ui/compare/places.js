// The chart of places: a press on a column moves the block slider there.
const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;

element.addEventListener('click', (event) => {
  const column = event.target.closest('[data-block]');
  const slider = document.querySelector('#cp-block input[type=range]');
  if (!column || !slider || slider.value === column.dataset.block) return;
  set.call(slider, column.dataset.block);
  slider.dispatchEvent(new Event('input', { bubbles: true }));
});
