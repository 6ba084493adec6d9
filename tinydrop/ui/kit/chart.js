// Charts: each is drawn when it comes near the window; see kit/chart.py.
const SCRIPT = %SCRIPT%;
let library;

// One script for all, fetched from this server once.
function plotly() {
  library ??= new Promise((resolve, reject) => {
    const config = window.gradio_config ?? {};
    const script = document.createElement('script');
    script.src = `${(config.root ?? '').replace(/\/$/, '')}${config.api_prefix ?? '/gradio_api'}/file=${SCRIPT}`;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => { library = undefined; reject(new Error('plotly')); };
    document.head.append(script);
  });
  return library;
}

// Colours in a figure name the page's variables: "var(--td-ink)" becomes its value.
function coloured(value, style) {
  if (typeof value === 'string') return value.startsWith('var(') ? style.getPropertyValue(value.slice(4, -1)).trim() : value;
  if (Array.isArray(value)) return value.map((one) => coloured(one, style));
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, coloured(one, style)]));
  return value;
}

function save(figure) {
  const rows = [...figure.querySelectorAll('tr')].map((row) => [...row.children].map((cell) => `"${cell.textContent.replaceAll('"', '""')}"`).join(','));
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([`${rows.join('\r\n')}\r\n`], { type: 'text/csv' }));
  link.download = `tinydrop-${figure.dataset.chart}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// For a part of the page that holds charts. `on.click` gets a pressed point's data, or null.
window.tdCharts = (element, watch, on = {}) => {
  const known = new Map();   // chart -> { box, text, pressed: line -> shown, here, spot }
  const figures = () => [...element.querySelectorAll('.tc-chart')];
  const state = (key) => {
    if (!known.has(key)) {
      const box = Object.assign(document.createElement('div'), { className: 'tc-plot' });
      known.set(key, { box, pressed: new Map() });
    }
    return known.get(key);
  };
  const nodes = (box) => [...box.querySelectorAll('.scatterlayer .trace')].map((node) => [node, node.__data__?.[0]?.trace?.meta]);

  function mark(box) {
    for (const [node, meta] of nodes(box)) node.classList.toggle('tc-veiled', meta?.part === 'hidden band');
  }

  function point(figure, line) {
    const { box } = state(figure.dataset.chart);
    box.classList.toggle('tc-pointed', line !== null);
    for (const [node, meta] of nodes(box)) node.classList.toggle('tc-on', line !== null && meta?.line === line);
    const key = [...figure.querySelectorAll('.tc-key')].find((one) => one.dataset.line === line);
    const many = (key?.dataset.said ?? '').split('; ');
    const said = many.length > 8 ? `${many.slice(0, 8).join('; ')} …` : many.join('; ');
    figure.querySelector('.tc-said').textContent = key ? `${said}${key.dataset.note ? `. ${key.dataset.note}` : ''}` : '';
  }

  function made(one, text) {
    const figure = coloured(JSON.parse(text), getComputedStyle(document.body));
    const narrow = element.clientWidth < 560;
    if (narrow) {
      figure.layout.annotations = figure.layout.annotations?.filter((label) => label.name !== 'end');
      Object.assign(figure.layout.margin, { l: 44, r: 10 });
    }
    if (matchMedia('(pointer: coarse)').matches) figure.layout.dragmode = false;   // a finger scrolls
    for (const trace of figure.data) {
      const { line } = trace.meta;
      trace.hovertext = trace.hovertext?.map((words) => words.replaceAll('\n', '<br>'));
      if (one.pressed.has(line)) trace.visible = one.pressed.get(line);
      if (line === 'here' && one.here) Object.assign(trace, { x: [one.here[0]], y: [one.here[1]] });
    }
    return figure;
  }

  async function draw(figure) {
    const one = state(figure.dataset.chart);
    const host = figure.querySelector('.tc-host');
    if (one.box.parentNode !== host) host.append(one.box);
    for (const key of figure.querySelectorAll('.tc-key')) {
      if (one.pressed.has(key.dataset.line)) key.setAttribute('aria-pressed', String(one.pressed.get(key.dataset.line)));
    }
    const text = figure.querySelector('script').textContent;
    const look = `${document.body.className} ${element.clientWidth < 560}`;
    if (one.text === text && one.look === look) return;
    Object.assign(one, { text, look });
    try {
      const drawing = await plotly();
      if (one.text !== text) return;   // a newer one is on its way
      const { data, layout } = made(one, text);
      const fresh = !one.box.data;
      await drawing.react(one.box, data, layout, {
        displayModeBar: 'hover', responsive: true, displaylogo: false, showTips: false, doubleClick: 'reset+autosize',
        modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d'],
        toImageButtonOptions: { format: 'png', scale: 2, filename: `tinydrop-${figure.dataset.chart}` },
      });
      if (fresh) {
        one.box.on('plotly_afterplot', () => mark(one.box));
        one.box.on('plotly_click', (event) => on.click?.(event.points?.find((each) => each.customdata?.length)?.customdata ?? null));
      }
      mark(one.box);
      one.box.dataset.ready = String(data.length);
    } catch (error) {
      one.text = undefined;
      figure.querySelector('.tc-said').textContent = 'The chart could not be drawn in this browser; its table says the same.';
    }
  }

  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) draw(entry.target.closest('.tc-chart'));
  }, { rootMargin: '60% 0px' });
  const sized = new ResizeObserver(() => {
    for (const figure of figures()) {
      const { box, text } = state(figure.dataset.chart);
      if (text && box.data && box.clientWidth && box.clientWidth !== box._fullLayout?.width) window.Plotly.Plots.resize(box);
    }
  });

  function scan() {
    for (const figure of figures()) {
      const one = state(figure.dataset.chart);
      if (one.text) draw(figure);
      const host = figure.querySelector('.tc-host');
      near.unobserve(host);
      near.observe(host);
    }
  }

  // Plotly redraws the whole chart for one moved point, which is too slow to follow a slider. So the
  // marker's own node moves at once, and plotly hears of it when the slider rests.
  function move(key, x, y) {
    const one = state(key);
    if (one.here?.[0] === x && one.here?.[1] === y) return;
    one.here = [x, y];
    const place = one.box.data?.findIndex((each) => each.meta.line === 'here') ?? -1;
    if (place < 0) return;
    const { xaxis, yaxis } = one.box._fullLayout;
    const node = nodes(one.box).find(([, meta]) => meta?.line === 'here')?.[0].querySelector('path.point');
    node?.setAttribute('transform', `translate(${xaxis.d2p(x)},${yaxis.d2p(y)})`);
    clearTimeout(one.resting);
    one.resting = setTimeout(() => window.Plotly.restyle(one.box, { x: [[x]], y: [[y]] }, [place]), 400);
  }

  element.addEventListener('click', (event) => {
    const figure = event.target.closest('.tc-chart');
    const key = event.target.closest('.tc-key');
    if (event.target.closest('.tc-csv')) save(figure);
    if (!key) return;
    const shown = key.getAttribute('aria-pressed') !== 'true';
    const one = state(figure.dataset.chart);
    one.pressed.set(key.dataset.line, shown);
    key.setAttribute('aria-pressed', String(shown));
    const places = (one.box.data ?? []).flatMap((each, place) => (each.meta.line === key.dataset.line ? [place] : []));
    if (places.length) window.Plotly.restyle(one.box, { visible: shown }, places);
  });
  for (const [name, shows] of [['pointerover', true], ['pointerout', false], ['focusin', true], ['focusout', false]]) {
    element.addEventListener(name, (event) => {
      const key = event.target.closest?.('.tc-key');
      if (key) point(key.closest('.tc-chart'), shows ? key.dataset.line : null);
    });
  }
  new MutationObserver(scan).observe(document.body, { attributes: true, attributeFilter: ['class'] });
  sized.observe(element);
  watch('value', scan);
  scan();
  return { move, box: (key) => state(key).box };
};
