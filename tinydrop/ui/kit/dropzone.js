// One picture to the server: chosen, dropped, pasted or photographed. The server judges it.
const MAX_MEGABYTES = 50;
const find = (name) => element.querySelector(name);
const note = (text) => { find('.td-drop-note').textContent = text; };
let stream = null;

async function send(file) {
  if (!file) return;
  if (file.size > MAX_MEGABYTES * 1e6) {
    note(`${file.name} has ${Math.round(file.size / 1e6)} MB, but pictures up to ${MAX_MEGABYTES} MB are taken; save it smaller and try again.`);
    return;
  }
  note('Uploading…');
  element.classList.add('td-busy');
  try {
    const { path } = await upload(file);
    props.value = { path, orig_name: file.name, size: file.size, meta: { _type: 'gradio.FileData' } };
    trigger('upload');
    note('');
  } catch (error) {
    note('The picture did not reach the server; check the connection and try again.');
  } finally {
    element.classList.remove('td-busy');
    find('.td-file').value = '';
  }
}

function stop() {
  if (stream) stream.getTracks().forEach((track) => track.stop());
  stream = null;
  find('.td-live').hidden = true;
  find('.td-camera').hidden = false;
}

async function start() {
  note('');
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
  } catch (error) {
    note('The camera cannot be used here; allow it in the browser, or choose a picture instead.');
    return;
  }
  const video = find('video');
  video.srcObject = stream;
  find('.td-live').hidden = false;
  find('.td-camera').hidden = true;
  await video.play();
  find('.td-shoot').focus();
}

function shoot() {
  const video = find('video');
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext('2d').drawImage(video, 0, 0);
  canvas.toBlob((blob) => { stop(); send(new File([blob], 'camera.jpg', { type: 'image/jpeg' })); }, 'image/jpeg', 0.92);
}

element.addEventListener('change', (event) => { if (event.target.matches('.td-file')) send(event.target.files[0]); });
element.addEventListener('click', (event) => {
  if (event.target.closest('.td-camera')) start();
  if (event.target.closest('.td-shoot')) shoot();
  if (event.target.closest('.td-stop')) { stop(); find('.td-camera').focus(); }
});
for (const name of ['dragover', 'dragleave', 'drop']) {
  element.addEventListener(name, (event) => {
    event.preventDefault();
    element.classList.toggle('td-over', name === 'dragover');
    if (name === 'drop') send(event.dataTransfer.files[0]);
  });
}
document.addEventListener('paste', (event) => {
  if (!element.getClientRects().length) return;   // another page is shown, with a zone of its own
  const item = [...(event.clipboardData?.items ?? [])].find((one) => one.type.startsWith('image/'));
  if (item) send(item.getAsFile());
});
