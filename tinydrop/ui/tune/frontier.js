// The frontier: drawn once per trace, after that only the marker of the current setting moves.
const box = document.createElement('div');
box.className = 'tn-plot';
let drawn = null;          // the figure on screen, as text
let here = null;           // the current setting's point, also while plotly is on its way
let known = '';            // the point that the marker shows
const host = () => element.querySelector('.tn-plot-host');
const say = (text) => { element.querySelector('.tn-plot-note').textContent = text; };

// One script for all, fetched from this server when the page is first shown.
function plotly() {
  window.tdPlotly ??= new Promise((resolve, reject) => {
    if (window.Plotly?.restyle) return resolve(window.Plotly);
    const config = window.gradio_config ?? {};
    const script = document.createElement('script');
    script.src = `${(config.root ?? '').replace(/\/$/, '')}${config.api_prefix ?? '/gradio_api'}/file=${element.querySelector('[data-script]').dataset.script}`;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => { window.tdPlotly = undefined; reject(new Error('plotly')); };
    document.head.append(script);
  });
  return window.tdPlotly;
}

// Colours in the figure are names of the page's variables: "--td-ink" becomes its value.
function coloured(value, style) {
  if (typeof value === 'string') return value.startsWith('--td-') ? style.getPropertyValue(value).trim() : value;
  if (Array.isArray(value)) return value.map((one) => coloured(one, style));
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, coloured(one, style)]));
  return value;
}

function figure() {
  const made = coloured(JSON.parse(drawn), getComputedStyle(document.body));
  const narrow = element.clientWidth < 560;
  if (narrow) {
    made.layout.margin = { ...made.layout.margin, l: 46, r: 8 };
    made.layout.legend = { ...made.layout.legend, font: { size: 11 }, y: -0.16 };
  }
  made.layout.height = narrow ? 600 : 480;
  return made;
}

async function draw() {
  if (!host()) return;
  if (box.parentNode !== host()) host().append(box);
  if (!props.value) return;
  drawn = props.value;
  try {
    const library = await plotly();
    const made = figure();
    const place = made.data.findIndex((one) => one.meta === 'here');
    if (here && place >= 0) Object.assign(made.data[place], { x: [here.macs / made.layout.meta.unit], y: [here.y] });
    known = here ? `${here.macs},${here.y}` : '';
    await library.react(box, made.data, made.layout, { displayModeBar: false, responsive: true, doubleClick: 'reset', showTips: false });
    box.removeAllListeners?.('plotly_click');
    box.on('plotly_click', take);
    box.dataset.ready = String(box.data.length);
    say('');
  } catch (error) {
    say('The chart could not be drawn in this browser; the numbers and tables below say the same.');
  }
}

function take(event) {
  const point = event.points?.find((one) => one.customdata);
  if (!point) return say('This one is a baseline: it has no tau and gamma to take.');
  const [tau, gamma, temperature, rule] = point.customdata;
  say('');
  trigger('take', { tau, gamma, temperature, rule });
}

// Plotly redraws the whole chart for one moved point, which is too slow to follow a slider. So the
// marker's own node moves at once, and plotly hears of it when the slider rests.
function nudge(x, y) {
  const node = [...box.querySelectorAll('.scatterlayer .trace')].find((one) => one.__data__?.[0]?.trace?.meta === 'here');
  const point = node?.querySelector('path.point');
  const { xaxis, yaxis } = box._fullLayout ?? {};
  if (!point || !xaxis || !yaxis) return;
  point.setAttribute('transform', `translate(${xaxis.d2p(x)},${yaxis.d2p(y)})`);
}

let resting = 0;
function move() {
  if (!here || !box.data) return;
  const point = `${here.macs},${here.y}`;
  if (point === known) return;
  known = point;
  const place = box.data.findIndex((one) => one.meta === 'here');
  if (place < 0) return;
  const x = here.macs / box.layout.meta.unit;
  nudge(x, here.y);
  box.dataset.here = `${x},${here.y}`;
  clearTimeout(resting);
  resting = setTimeout(() => window.Plotly.restyle(box, { x: [[x]], y: [[here.y]] }, [place]), 400);
}

window.addEventListener('td-tune-point', (event) => { here = event.detail; move(); });
window.addEventListener('td-tune-png', async (event) => {
  if (!box.data) return;
  await window.Plotly.downloadImage(box, { format: 'png', width: 1200, height: 760, scale: 2, filename: event.detail.name });
});
new MutationObserver(() => { if (box.data) draw(); }).observe(document.body, { attributes: true, attributeFilter: ['class'] });
watch('value', draw);
plotly().catch(() => {});   // on its way while the server still works out the points
draw();
