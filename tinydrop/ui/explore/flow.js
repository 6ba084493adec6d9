// The flow: a click on a station opens its sentence and leads to its control. The pictures in it
// are those of the board, taken over here so that they are sent once.
const stations = () => [...element.querySelectorAll('[data-station]')];

function photograph() {
  for (const [name, selector] of [['photo', '.td-photo'], ['heat', '.td-heat']]) {
    const source = document.querySelector(`#td-board ${selector}`)?.src ?? '';
    if (element.dataset[name] === String(source.length) + source.slice(-24)) continue;
    element.dataset[name] = String(source.length) + source.slice(-24);
    element.style.setProperty(`--fl-${name}`, source ? `url("${source}")` : 'none');
  }
}

function open(key) {
  element.dataset.open = key;
  for (const one of stations()) {
    const on = one.dataset.station === key;
    if (one.getAttribute('aria-expanded') !== String(on)) one.setAttribute('aria-expanded', String(on));
  }
  for (const one of element.querySelectorAll('.fl-about')) one.classList.toggle('fl-open', one.dataset.of === key);
}

function ring(control) {
  const part = control.closest('.td-slider, .td-board, .td-card') ?? control;
  part.classList.add('td-ringed');
  setTimeout(() => part.classList.remove('td-ringed'), 1600);
}

function jump(selector) {
  const control = document.querySelector(selector);
  if (!control) return;
  control.scrollIntoView({ block: 'center' });
  control.focus({ preventScroll: true });
  ring(control);
}

function seen(selector) {
  const box = document.querySelector(selector)?.getBoundingClientRect();
  return box && box.top >= 0 && box.bottom <= window.innerHeight && box.height > 0;
}

element.addEventListener('click', (event) => {
  const station = event.target.closest('[data-station]');
  const way = event.target.closest('[data-jump]');
  if (way) jump(way.dataset.jump);
  else if (event.target.closest('[data-close]')) {
    const key = element.dataset.open;
    open('');
    element.querySelector(`[data-station=${key}]`).focus();
  } else if (station) {
    const again = element.dataset.open === station.dataset.station;
    open(again ? '' : station.dataset.station);
    // A pointer is led on at once where nothing has to scroll; the keyboard stays in the flow.
    if (!again && event.detail > 0 && seen(station.dataset.to)) jump(station.dataset.to);
  }
});
element.addEventListener('keydown', (event) => { if (event.key === 'Escape' && element.dataset.open) open(''); });
document.addEventListener('click', (event) => {
  const link = event.target.closest('#td-card-decision [data-to]');
  if (link) jump(link.dataset.to);
});
window.addEventListener('td-board', (event) => { if (event.detail === 'td-board') photograph(); });
watch('value', () => { open(element.dataset.open || ''); photograph(); });
photograph();
