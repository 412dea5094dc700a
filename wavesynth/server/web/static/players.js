// The loudspeaker: players of calls, and of what a call has left behind.

const players = new Map(); // by sample rate

/** An audio context at a rate, with its player; made ahead, since that takes longer than a call. */
export function playerAt(sampleRate) {
  if (!players.has(sampleRate)) {
    const player = make(sampleRate);
    players.set(sampleRate, player);
    player.catch(() => players.delete(sampleRate)); // the next call may have more luck
  }
  return players.get(sampleRate);
}

async function make(sampleRate) {
  const context = new AudioContext({ sampleRate, latencyHint: "interactive" });
  await context.audioWorklet.addModule("/static/player-worklet.js");
  const node = new AudioWorkletNode(context, "player", { numberOfInputs: 0, outputChannelCount: [1] });
  node.connect(context.destination);
  return { context, node };
}

// A fresh browser takes a second or two to open the loudspeaker, and may only after a gesture: the first one will do.
for (const gesture of ["pointerdown", "keydown"]) {
  addEventListener(gesture, () => players.forEach(async (player) => (await player).context.resume()), { once: true });
}

/** When, on the page's clock, the context's time is heard. */
export function heardAt(context, time) {
  const { contextTime, performanceTime } = context.getOutputTimestamp();
  return performanceTime ? performanceTime + 1000 * (time - contextTime) : performance.now();
}

/** Plays one sound at a time, from anywhere in it. */
export class Listener {
  constructor(changed) {
    this.changed = changed; // is called when a sound begins or ends
    this.sound = null;
  }

  async play(context, sound, from) {
    this.stop();
    await context.resume();
    const source = context.createBufferSource();
    source.buffer = sound.buffer();
    source.connect(context.destination);
    source.onended = () => this.source === source && this.stop();
    Object.assign(this, { source, sound, from, context, began: context.currentTime });
    source.start(0, from);
    this.changed();
  }

  stop() {
    if (!this.sound) return;
    const source = this.source;
    Object.assign(this, { source: null, sound: null });
    source.stop();
    this.changed();
  }

  /** Where it is, as one hears it. */
  get seconds() {
    const late = this.context.outputLatency || 0;
    return this.from + Math.max(0, this.context.currentTime - this.began - late);
  }
}
