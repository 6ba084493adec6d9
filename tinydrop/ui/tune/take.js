// A button in a table takes the setting of its row.
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-take]');
  if (button) trigger('take', JSON.parse(button.dataset.take));
});
