// The gallery: chips, order, cards and the opened card ask the page; the keyboard's place is kept.
let asked = '';

function ask(what, key) {
  asked = `[data-do="${what}"]` + (key === undefined ? '' : `[data-key="${key}"]`);
  trigger('ask', { what, key });
}

element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-do]');
  if (button) ask(button.dataset.do, button.dataset.key);
});
element.addEventListener('change', (event) => {
  if (event.target.matches('select[data-do]')) {
    asked = `select[data-do="${event.target.dataset.do}"]`;
    trigger('ask', { what: event.target.dataset.do, key: event.target.value });
  }
});

watch('value', () => requestAnimationFrame(() => {
  if (asked && !element.contains(document.activeElement)) element.querySelector(asked)?.focus({ preventScroll: true });
  asked = '';
  const opened = element.querySelector('.cg-open');
  if (opened && !element.dataset.open) opened.scrollIntoView({ block: 'start' });
  element.dataset.open = opened ? '1' : '';
}));
