// The frontier: drawn once per trace, after that only the marker of the current setting moves.
const KEY = 'frontier';
const say = (text) => { element.querySelector('.tn-plot-note').textContent = text; };
const charts = tdCharts(element, watch, { click(taken) {
  if (!taken) return say('This one is a baseline: it has no tau and gamma to take.');
  const [tau, gamma, temperature, rule] = taken;
  say('');
  trigger('take', { tau, gamma, temperature, rule });
} });
let here = null;   // the current setting's point, also before there is a chart

function move() {
  const unit = Number(element.querySelector('[data-unit]')?.dataset.unit);
  if (here && unit) charts.move(KEY, here.macs / unit, here.y);
}
window.addEventListener('td-tune-point', (event) => { here = event.detail; move(); });
window.addEventListener('td-tune-png', (event) => {
  const box = charts.box(KEY);
  if (box.data) window.Plotly.downloadImage(box, { format: 'png', width: 1200, height: 760, scale: 2, filename: event.detail.name });
});
watch('value', move);
move();
