// Plays what it is sent, from an own queue on the audio thread, and tells of the first sound, of where it is, and of
// every gap.

const START = 0.02; // seconds in the queue before the first is played
const SURPLUS = 0.15; // seconds beyond that which a live listener skips rather than be late
const EVERY = 0.03; // seconds between two reports

class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    this.reset();
    this.port.onmessage = ({ data }) => {
      if (data.reset) this.reset(data.live);
      else if (data.end) this.ended = true;
      else {
        this.pieces.push(data.samples);
        this.length += data.samples.length;
      }
    };
  }

  reset(live = false) {
    Object.assign(this, { pieces: [], offset: 0, length: 0, started: false, ended: false, heard: false, live });
    this.over = false;
    this.wait = START;
    this.position = 0; // samples played or skipped
    this.reported = 0; // position of the last report
  }

  take(output) {
    let filled = 0;
    while (filled < output.length && this.pieces.length) {
      const piece = this.pieces[0];
      const count = Math.min(piece.length - this.offset, output.length - filled);
      output.set(piece.subarray(this.offset, this.offset + count), filled);
      filled += count;
      this.offset += count;
      if (this.offset === piece.length) {
        this.pieces.shift();
        this.offset = 0;
      }
    }
    this.length -= filled;
    this.position += filled;
    return filled;
  }

  process(_, [[output]]) {
    if (!this.started) {
      if (this.length < this.wait * sampleRate && !(this.ended && this.length)) return true;
      this.started = true;
      if (!this.heard) this.port.postMessage({ first: currentTime });
      this.heard = true;
    }
    if (this.live && this.length > (this.wait + SURPLUS) * sampleRate) {
      this.take(new Float32Array(this.length - Math.round(this.wait * sampleRate)));
    }
    if (this.position - this.reported >= EVERY * sampleRate) {
      this.reported = this.position;
      this.port.postMessage({ position: this.position, queued: this.length, time: currentTime });
    }
    const filled = this.take(output);
    if (filled < output.length) {
      if (this.ended) {
        if (!this.over) this.port.postMessage({ over: true });
        this.over = true;
      } else {
        this.port.postMessage({ gap: true });
        this.started = false;
        this.wait += 0.02;
      }
    }
    return true;
  }
}

registerProcessor("player", Player);
