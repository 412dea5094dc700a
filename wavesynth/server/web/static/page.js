// The sound tab's controls: what can be done now, and what is done.

import { load } from "./call.js";
import { $, notice, progress, say, whenAllowed } from "./dom.js";
import { listener, panels, redraw } from "./drawing.js";
import { insecure, sentence } from "./errors.js";
import { view } from "./panel.js";
import { playerAt } from "./players.js";
import { decode } from "./recording.js";
import { begin, sayText, sendRecording, speak, stop } from "./session.js";
import { state } from "./state.js";

/** What can be done now. */
function refresh() {
  const voice = state.voices.get($("voice").value);
  const mute = Boolean(insecure()) || !voice;
  const takesAudio = voice?.melBands > 0;
  $("example").disabled = mute || (takesAudio && !state.example);
  $("speak").disabled = $("file").disabled = mute || !takesAudio;
  $("drop").classList.toggle("disabled", $("file").disabled);
  $("say").disabled = mute || !voice.text;
  $("say").setAttribute("aria-pressed", Boolean(state.current?.text));
  $("stop").disabled = !state.current;
  $("speak").setAttribute("aria-pressed", Boolean(state.current?.live));
  $("save").hidden = Boolean(state.current) || !state.last?.output.length;
  progress("progress", state.current?.total ? state.current.output.seconds / state.current.total : null);
  for (const { figure, sound, cursor } of Object.values(panels)) {
    const there = !state.current && sound?.length;
    const button = figure.querySelector(".listen");
    button.disabled = cursor.disabled = !there;
    button.setAttribute("aria-pressed", Boolean(sound) && listener.sound === sound);
  }
  if (listener.sound) redraw();
}

state.changed = refresh;

const wrong = (error) => say("status", sentence(error), true);

/** Runs an action of the page; what it throws, the page says. */
const attempt = (action) => (event) => action(event).catch(wrong);

function describe() {
  const voice = state.voices.get($("voice").value);
  $("description").textContent = `${voice.description}. Licence: ${voice.licence}.`;
  $("temperature").value = voice.temperature;
  $("degrees").textContent = $("temperature").value;
  $("speaker").replaceChildren(...voice.speakers.map((name) => new Option(name, name)));
  $("speakers").hidden = !voice.speakers.length;
  const readers = [...state.voices.values()].filter(({ text }) => text);
  $("reading").hidden = !readers.length;
  $("text").lang = voice.language;
  $("text-hint").textContent = voice.text
    ? "Ctrl and Enter say it too."
    : `${voice.name} takes no text. Choose ${readers.map(({ name }) => name).join(" or ")} below.`;
  $("example").querySelector("span").textContent = voice.melBands ? "Play the example" : "Play";
  if (!state.last) {
    $("in").hidden = !voice.melBands;
    view.highest = voice.sampleRate / 2;
    Object.values(panels).forEach((panel) => panel.show(null));
    redraw();
  }
  refresh();
  if (!insecure()) playerAt(voice.sampleRate).catch(() => {}); // a call says it, if it still is so
}

$("reading").onsubmit = (event) => {
  event.preventDefault();
  sayIt(event);
};
$("text").onkeydown = (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !$("say").disabled) $("reading").requestSubmit();
};
const sayIt = attempt(async (event) => (state.current?.text ? stop() : sayText(event.timeStamp, $("text").value)));
$("example").onclick = attempt(async (event) => {
  const clicked = event.timeStamp;
  if (state.voices.get($("voice").value).melBands) await sendRecording(clicked, state.example);
  else await begin(clicked, "", null);
});
$("speak").onclick = attempt(async (event) => (state.current?.live ? stop() : speak(event.timeStamp)));
$("stop").onclick = stop;
$("voice").onchange = describe;
$("temperature").oninput = () => ($("degrees").textContent = $("temperature").value);
$("settings").onsubmit = (event) => event.preventDefault();

for (const panel of Object.values(panels)) {
  const { figure, cursor } = panel;
  const listen = attempt(() => listener.play(state.last.player.context, panel.sound, Number(cursor.value)));
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
  await sendRecording(event.timeStamp, recording);
});
$("file").onchange = chosen;
for (const kind of ["dragover", "dragleave", "drop"]) {
  $("drop").addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop" && !$("file").disabled) chosen(event);
  });
}

whenAllowed(async () => {
  const listed = await (await load("/voices")).json();
  state.voices = new Map(listed.voices.map((voice) => [voice.name, voice]));
  state.limit = listed.maxSeconds;
  const readers = listed.voices.filter(({ text }) => text).sort((a, b) => a.layers - b.layers);
  const reads = !readers.length || readers.some(({ name }) => name === listed.defaultVoice);
  const chosen = reads ? listed.defaultVoice : readers[0].name; // one that reads, if there is one
  $("voice").replaceChildren(...[...state.voices.keys()].map((name) => new Option(name, name, false, name === chosen)));
  describe();
  if (listed.example) state.example = await decode(await load("/example"), "The example");
  refresh();
  notice(insecure());
  say("status", "Ready.");
}, wrong);
