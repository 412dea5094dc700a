// Columns of a spectrogram: levels in dBFS by frequency, and their colours.

const WINDOW = 0.032; // seconds: 31 Hz apart, so that the harmonics of a voice stand apart
export const [FLOOR, CEILING] = [-90, -20]; // dBFS of the darkest and of the brightest colour

/** Real and imaginary part, in place, by a radix-2 Fourier transform (Cooley and Tukey, 1965) of a power of two. */
export function transform(real, imaginary) {
  const n = real.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [real[i], real[j]] = [real[j], real[i]];
      [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]];
    }
  }
  for (let size = 2; size <= n; size *= 2) {
    for (let k = 0; k < size / 2; k++) {
      const [c, s] = [Math.cos((-2 * Math.PI * k) / size), Math.sin((-2 * Math.PI * k) / size)];
      for (let i = k; i < n; i += size) {
        const j = i + size / 2;
        const a = real[j] * c - imaginary[j] * s;
        const b = real[j] * s + imaginary[j] * c;
        real[j] = real[i] - a;
        imaginary[j] = imaginary[i] - b;
        real[i] += a;
        imaginary[i] += b;
      }
    }
  }
}

export class Spectrum {
  /** Of sound at a rate, in `rows` rows from 0 to `highest` hertz. */
  constructor(sampleRate, highest, rows) {
    const length = Math.round(WINDOW * sampleRate);
    this.window = Float32Array.from({ length }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 0.5)) / length));
    this.samples = new Float32Array(length);
    const size = 2 ** Math.ceil(Math.log2(length) + 0.5); // zeros beside it, so that each row has a bin of its own
    this.real = new Float32Array(size);
    this.imaginary = new Float32Array(size);
    this.full = (length / 4) ** 2; // the power of a sine of full scale: the window's sum is half its length
    this.bin = (row) => Math.min(size / 2, Math.round(((row * highest) / rows / sampleRate) * size));
    this.rows = rows;
  }

  /** Samples on each side of a column's time. */
  get reach() {
    return this.window.length / 2;
  }

  /** Levels around sample `at`, lowest frequency first: 0 at the floor and below, 255 at the ceiling and above. */
  column(sound, at) {
    this.real.fill(0);
    this.imaginary.fill(0);
    sound.read(Math.round(at - this.reach), this.samples);
    for (let i = 0; i < this.samples.length; i++) this.real[i] = this.samples[i] * this.window[i];
    transform(this.real, this.imaginary);
    const levels = new Uint8Array(this.rows);
    for (let row = 0; row < this.rows; row++) {
      let power = 0;
      const [low, high] = [this.bin(row), Math.max(this.bin(row) + 1, this.bin(row + 1))];
      for (let bin = low; bin < high; bin++) power = Math.max(power, this.real[bin] ** 2 + this.imaginary[bin] ** 2);
      const level = 10 * Math.log10(power / this.full + 1e-12);
      levels[row] = 255 * Math.min(Math.max((level - FLOOR) / (CEILING - FLOOR), 0), 1);
    }
    return levels;
  }
}

// From quiet to loud. On dark: magma, of matplotlib (Smith and van der Walt, CC0); on light: paper to ink.
const DARK = ["0b0d14", "1c1044", "4f127b", "812581", "b5367a", "e55064", "fb8761", "fec287", "fcfdbf"];
const LIGHT = ["fbfbfd", "e6e8f8", "c3c6f2", "988fe3", "7857c9", "62279f", "481070", "2c0a45", "14051f"];

/** 256 colours, red, green and blue one after the other. */
export function colours(dark) {
  const stops = (dark ? DARK : LIGHT).map((hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  return Uint8Array.from({ length: 3 * 256 }, (_, i) => {
    const at = (Math.floor(i / 3) / 255) * (stops.length - 1);
    const below = Math.min(Math.floor(at), stops.length - 2);
    return stops[below][i % 3] + (at - below) * (stops[below + 1][i % 3] - stops[below][i % 3]);
  });
}
