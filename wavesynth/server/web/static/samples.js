// Mono sound that grows while it is spoken or heard, and is shown, played and saved.

const BLOCK = 1 << 16;
const HEADER = 44;

export class Samples {
  constructor(sampleRate) {
    this.sampleRate = sampleRate;
    this.length = 0;
    this.peak = 0; // the greatest magnitude, full scale being 1
    this.blocks = []; // of 16 bits, as the service sends them: ten minutes must fit in a phone
  }

  get seconds() {
    return this.length / this.sampleRate;
  }

  push(samples) {
    for (let from = 0; from < samples.length; ) {
      const at = this.length % BLOCK;
      if (!at) this.blocks.push(new Int16Array(BLOCK));
      const block = this.blocks.at(-1);
      const count = Math.min(samples.length - from, BLOCK - at);
      for (let i = 0; i < count; i++) {
        const sample = samples[from + i];
        if (Math.abs(sample) > this.peak) this.peak = Math.abs(sample);
        block[at + i] = Math.max(-32768, Math.min(32767, Math.round(32768 * sample)));
      }
      from += count;
      this.length += count;
    }
  }

  /** Fills `target` with the samples from index `from` on; what is not there is silence. */
  read(from, target) {
    for (let i = 0; i < target.length; i++) {
      const at = from + i;
      target[i] = at < 0 || at >= this.length ? 0 : this.blocks[Math.floor(at / BLOCK)][at % BLOCK] / 32768;
    }
    return target;
  }

  /** The least and the greatest of the samples [from, to). */
  extremes(from, to) {
    let [least, greatest] = [32767, -32768];
    for (let at = Math.max(0, from); at < Math.min(to, this.length); at++) {
      const sample = this.blocks[Math.floor(at / BLOCK)][at % BLOCK];
      if (sample < least) least = sample;
      if (sample > greatest) greatest = sample;
    }
    return least > greatest ? [0, 0] : [least / 32768, greatest / 32768];
  }

  /** Root mean square and peak of the 50 ms that end at a time, in dBFS. */
  level(seconds) {
    const around = this.read(Math.round((seconds - 0.05) * this.sampleRate), new Float32Array(0.05 * this.sampleRate));
    let [square, peak] = [0, 0];
    for (const sample of around) {
      square += sample * sample;
      peak = Math.max(peak, Math.abs(sample));
    }
    return { rms: decibels(Math.sqrt(square / around.length)), peak: decibels(peak) };
  }

  /** For audio contexts to play. */
  buffer() {
    if (this.played?.length !== this.length) {
      this.played = new AudioBuffer({ length: this.length, sampleRate: this.sampleRate });
      this.read(0, this.played.getChannelData(0));
    }
    return this.played;
  }

  /** A 16-bit WAV file. */
  wav() {
    const bytes = 2 * this.length;
    const view = new DataView(new ArrayBuffer(HEADER));
    const text = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
    text(0, "RIFF");
    view.setUint32(4, HEADER - 8 + bytes, true);
    text(8, "WAVEfmt ");
    view.setUint32(16, 16, true); // bytes of the format that follows
    view.setUint16(20, 1, true); // PCM
    view.setUint16(22, 1, true); // channels
    view.setUint32(24, this.sampleRate, true);
    view.setUint32(28, 2 * this.sampleRate, true); // bytes a second
    view.setUint16(32, 2, true); // bytes of a sample of all channels
    view.setUint16(34, 16, true); // bits of a sample
    text(36, "data");
    view.setUint32(40, bytes, true);
    const pieces = this.blocks.map((block, i) => block.subarray(0, this.length - i * BLOCK));
    return new Blob([view, ...pieces], { type: "audio/wav" });
  }
}

/** Of an amplitude, full scale being 0 dBFS. */
export const decibels = (amplitude) => 20 * Math.log10(amplitude + 1e-6);
