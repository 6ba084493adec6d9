// One zip to the server, which judges it and traces it.
const find = (name) => element.querySelector(name);
const note = (text) => { find('.td-drop-note').textContent = text; };
const megabytes = Number(find('[data-megabytes]').dataset.megabytes);
let sending = false;

async function send(file) {
  if (!file || sending) return;
  if (file.size > megabytes * 1e6) {
    note(`${file.name} has ${Math.round(file.size / 1e6)} MB, but zips up to ${megabytes} MB are taken; put fewer or smaller pictures in it.`);
    return;
  }
  sending = true;
  note('Uploading…');
  element.classList.add('td-busy');
  try {
    const { path } = await upload(file);
    props.value = { path, orig_name: file.name, size: file.size, meta: { _type: 'gradio.FileData' } };
    trigger('upload');
    note('');
  } catch (error) {
    note('The zip did not reach the server; check the connection and try again.');
  } finally {
    sending = false;
    element.classList.remove('td-busy');
    find('.td-file').value = '';
  }
}

element.addEventListener('change', (event) => { if (event.target.matches('.td-file')) send(event.target.files[0]); });
for (const name of ['dragover', 'dragleave', 'drop']) {
  element.addEventListener(name, (event) => {
    event.preventDefault();
    element.classList.toggle('td-over', name === 'dragover');
    if (name === 'drop') send(event.dataTransfer.files[0]);
  });
}
