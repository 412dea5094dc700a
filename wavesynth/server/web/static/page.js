import { connect, start } from "./call.js";
import { Spectrogram } from "./spectrogram.js";

const $ = (id) => document.getElementById(id);
const spectrogram = new Spectrogram($("spectrogram"));

let voices = new Map();
let players = new Map(); // by sample rate
let example;
let socket = connect(); // ahead of the first click
let current; // the call under way: { input, player, microphone, heard, gaps }

function say(text, wrong = false) {
  $("status").textContent = text;
  $("status").classList.toggle("wrong", wrong);
}

/** An audio context at a rate, with its player; made ahead, since that takes longer than a call. */
async function playerAt(sampleRate) {
  if (!players.has(sampleRate)) {
    const context = new AudioContext({ sampleRate, latencyHint: "interactive" });
    const ready = context.audioWorklet.addModule("/static/player-worklet.js").then(() => {
      const node = new AudioWorkletNode(context, "player", { numberOfInputs: 0, outputChannelCount: [1] });
      node.connect(context.destination);
      return { context, node };
    });
    players.set(sampleRate, ready);
  }
  return players.get(sampleRate);
}

function configuration(sampleRate) {
  const synthesis = { voice: $("voice").value, temperature: Number($("temperature").value) };
  const token = $("token").value ? { token: $("token").value } : {};
  return sampleRate
    ? { ...token, synthesis, audio: { sampleFormat: "SAMPLE_FORMAT_FLOAT32", sampleRate } }
    : { ...token, synthesis, durationSeconds: 3 };
}

/** When, on the page's clock, the context's time is heard. */
function heardAt(context, time) {
  const { contextTime, performanceTime } = context.getOutputTimestamp();
  return performanceTime ? performanceTime + 1000 * (time - contextTime) : performance.now();
}

/** Begins a call; resolves to it. `clicked` is when it was asked for, on the page's clock. */
async function begin(clicked, sampleRate, live) {
  stop();
  const voice = voices.get($("voice").value);
  const player = await playerAt(voice.sampleRate);
  player.context.resume();
  const call = { player, heard: [], gaps: 0, first: null, live };
  current = call;
  spectrogram.clear();
  $("save").hidden = true;
  $("stop").disabled = false;
  player.node.port.postMessage({ reset: true, live });
  player.node.port.onmessage = ({ data }) => {
    if (call !== current) return;
    if (data.first !== undefined) {
      call.first = heardAt(player.context, data.first) - clicked;
      say(`First sound after ${Math.round(call.first)} ms.`);
    }
    call.gaps += data.gap ? 1 : 0;
    if (data.over) finish(call, "Done");
  };
  if (socket.readyState > WebSocket.OPEN) socket = connect();
  call.input = start(socket, configuration(sampleRate), {
    audio(samples) {
      call.heard.push(samples);
      player.node.port.postMessage({ samples });
      spectrogram.push(samples);
    },
    end() {
      player.node.port.postMessage({ end: true });
    },
    error(message) {
      finish(call, `It did not work: ${message}`, true);
    },
  });
  socket = connect(); // for the next one
  return call;
}

function finish(call, text, wrong = false) {
  if (call !== current) return;
  current = null;
  call.player.node.port.postMessage({ reset: true });
  call.microphone?.getTracks().forEach((track) => track.stop());
  $("stop").disabled = true;
  $("speak").setAttribute("aria-pressed", "false");
  const first = call.first === null ? "" : ` First sound after ${Math.round(call.first)} ms, ${call.gaps} gaps.`;
  say(wrong ? text : `${text}.${first}`, wrong);
  if (call.heard.length) {
    URL.revokeObjectURL($("save").href);
    $("save").href = URL.createObjectURL(wav(call.heard, call.player.context.sampleRate));
    $("save").hidden = false;
  }
}

function stop() {
  if (!current) return;
  current.input?.cancel();
  finish(current, "Stopped");
}

/** A 16-bit WAV file. */
function wav(pieces, sampleRate) {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const view = new DataView(new ArrayBuffer(44 + 2 * length));
  const text = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * length, true);
  text(8, "WAVEfmt ");
  [[16, 16, 32], [20, 1, 16], [22, 1, 16], [24, sampleRate, 32], [28, 2 * sampleRate, 32], [32, 2, 16], [34, 16, 16]]
    .forEach(([at, value, bits]) => view[`setUint${bits}`](at, value, true));
  text(36, "data");
  view.setUint32(40, 2 * length, true);
  let at = 44;
  for (const piece of pieces) {
    for (const sample of piece) {
      view.setInt16(at, Math.round(32768 * sample), true);
      at += 2;
    }
  }
  return new Blob([view], { type: "audio/wav" });
}

async function sayAgain(clicked, samples, sampleRate) {
  const call = await begin(clicked, sampleRate, false);
  for (let at = 0; at < samples.length; at += 4096) {
    call.input.push(samples.slice(at, at + 4096));
    // In turns with the answer, which would wait behind a long recording; still twenty times as fast as it is spoken.
    await new Promise((resolve) => setTimeout(resolve));
  }
  call.input.end();
}

/** A recording's samples, its channels averaged, and their rate. */
async function decode(file) {
  const audio = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(await file.arrayBuffer());
  const samples = new Float32Array(audio.length);
  for (let channel = 0; channel < audio.numberOfChannels; channel++) {
    audio.getChannelData(channel).forEach((sample, i) => (samples[i] += sample / audio.numberOfChannels));
  }
  return { samples, sampleRate: audio.sampleRate };
}

async function speak(clicked) {
  const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
  const microphone = await navigator.mediaDevices.getUserMedia({ audio });
  const context = new AudioContext({ latencyHint: "interactive" });
  await context.audioWorklet.addModule("/static/microphone-worklet.js");
  const call = await begin(clicked, context.sampleRate, true);
  call.microphone = microphone;
  const node = new AudioWorkletNode(context, "microphone", { numberOfOutputs: 0 });
  node.port.onmessage = ({ data }) => {
    if (call === current) call.input.push(data);
    else if (context.state !== "closed") context.close();
  };
  microphone.getAudioTracks()[0].onended = () => {
    call.input.cancel();
    finish(call, "The microphone is gone", true);
  };
  context.createMediaStreamSource(microphone).connect(node);
  $("speak").setAttribute("aria-pressed", "true");
}

/** Runs an action of the page; what it throws, the page says. */
const attempt = (action) => (event) => action(event).catch((error) => say(`It did not work: ${error.message}`, true));

function describe() {
  const voice = voices.get($("voice").value);
  $("description").textContent = `${voice.description}. Licence: ${voice.licence}.`;
  const takesAudio = voice.melBands > 0;
  $("example").disabled = takesAudio && !example;
  $("speak").disabled = $("file").disabled = !takesAudio;
  $("example").textContent = takesAudio ? "Play the example" : "Play";
  playerAt(voice.sampleRate);
}

$("example").onclick = attempt(async (event) => {
  const clicked = event.timeStamp;
  if (voices.get($("voice").value).melBands) await sayAgain(clicked, example.samples, example.sampleRate);
  else await begin(clicked, 0, false);
});
$("speak").onclick = attempt(async (event) => (current?.live ? stop() : speak(event.timeStamp)));
$("stop").onclick = stop;
$("voice").onchange = describe;
$("temperature").oninput = () => ($("degrees").textContent = $("temperature").value);
$("settings").onsubmit = (event) => event.preventDefault();
// A fresh browser takes a second or two to open the loudspeaker, and may only after a gesture: the first one will do.
for (const gesture of ["pointerdown", "keydown"]) {
  addEventListener(gesture, () => players.forEach(async (player) => (await player).context.resume()), { once: true });
}

const chosen = attempt(async (event) => {
  const [file] = (event.dataTransfer ?? event.target).files;
  if (!file) return;
  const { samples, sampleRate } = await decode(file).catch(() => {
    throw new Error(`${file.name} is no recording that this browser can read`);
  });
  await sayAgain(event.timeStamp, samples, sampleRate);
});
$("file").onchange = chosen;
for (const kind of ["dragover", "dragleave", "drop"]) {
  $("drop").addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop" && !$("file").disabled) chosen(event);
  });
}

attempt(async () => {
  const listed = await (await fetch("/voices")).json();
  voices = new Map(listed.voices.map((voice) => [voice.name, voice]));
  for (const name of voices.keys()) $("voice").add(new Option(name, name, false, name === listed.defaultVoice));
  if (listed.example) example = await decode(await fetch("/example"));
  describe();
  say("Ready.");
})();
