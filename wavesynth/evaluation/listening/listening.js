
// Plays pairs in random order, and takes down which of each is preferred.

const $ = (id) => document.getElementById(id);
const test = JSON.parse($("test").textContent);
const KEY = `wavesynth-listening-${test.id}`;
const ORDINALS = ["first", "second"];

/** The sitting: who, in which order, and what was judged. */
let sitting;
/** The pair being judged: its players and what was heard of it. */
let trial;

/** A whole number below n, each as likely as the others. */
function random(n) {
  const most = Math.floor(2 ** 32 / n) * n;
  const [drawn] = crypto.getRandomValues(new Uint32Array(1));
  return drawn < most ? drawn % n : random(n);
}

/** The items in random order (Fisher and Yates). */
function shuffled(items) {
  const found = [...items];
  for (let i = found.length - 1; i > 0; i--) {
    const j = random(i + 1);
    [found[i], found[j]] = [found[j], found[i]];
  }
  return found;
}

/** The browser's memory, where a page from the disk has one: a page that was closed can be gone on with. */
const memory = {
  load() {
    try { return JSON.parse(localStorage.getItem(KEY)); } catch { return null; }
  },
  save() {
    try { localStorage.setItem(KEY, JSON.stringify(sitting)); } catch { /* the results can still be saved as a file */ }
  },
};

function show(section) {
  for (const id of ["welcome", "trial", "results"]) $(id).hidden = id !== section;
  $(`${section}-title`).focus();
}

const say = (text) => ($("status").textContent = text);

function begin() {
  // Each set comes first in half of the pairs.
  const sides = shuffled(test.pairs.map((_, i) => i % 2));
  const order = shuffled(test.pairs.map((_, i) => i)).map((pair, i) => ({ pair, first: sides[i] }));
  const id = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  sitting = { id, listener: $("listener").value.trim(), began: new Date().toISOString(), order, judgements: [] };
  next();
}

function player(flac) {
  const audio = new Audio(`data:audio/flac;base64,${flac}`);
  audio.preload = "auto";
  return audio;
}

function next() {
  silence();
  memory.save();
  const number = sitting.judgements.length;
  if (number === sitting.order.length) return finish();
  const { pair, first } = sitting.order[number];
  const { takes, original } = test.pairs[pair];
  const places = [takes[first], takes[1 - first]];
  trial = { players: places.map(player), heard: [false, false], plays: 0, began: performance.now() };
  trial.original = original && player(original);
  $("trial-title").textContent = `Pair ${number + 1} of ${sitting.order.length}`;
  $("progress").max = sitting.order.length;
  $("progress").value = number;
  $("back").disabled = !number;
  $("play-original").hidden = !original;
  $("choose-0").disabled = $("choose-1").disabled = true;
  show("trial");
  both();
}

function silence() {
  for (const audio of trial ? [...trial.players, trial.original] : []) audio?.pause();
}

/** Plays a recording from its beginning, to its end or until another one is played. */
async function play(audio, name) {
  silence();
  const now = (trial.playing = {});
  const of = trial;
  audio.currentTime = 0;
  say(`Playing ${name}.`);
  try {
    await audio.play();
    await new Promise((resolve) => { audio.onended = resolve; });
  } catch (error) {
    if (now === trial.playing && error.name !== "AbortError") say(`This browser cannot play ${name}: ${error.message}`);
    return false;
  }
  return of === trial && now === trial.playing;
}

async function take(place) {
  const of = trial;
  of.plays++;
  if (!(await play(of.players[place], `the ${ORDINALS[place]}`))) return false;
  of.heard[place] = true;
  const ready = of.heard.every(Boolean);
  $("choose-0").disabled = $("choose-1").disabled = !ready;
  say(ready ? "Press 1 for the first, or 2 for the second." : "Now hear the other one.");
  return true;
}

async function both() {
  if (await take(0)) await take(1);
}

function choose(place) {
  if (!trial.heard.every(Boolean)) return say("Hear both to their ends first.");
  const number = sitting.judgements.length;
  const { pair, first } = sitting.order[number];
  const sets = [test.sets[first], test.sets[1 - first]];
  sitting.judgements.push({
    sitting: sitting.id,
    listener: sitting.listener,
    trial: number + 1,
    clip: test.pairs[pair].name,
    first: sets[0],
    second: sets[1],
    preferred: sets[place],
    plays: trial.plays,
    seconds: Math.round((performance.now() - trial.began) / 100) / 10,
  });
  next();
}

function back() {
  if (!sitting.judgements.length) return;
  sitting.judgements.pop();
  next();
}

/** The 95 % score interval of a share (Wilson 1927), as wavesynth compare summary computes it. */
function wilson(successes, trials) {
  const z = 1.959963984540054;
  const share = successes / trials;
  const centre = (share + (z * z) / (2 * trials)) / (1 + (z * z) / trials);
  const half = (z * Math.sqrt((share * (1 - share)) / trials + (z * z) / (4 * trials * trials))) / (1 + (z * z) / trials);
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

function download(link, name, text, kind) {
  link.href = URL.createObjectURL(new Blob([text], { type: kind }));
  link.download = name;
}

function finish() {
  silence();
  trial = undefined;
  const { judgements } = sitting;
  const [a, b] = [...test.sets].sort((x, y) => (x < y ? -1 : 1));
  const won = judgements.filter(({ preferred }) => preferred === a).length;
  const total = judgements.length;
  if (total) {
    const [low, high] = wilson(won, total);
    $("summary").textContent =
      `${a} was preferred to ${b} in ${won} of ${total} pairs: ${percent(won / total)}, 95 % interval ${percent(low)} to ${percent(high)}.`;
    $("meaning").textContent =
      low <= 0.5 && high >= 0.5
        ? "One half is within the interval: these judgements show no difference."
        : `One half is outside the interval: ${won / total > 0.5 ? a : b} was preferred.`;
  } else {
    $("summary").textContent = "Nothing was judged.";
  }
  for (const link of [$("tsv"), $("json")]) link.hidden = !total;
  const columns = ["sitting", "listener", "trial", "clip", "first", "second", "preferred", "plays", "seconds"];
  const cell = (value) => String(value).replace(/[\t\r\n]+/g, " ");
  const lines = [columns, ...judgements.map((one) => columns.map((name) => one[name]))].map((row) => row.map(cell).join("\t"));
  const name = ["listening", cell(sitting.listener).replace(/[^\p{L}\p{N}]+/gu, "-"), sitting.id].filter(Boolean).join("-");
  download($("tsv"), `${name}.tsv`, `${lines.join("\n")}\n`, "text/tab-separated-values");
  const { question, sets, id } = test;
  const whole = { page: id, question, sets, began: sitting.began, listener: sitting.listener, judgements };
  download($("json"), `${name}.json`, `${JSON.stringify(whole, null, 1)}\n`, "application/json");
  show("results");
}

$("count").textContent = test.pairs.length;
$("begin").onclick = begin;
$("both").onclick = both;
for (const place of [0, 1]) {
  $(`play-${place}`).onclick = () => take(place);
  $(`choose-${place}`).onclick = () => choose(place);
}
$("play-original").onclick = async () => {
  if (await play(trial.original, "the original")) say("");
};
$("back").onclick = back;
$("end").onclick = finish;

document.addEventListener("keydown", (event) => {
  if ($("trial").hidden || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
  const pressed = event.target.closest("button"); // which Space presses by itself
  const action = { 1: () => choose(0), 2: () => choose(1), " ": pressed ? null : both, Backspace: back }[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

const before = memory.load();
if (before?.judgements?.length && before.judgements.length < test.pairs.length) {
  $("resume").hidden = false;
  $("resume").onclick = () => {
    sitting = before;
    next();
  };
}
