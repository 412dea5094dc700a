// The sound tab: a recording, the microphone or nothing goes in, a voice comes out, and both are seen while they do.

import { Line, load, start } from "./call.js";
import { $, progress, say, token } from "./dom.js";
import { insecure, sentence } from "./errors.js";
import { Health, tooSlow } from "./health.js";
import { open } from "./microphone.js";
import { Panel, view } from "./panel.js";
import { Listener, heardAt, playerAt } from "./players.js";
import { Samples } from "./samples.js";

const FREE = 3; // seconds of a voice that nothing goes into
const SPAN = 8; // seconds that are seen of live sound
const SHORTEST = 1; // seconds that the axis has, however little there is
const FRAME = 40; // milliseconds between two drawings: the processor has better to do, such as the voice
const OFTEN = 100; // milliseconds between two readings of figures
const PATIENCE = 2000; // milliseconds without sound before the page says that it waits
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

let voices = new Map();
let limit = Infinity; // seconds of a call
let example;
let current; // the call under way
let last; // the call that is shown
let scheduled = false; // whether the screen's next frame is to draw
let drawn = 0; // when one did

const panels = { in: new Panel($("in"), "what goes in", redraw), out: new Panel($("out"), "what you hear", redraw) };
const listener = new Listener(refresh);
const line = new Line("stream", (state) => {
  $("connection").dataset.state = state;
  $("connection").textContent = { connecting: "Connecting", connected: "Connected", lost: "Not connected" }[state];
});

function notice(text) {
  if ($("notice").textContent !== text) $("notice").textContent = text;
  $("notice").hidden = !text;
}

function configuration(sampleRate) {
  const synthesis = { voice: $("voice").value, temperature: Number($("temperature").value) };
  if (!$("speakers").hidden) synthesis.speaker = $("speaker").value;
  return sampleRate
    ? { ...token(), synthesis, audio: { sampleFormat: "SAMPLE_FORMAT_FLOAT32", sampleRate } }
    : { ...token(), synthesis, durationSeconds: Math.min(FREE, limit) };
}

/**
 * Begins a call; resolves to it. `clicked` is when it was asked for, on the page's clock; `input` what goes in, whole or,
 * when `live`, as it is spoken; null if nothing does.
 */
async function begin(clicked, title, input, live = false) {
  const voice = voices.get($("voice").value);
  const player = await playerAt(voice.sampleRate);
  stop();
  listener.stop();
  player.context.resume();
  const total = live ? null : (input?.seconds ?? Math.min(FREE, limit));
  const call = { voice, player, input, live, total, output: new Samples(voice.sampleRate), health: new Health(live) };
  Object.assign(call, { played: 0, playedAt: performance.now(), began: performance.now(), read: 0, waits: false });
  current = last = call;
  Object.assign(view, { start: 0, duration: live ? SPAN : Math.max(total, SHORTEST), highest: voice.sampleRate / 2, scale: 0.1 });
  $("in").hidden = !input;
  panels.in.show(input, title);
  panels.out.show(call.output, voice.name);
  if (!live && input) panels.in.complete();
  notice("");
  say("status", "");
  player.node.port.postMessage({ reset: true, live });
  player.node.port.onmessage = ({ data }) => call === current && hear(call, data, clicked);
  call.line = start(line.take(), configuration(input?.sampleRate), {
    audio(samples) {
      call.output.push(samples);
      call.health.alive();
      player.node.port.postMessage({ samples });
    },
    end(statistics) {
      call.speed = statistics?.realTimeFactor;
      player.node.port.postMessage({ end: true });
    },
    error(error) {
      finish(call, sentence(error), true);
      if (error.code === "UNAUTHENTICATED") $("token").focus();
    },
  });
  refresh();
  redraw();
  return call;
}

/** What the player tells. */
function hear(call, { first, position, queued, time, gap, over }, clicked) {
  const { player, health } = call;
  if (first !== undefined) {
    health.first ??= heardAt(player.context, first) - clicked;
    say("status", `First sound after ${Math.round(health.first)} ms.`);
  }
  if (position !== undefined) {
    call.played = position / player.context.sampleRate;
    call.playedAt = heardAt(player.context, time);
    health.played(call.played, queued / player.context.sampleRate, call.playedAt);
  }
  if (gap) health.gap();
  if (over) finish(call, "Done");
}

function finish(call, text, wrong = false) {
  if (call !== current) return;
  current = null;
  const { player, health, input, output } = call;
  call.line?.cancel();
  player.node.port.postMessage({ reset: true });
  call.microphone?.close();
  const first = health.first === null ? "" : ` First sound after ${Math.round(health.first)} ms, ${underruns(health)}.`;
  say("status", wrong ? text : `${text}.${first}`, wrong);
  Object.assign(view, { start: 0, duration: Math.max(input?.seconds ?? 0, output.seconds, SHORTEST) });
  Object.values(panels).forEach((panel) => panel.complete());
  if (output.length) {
    URL.revokeObjectURL($("save").href);
    $("save").href = URL.createObjectURL(output.wav());
    $("save").download = `wavesynth-${call.voice.name}.wav`;
  }
  figures(call);
  refresh();
  redraw();
}

function stop() {
  if (current) finish(current, "Stopped");
}

const underruns = ({ gaps: { length } }) => (length === 1 ? "1 underrun" : `${length || "no"} underruns`);

/** What can be done now. */
function refresh() {
  const voice = voices.get($("voice").value);
  const mute = Boolean(insecure()) || !voice;
  const takesAudio = voice?.melBands > 0;
  $("example").disabled = mute || (takesAudio && !example);
  $("speak").disabled = $("file").disabled = mute || !takesAudio;
  $("drop").classList.toggle("disabled", $("file").disabled);
  $("stop").disabled = !current;
  $("speak").setAttribute("aria-pressed", Boolean(current?.live));
  $("save").hidden = Boolean(current) || !last?.output.length;
  progress("progress", current && !current.live ? current.output.seconds / current.total : null);
  for (const { figure, sound, cursor } of Object.values(panels)) {
    const there = !current && sound?.length;
    const button = figure.querySelector(".listen");
    button.disabled = cursor.disabled = !there;
    button.setAttribute("aria-pressed", Boolean(sound) && listener.sound === sound);
  }
  if (listener.sound) redraw();
}

function redraw() {
  if (!scheduled) requestAnimationFrame(frame);
  scheduled = true;
}

function frame(now) {
  scheduled = false;
  if (now - drawn < FRAME) return redraw();
  drawn = now;
  if (current) follow(current, now);
  else if (listener.sound) {
    for (const panel of Object.values(panels)) panel.seek(listener.seconds);
    const panel = Object.values(panels).find(({ sound }) => sound === listener.sound);
    if (now - last.read > OFTEN) panel.level(listener.seconds);
    if (now - last.read > OFTEN) last.read = now;
  }
  const unfinished = Object.values(panels).map((panel) => panel.paint());
  if (current || listener.sound || unfinished.includes(true)) redraw();
}

/** Shows where a call is. */
function follow(call, now) {
  const { input, output, live } = call;
  const newest = live ? input.seconds : call.total;
  const heard = Math.min(call.played + Math.max(0, now - call.playedAt) / 1000, output.seconds);
  // Who wants no motion gets pages.
  if (live && STILL.matches) view.start = Math.max(0, Math.floor(newest / (SPAN / 2) - 1) * (SPAN / 2));
  else if (live) view.start = Math.max(0, newest - SPAN);
  while (view.scale < 1 && Math.max(input?.peak ?? 0, output.peak) > view.scale) view.scale = Math.min(1, 2 * view.scale);
  for (const panel of Object.values(panels)) panel.seek(call.played ? heard : 0);
  if (now - call.read < OFTEN) return;
  call.read = now;
  panels.in.level(live ? newest : heard);
  panels.out.level(heard);
  figures(call);
  if (!live) progress("progress", output.seconds / call.total);
  if (call.health.first === null && !call.waits && now - call.began > PATIENCE) {
    call.waits = true;
    say("status", "Waiting for the first sound.");
  }
  if (call.health.slow) notice(tooSlow(call.voice, [...voices.values()]));
  if (call.health.lost) call.line.fail("LOST");
}

function figures({ health, live, speed, output }) {
  const milliseconds = (number) => (number === null ? "–" : `${Math.round(number)} ms`);
  $("first").textContent = milliseconds(health.first);
  $("latency").textContent = milliseconds(health.latency);
  $("gaps").textContent = health.gaps.length;
  $("queued").textContent = milliseconds(current ? 1000 * health.queued : null);
  $("length").textContent = `${output.seconds.toFixed(1)} s`;
  $("speed").textContent = speed && !live ? speed.toFixed(1) : "–";
}

/** Has a recording spoken again. */
async function sayAgain(clicked, { title, samples, sampleRate }) {
  const input = new Samples(sampleRate);
  input.push(samples);
  if (input.seconds > limit) {
    throw new Error(`${title} has ${Math.round(input.seconds)} seconds; the service takes at most ${limit}`);
  }
  const call = await begin(clicked, title, input);
  for (let at = 0; at < samples.length && call === current; at += 4096) {
    call.line.push(samples.slice(at, at + 4096));
    // In turns with the answer, which would wait behind a long recording; still twenty times as fast as it is spoken.
    do await new Promise((resolve) => setTimeout(resolve));
    while (call === current && call.line.waiting > 1 << 20);
  }
  call.line.end();
}

/** A recording's samples, its channels averaged, and their rate. */
async function decode(file, title) {
  const audio = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(await file.arrayBuffer());
  const samples = new Float32Array(audio.length);
  for (let channel = 0; channel < audio.numberOfChannels; channel++) {
    audio.getChannelData(channel).forEach((sample, i) => (samples[i] += sample / audio.numberOfChannels));
  }
  return { title, samples, sampleRate: audio.sampleRate };
}

async function speak(clicked) {
  let call;
  const microphone = await open(
    (samples) => {
      if (!call || call !== current) return;
      call.input.push(samples);
      call.health.spoken(call.input.seconds);
      call.line.push(samples);
      if (call.input.seconds > limit - 0.1) finish(call, `Ended after ${limit} seconds, the longest that the service allows`);
    },
    () => call && finish(call, "The microphone is gone. Connect it again, and press Speak.", true),
  );
  try {
    call = await begin(clicked, "Microphone", new Samples(microphone.sampleRate), true);
  } catch (error) {
    microphone.close();
    throw error;
  }
  call.microphone = microphone;
  microphone.start();
}

/** Runs an action of the page; what it throws, the page says. */
const attempt = (action) => (event) => action(event).catch((error) => say("status", sentence(error), true));

function describe() {
  const voice = voices.get($("voice").value);
  $("description").textContent = `${voice.description}. Licence: ${voice.licence}.`;
  $("temperature").value = voice.temperature;
  $("degrees").textContent = $("temperature").value;
  $("speaker").replaceChildren(...voice.speakers.map((name) => new Option(name, name)));
  $("speakers").hidden = !voice.speakers.length;
  $("example").querySelector("span").textContent = voice.melBands ? "Play the example" : "Play";
  if (!last) {
    $("in").hidden = !voice.melBands;
    view.highest = voice.sampleRate / 2;
    Object.values(panels).forEach((panel) => panel.show(null));
    redraw();
  }
  refresh();
  if (!insecure()) playerAt(voice.sampleRate).catch(() => {}); // a call says it, if it still is so
}

$("example").onclick = attempt(async (event) => {
  const clicked = event.timeStamp;
  if (voices.get($("voice").value).melBands) await sayAgain(clicked, example);
  else await begin(clicked, "", null);
});
$("speak").onclick = attempt(async (event) => (current?.live ? stop() : speak(event.timeStamp)));
$("stop").onclick = stop;
$("voice").onchange = describe;
$("temperature").oninput = () => ($("degrees").textContent = $("temperature").value);
$("settings").onsubmit = (event) => event.preventDefault();

for (const panel of Object.values(panels)) {
  const { figure, cursor } = panel;
  const listen = attempt(() => listener.play(last.player.context, panel.sound, Number(cursor.value)));
  const toggle = () => {
    if (listener.sound === panel.sound) return listener.stop();
    if (Number(cursor.value) > panel.sound.seconds - 0.05) cursor.value = 0; // from the beginning again
    listen();
  };
  figure.querySelector(".listen").onclick = toggle;
  cursor.oninput = () => {
    for (const each of Object.values(panels)) each.seek(Number(cursor.value));
    if (listener.sound === panel.sound) listen();
  };
  cursor.onpointerup = listen;
  cursor.onkeydown = (event) => {
    if (!["Enter", " "].includes(event.key)) return;
    event.preventDefault();
    toggle();
  };
}

const chosen = attempt(async (event) => {
  const [file] = (event.dataTransfer ?? event.target).files;
  if (!file) return;
  say("status", `Reading ${file.name}.`);
  progress("progress", undefined);
  const recording = await decode(file, file.name)
    .catch(() => {
      throw new Error(`${file.name} is no recording that this browser can read`);
    })
    .finally(refresh);
  $("file").value = ""; // so that the same one can be chosen again
  await sayAgain(event.timeStamp, recording);
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
  const listed = await (await load("/voices")).json();
  voices = new Map(listed.voices.map((voice) => [voice.name, voice]));
  limit = listed.maxSeconds;
  $("access").hidden = !listed.wantsToken;
  for (const name of voices.keys()) $("voice").add(new Option(name, name, false, name === listed.defaultVoice));
  describe();
  if (listed.example) example = await decode(await load("/example"), "The example");
  refresh();
  notice(insecure());
  say("status", "Ready.");
})();
