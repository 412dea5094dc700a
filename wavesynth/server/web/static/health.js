// How a call is doing: what it is late by, what is missing, and whether it can keep up.

const RECENT = 10_000; // milliseconds in which gaps count
const GAPS = 3; // of those, that a listener should be told the reason of
const LATE = 600; // milliseconds, live, likewise
const SILENT = 15_000; // milliseconds without anything back, after which nobody believes in more
const DRIFT = 0.01; // milliseconds by which the microphone's clock may be slower than the page's, in 10 of them

export class Health {
  constructor(live) {
    this.live = live;
    this.first = null; // milliseconds from the click to the first sound
    this.gaps = [];
    this.latency = null; // milliseconds from the microphone to the loudspeaker
    this.queued = 0; // seconds that wait for the loudspeaker
    this.began = Infinity; // when the microphone's first sample was spoken, by the block that came soonest
    this.sign = this.asked = performance.now(); // when something last came back, and went out
  }

  /** `seconds` have come from the microphone. */
  spoken(seconds) {
    this.asked = performance.now();
    this.began = Math.min(this.began + DRIFT, performance.now() - 1000 * seconds);
  }

  /** `seconds` have been played at `now`, `queued` are still to be. */
  played(seconds, queued, now) {
    this.queued = queued;
    if (this.live && this.began < Infinity) this.latency = Math.max(0, now - this.began - 1000 * seconds);
  }

  gap() {
    this.gaps.push(performance.now());
  }

  alive() {
    this.sign = performance.now();
  }

  get lost() {
    const now = performance.now();
    return now - this.sign > SILENT && (!this.live || now - this.asked < RECENT); // a mute microphone gets no answer
  }

  get slow() {
    const now = performance.now();
    return this.gaps.filter((gap) => now - gap < RECENT).length >= GAPS || this.latency > LATE;
  }
}

/** What to do when a voice is too slow: `others` are all of the service's; `text` says that it reads one. */
export function tooSlow(voice, others, text) {
  const able = ({ melBands, text: reads }) => !melBands === !voice.melBands && (reads || !text);
  const lighter = others.filter((other) => other.layers < voice.layers && able(other));
  const choice = lighter.length ? ` Voices of fewer layers need less work: ${lighter.map(({ name }) => name).join(", ")}.` : "";
  return (
    "Too slow: the sound comes later than it is needed. The machine of the service, or the way to it, cannot keep up " +
    `with ${voice.name}. Closing other programs may help.${choice}`
  );
}
