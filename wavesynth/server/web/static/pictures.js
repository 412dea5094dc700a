// The picture tab: sixteen images at once, row by row as they are made or whole; see wavesynth/server/web/pictures.py.

import { connect, load } from "./call.js";
import { $, progress, say as sayIn, token, whenAllowed } from "./dom.js";
import { sentence } from "./errors.js";

const COLUMNS = 4;
const COUNT = 16;

let models = new Map();
let socket; // of the call under way
let first; // { model, label, pixels }: the first image of what was drawn last

const say = (text, wrong) => sayIn("picture-status", text, wrong);

function describe() {
  const model = models.get($("model").value);
  $("model-description").textContent = `${model.description}. Licence of the images: ${model.licence}.`;
  $("label").replaceChildren(...Array.from({ length: model.labels }, (_, i) => new Option(i, i)));
  $("classes").hidden = !model.labels;
  $("endings").hidden = Boolean(model.whole);
  $("endings").disabled = first?.model !== model;
}

/** Grey or RGB intensities of one row of the sixteen images, to the picture that they are in. */
function place(picture, model, row, intensities) {
  const { width, height, channels } = model;
  for (let image = 0; image < COUNT; image++) {
    for (let column = 0; column < width; column++) {
      const from = (image * width + column) * channels;
      const y = Math.floor(image / COLUMNS) * height + row;
      const to = 4 * (y * picture.width + (image % COLUMNS) * width + column);
      for (let c = 0; c < 3; c++) picture.data[to + c] = intensities[from + (channels > 1 ? c : 0)];
      picture.data[to + 3] = 255;
    }
  }
}

/** Draws; with `known`, the first image's upper half is kept. */
function draw(known) {
  socket?.close();
  const model = models.get($("model").value);
  const { width, height, channels } = model;
  const context = $("canvas").getContext("2d");
  $("canvas").width = COLUMNS * width;
  $("canvas").height = (COUNT / COLUMNS) * height;
  const picture = context.createImageData($("canvas").width, $("canvas").height);
  const pixels = new Uint8Array(height * width * channels);
  const label = model.labels ? { label: known ? first.label : Number($("label").value) } : {};
  const seed = String(Math.floor(Math.random() * 2 ** 52));
  const synthesis = { model: model.name, temperature: Number($("picture-temperature").value), count: COUNT, seed, ...label };
  const kept = known
    ? { pixels: btoa(String.fromCharCode(...first.pixels)), knownPixels: Math.floor(height / 2) * width }
    : {};
  const call = connect("pictures");
  socket = call;
  let row = 0;
  let over = false;
  const finish = (text, wrong = false) => {
    if (over || call !== socket) return;
    over = true;
    say(text, wrong);
    progress("picture-progress", null);
    call.close();
  };
  call.onopen = () => call.send(JSON.stringify({ ...token(), synthesis, ...kept }));
  call.onmessage = ({ data }) => {
    if (call !== socket) return;
    if (data instanceof ArrayBuffer) {
      const intensities = new Uint8Array(data);
      place(picture, model, row, intensities);
      pixels.set(intensities.subarray(0, width * channels), row * width * channels);
      context.putImageData(picture, 0, 0);
      row += 1;
      progress("picture-progress", row / height);
      return;
    }
    const message = JSON.parse(data);
    if (message.error) finish(sentence(message.error), true);
    else {
      first = { model, label: label.label, pixels };
      $("endings").disabled = false;
      finish(`${COUNT} pictures drawn.`);
    }
  };
  call.onclose = call.onerror = () => finish(sentence({ code: row ? "LOST" : "UNREACHABLE" }), true);
  say("Drawing.");
  progress("picture-progress", 0);
}

$("model").onchange = describe;
$("picture-temperature").oninput = () => ($("picture-degrees").textContent = $("picture-temperature").value);
$("picture-settings").onsubmit = (event) => event.preventDefault();
$("draw").onclick = () => draw(false);
$("endings").onclick = () => draw(true);

whenAllowed(
  async () => {
    const { models: listed } = await (await load("/models")).json();
    if (!listed.length) return;
    models = new Map(listed.map((model) => [model.name, model]));
    $("model").replaceChildren(...[...models.keys()].map((name) => new Option(name, name)));
    $("tabs").hidden = false;
    describe();
  },
  (error) => say(sentence(error), true),
);
