// What is seen of a call while it goes on, and of its sounds while they are heard again.

import { $, notice, progress, say } from "./dom.js";
import { tooSlow } from "./health.js";
import { Panel, view } from "./panel.js";
import { Listener } from "./players.js";
import { state } from "./state.js";

export const SPAN = 8; // seconds that are seen of live sound
const AHEAD = 2; // seconds that are seen of a text beyond what is heard of it
const FRAME = 40; // milliseconds between two drawings: the processor has better to do, such as the voice
const OFTEN = 100; // milliseconds between two readings of figures
const PATIENCE = 2000; // milliseconds without sound before the page says that it waits
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

let scheduled = false; // whether the screen's next frame is to draw
let drawn = 0; // when one did

export const panels = { in: new Panel($("in"), "what goes in", redraw), out: new Panel($("out"), "what you hear", redraw) };
export const listener = new Listener(() => state.changed());

/** Draws with the next frame. */
export function redraw() {
  if (!scheduled) requestAnimationFrame(frame);
  scheduled = true;
}

function frame(now) {
  scheduled = false;
  if (now - drawn < FRAME) return redraw();
  drawn = now;
  if (state.current) follow(state.current, now);
  else if (listener.sound) {
    for (const panel of Object.values(panels)) panel.seek(listener.seconds);
    const panel = Object.values(panels).find(({ sound }) => sound === listener.sound);
    if (now - state.last.read > OFTEN) panel.level(listener.seconds);
    if (now - state.last.read > OFTEN) state.last.read = now;
  }
  const unfinished = Object.values(panels).map((panel) => panel.paint());
  if (state.current || listener.sound || unfinished.includes(true)) redraw();
}

/** Shows where a call is. */
function follow(call, now) {
  const { input, output, live, text } = call;
  const heard = Math.min(call.played + Math.max(0, now - call.playedAt) / 1000, output.seconds);
  const newest = live ? input.seconds : text ? heard + AHEAD : call.total;
  text?.show(heard * output.sampleRate);
  // Who wants no motion gets pages.
  const moves = live || text;
  if (moves && STILL.matches) view.start = Math.max(0, Math.floor(newest / (SPAN / 2) - 1) * (SPAN / 2));
  else if (moves) view.start = Math.max(0, newest - SPAN);
  while (view.scale < 1 && Math.max(input?.peak ?? 0, output.peak) > view.scale) view.scale = Math.min(1, 2 * view.scale);
  for (const panel of Object.values(panels)) panel.seek(call.played ? heard : 0);
  if (now - call.read < OFTEN) return;
  call.read = now;
  panels.in.level(live ? newest : heard);
  panels.out.level(heard);
  figures(call);
  if (!moves) progress("progress", output.seconds / call.total);
  if (call.health.first === null && !call.waits && now - call.began > PATIENCE) {
    call.waits = true;
    say("status", "Waiting for the first sound.");
  }
  if (call.health.slow) notice(tooSlow(call.voice, [...state.voices.values()], Boolean(text)));
  if (call.health.lost) call.line.fail("LOST");
}

/** The numbers beside the plots. */
export function figures({ health, live, speed, output }) {
  const milliseconds = (number) => (number === null ? "–" : `${Math.round(number)} ms`);
  $("first").textContent = milliseconds(health.first);
  $("latency").textContent = milliseconds(health.latency);
  $("gaps").textContent = health.gaps.length;
  $("queued").textContent = milliseconds(state.current ? 1000 * health.queued : null);
  $("length").textContent = `${output.seconds.toFixed(1)} s`;
  $("speed").textContent = speed && !live ? speed.toFixed(1) : "–";
}
