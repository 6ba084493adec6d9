// A pair that is not on the server is asked for as soon as this line says so; it can be stopped.
watch('value', () => { if (element.querySelector('[data-load]')) trigger('fetch'); });
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-action=stop]');
  if (!button) return;
  button.disabled = true;
  button.textContent = 'Stopping…';
  trigger('stop');
});
