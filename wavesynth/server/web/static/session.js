// A call of the sound tab: a text, a recording, the microphone or nothing goes in, a voice comes out.

import { Line, start } from "./call.js";
import { figures, listener, panels, redraw, SPAN } from "./drawing.js";
import { $, notice, say, token } from "./dom.js";
import { sentence } from "./errors.js";
import { Health } from "./health.js";
import { open } from "./microphone.js";
import { view } from "./panel.js";
import { heardAt, playerAt } from "./players.js";
import { Samples } from "./samples.js";
import { Spoken } from "./spoken.js";
import { state } from "./state.js";

const FREE = 3; // seconds of a voice that nothing goes into
const LONGEST = 10_000; // characters of a text: what fits into the message that asks for the call, in any script
const SHORTEST = 1; // seconds that the axis has, however little there is

const line = new Line("stream", (how) => {
  $("connection").dataset.state = how;
  $("connection").textContent = { connecting: "Connecting", connected: "Connected", lost: "Not connected" }[how];
});

function configuration(sampleRate, text) {
  const synthesis = { voice: $("voice").value, temperature: Number($("temperature").value) };
  if (!$("speakers").hidden) synthesis.speaker = $("speaker").value;
  if (text) return { ...token(), synthesis, conditioning: { text: { text: text.text } } };
  return sampleRate
    ? { ...token(), synthesis, audio: { sampleFormat: "SAMPLE_FORMAT_FLOAT32", sampleRate } }
    : { ...token(), synthesis, durationSeconds: Math.min(FREE, state.limit) };
}

/**
 * Begins a call; resolves to it. `clicked` is when it was asked for, on the page's clock; `input` what goes in, whole or,
 * when `live`, as it is spoken, or a `Spoken` text; null if nothing does.
 */
export async function begin(clicked, title, input, { live = false, text = null } = {}) {
  const voice = state.voices.get($("voice").value);
  const player = await playerAt(voice.sampleRate);
  stop();
  listener.stop();
  player.context.resume();
  const total = live || text ? null : (input?.seconds ?? Math.min(FREE, state.limit));
  const call = { voice, player, input, live, text, total, output: new Samples(voice.sampleRate), health: new Health(live) };
  Object.assign(call, { played: 0, playedAt: performance.now(), began: performance.now(), read: 0, waits: false });
  state.current = state.last = call;
  Object.assign(view, { start: 0, duration: total === null ? SPAN : Math.max(total, SHORTEST), highest: voice.sampleRate / 2, scale: 0.1 });
  $("in").hidden = !input;
  panels.in.show(input, title);
  panels.out.show(call.output, voice.name);
  if (!live && input) panels.in.complete();
  notice("");
  say("status", "");
  player.node.port.postMessage({ reset: true, live });
  player.node.port.onmessage = ({ data }) => call === state.current && onPlayer(call, data, clicked);
  call.line = start(line.take(), configuration(input?.sampleRate, text), {
    words: (words) => text?.add(words),
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
  state.changed();
  redraw();
  return call;
}

/** What the player tells. */
function onPlayer(call, { first, position, queued, time, gap, over }, clicked) {
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

/** Ends a call, if it goes on, and says why. */
function finish(call, text, wrong = false) {
  if (call !== state.current) return;
  state.current = null;
  const { player, health, input, output } = call;
  call.line?.cancel();
  player.node.port.postMessage({ reset: true });
  call.microphone?.close();
  call.text?.end();
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
  state.changed();
  redraw();
}

/** Ends the call under way. */
export function stop() {
  if (state.current) finish(state.current, "Stopped");
}

const underruns = ({ gaps: { length } }) => (length === 1 ? "1 underrun" : `${length || "no"} underruns`);

/** Has a text read aloud. */
export async function sayText(clicked, text) {
  if (!text.trim()) throw new Error("there is no text: type a sentence, and press Say it");
  const { length } = Array.from(text);
  if (length > LONGEST) throw new Error(`the text has ${length} characters; the page sends at most ${LONGEST}`);
  await begin(clicked, "", null, { text: new Spoken(text) });
}

/** Has a recording spoken again. */
export async function sendRecording(clicked, { title, samples, sampleRate }) {
  const input = new Samples(sampleRate);
  input.push(samples);
  if (input.seconds > state.limit) {
    throw new Error(`${title} has ${Math.round(input.seconds)} seconds; the service takes at most ${state.limit}`);
  }
  const call = await begin(clicked, title, input);
  for (let at = 0; at < samples.length && call === state.current; at += 4096) {
    call.line.push(samples.slice(at, at + 4096));
    // In turns with the answer, which would wait behind a long recording; still twenty times as fast as it is spoken.
    do await new Promise((resolve) => setTimeout(resolve));
    while (call === state.current && call.line.waiting > 1 << 20);
  }
  call.line.end();
}

/** Has what the microphone hears spoken while it is heard. */
export async function speak(clicked) {
  let call;
  const microphone = await open(
    (samples) => {
      if (!call || call !== state.current) return;
      call.input.push(samples);
      call.health.spoken(call.input.seconds);
      call.line.push(samples);
      if (call.input.seconds > state.limit - 0.1) finish(call, `Ended after ${state.limit} seconds, the longest that the service allows`);
    },
    () => call && finish(call, "The microphone is gone. Connect it again, and press Speak.", true),
  );
  try {
    call = await begin(clicked, "Microphone", new Samples(microphone.sampleRate), { live: true });
  } catch (error) {
    microphone.close();
    throw error;
  }
  call.microphone = microphone;
  microphone.start();
}
