// A chart's legend: an entry shows or hides its line, and pointing at it brings the line forward.
const series = (key) => [...element.querySelectorAll('[data-series]')].find((one) => one.dataset.series === key);

element.addEventListener('click', (event) => {
  const key = event.target.closest('[data-line]');
  if (!key) return;
  const shown = key.getAttribute('aria-pressed') !== 'true';
  key.setAttribute('aria-pressed', String(shown));
  series(key.dataset.line)?.toggleAttribute('hidden', !shown);
});

function point(event, on) {
  const key = event.target.closest('[data-line]');
  if (!key) return;
  series(key.dataset.line)?.classList.toggle('cg-strong', on);
  element.querySelector('.cg-chart')?.classList.toggle('cg-pointed', on);
}
for (const [name, on] of [['pointerover', true], ['pointerout', false], ['focusin', true], ['focusout', false]]) {
  element.addEventListener(name, (event) => point(event, on));
}
