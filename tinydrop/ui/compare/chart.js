// The panels: pointing at a line or its name brings it forward everywhere and says its figures.
let hidden = [];
const said = () => element.querySelector('.cp-chart-said');
const all = (selector) => [...element.querySelectorAll(selector)];
const HINT = 'Point at a name, or reach it with the Tab key, to read its figures.';

function arrange() {
  for (const panel of all('.cp-panel')) panel.hidden = hidden.includes(panel.dataset.group);
  // On a phone a panel scrolls in its box: begin where the names are.
  for (const box of all('.cp-scroll')) box.scrollLeft = box.scrollWidth;
  if (said()) said().textContent = all('.cp-panel').length ? HINT : '';
}

function point(target) {
  const method = target?.closest('[data-method]')?.dataset.method ?? null;
  element.querySelector('.cp-panels')?.classList.toggle('cp-pointed', method !== null);
  for (const one of all('[data-method]')) one.classList.toggle('cp-on', one.dataset.method === method);
  const label = method === null ? null : all('.cp-label').find((one) => one.dataset.method === method);
  if (said()) said().textContent = label ? `${label.dataset.said}. ${label.dataset.note}` : HINT;
}

element.addEventListener('pointerover', (event) => point(event.target));
element.addEventListener('pointerleave', () => point(null));
element.addEventListener('focusin', (event) => point(event.target));
element.addEventListener('focusout', () => point(null));
window.addEventListener('cp-groups', (event) => { hidden = event.detail.hidden; arrange(); });
watch('value', arrange);
arrange();
