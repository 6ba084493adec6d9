// How far a visitor's own trace is, and the two buttons that belong to it.
element.addEventListener('click', (event) => {
  const action = event.target.closest('[data-action]')?.dataset.action;
  if (action === 'stop') { event.target.disabled = true; event.target.textContent = 'Stopping…'; trigger('stop'); }
  if (action === 'back') trigger('back');
});
