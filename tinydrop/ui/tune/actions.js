// Use the setting in Explore, copy a link to it, and files: made here (PNG) or by the server.
const data = () => element.querySelector('[data-query]')?.dataset ?? {};
const say = (text) => { element.querySelector('.tn-said').textContent = text; };
let saved = '';

async function copy(text) {
  const box = element.querySelector('.td-copied');
  box.textContent = text;
  box.hidden = false;
  try {
    await navigator.clipboard.writeText(text);
    say(data().own ? 'Link copied: it brings back the setting, not your own trace.' : 'Link copied.');
  } catch (error) {
    say('The browser does not allow copying; here it is to copy by hand.');
  }
}

element.addEventListener('click', (event) => {
  const action = event.target.closest('[data-action]')?.dataset.action;
  if (action === 'use') trigger('use');
  if (action === 'link') copy(`${window.location.origin}${window.location.pathname}?${data().query}`);
  if (action === 'csv') { say('Writing…'); trigger('csv', { at: Date.now() }); }
  if (action === 'json') { say('Writing…'); trigger('json', { at: Date.now() }); }
  if (action === 'png') {
    say('The chart is saved by your browser.');
    window.dispatchEvent(new CustomEvent('td-tune-png', { detail: { name: `${data().stem}-frontier` } }));
  }
});

// A finished file arrives as a data: address; hand it to the visitor, once.
watch('value', () => {
  const link = element.querySelector('a[data-name]');
  if (!link || link.dataset.at === saved) return;
  saved = link.dataset.at;
  link.click();
  say(`${link.dataset.name} saved.`);
});
