// Copy link, copy as Python, and files made by the server on request.
const data = () => element.querySelector('[data-query]')?.dataset ?? {};
const say = (text) => { element.querySelector('.td-said').textContent = text; };

async function copy(text, what) {
  const box = element.querySelector('.td-copied');
  box.textContent = text;
  box.hidden = false;
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} copied.`);
  } catch (error) {
    say(`The browser does not allow copying; here it is to copy by hand.`);
  }
}

function tell() {
  window.dispatchEvent(new CustomEvent('td-look', { detail: { sample: data().sample || null } }));
}

element.addEventListener('click', (event) => {
  const action = event.target.closest('[data-action]')?.dataset.action;
  if (action === 'link') copy(`${window.location.origin}${window.location.pathname}?${data().query}`, data().sample ? 'Link' : 'Link without your uploaded picture');
  if (action === 'python') copy(data().python, 'Python code');
  if (action === 'png') { say('Drawing…'); trigger('png', { at: Date.now() }); }
  if (action === 'json') { say('Writing…'); trigger('json', { at: Date.now() }); }
});
window.addEventListener('td-look-asked', tell);
watch('value', tell);
tell();
