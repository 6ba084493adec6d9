// The samples: a click picks one, "surprise me" picks another one by chance.
const buttons = () => [...element.querySelectorAll('[data-sample]')];

element.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  if (button.dataset.sample) return trigger('pick', { sample: button.dataset.sample });
  const others = buttons().filter((one) => one.getAttribute('aria-pressed') !== 'true');
  trigger('pick', { sample: others[Math.floor(Math.random() * others.length)].dataset.sample });
});

// A part of the page says which sample is on its stage; see actions.js.
let shown = null;

function mark() {
  for (const button of buttons()) button.setAttribute('aria-pressed', String(button.dataset.sample === shown));
}

const news = props.look_event ?? 'td-look';
window.addEventListener(news, (event) => { shown = event.detail.sample; mark(); });
window.dispatchEvent(new Event(`${news}-asked`)); // it may have been said before this part was there
watch('value', mark);
