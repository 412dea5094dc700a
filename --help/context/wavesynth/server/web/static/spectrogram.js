// A spectrogram that draws itself from left to right, and begins anew at the edge.

/** In-place radix-2 Fourier transform (Cooley and Tukey, 1965) of a length that is a power of two. */
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
        const [a, b] = [real[j] * c - imaginary[j] * s, real[j] * s + imaginary[j] * c];
        [real[j], imaginary[j]] = [real[i] - a, imaginary[i] - b];
        [real[i], imaginary[i]] = [real[i] + a, imaginary[i] + b];
      }
    }
  }
}

export class Spectrogram {
  constructor(canvas, size = 512, hop = 160) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { willReadFrequently: true }); // a column a time is no work for a GPU
    this.hop = hop;
    this.window = Float32Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
    this.clear();
  }

  clear() {
    this.history = new Float32Array(this.window.length);
    this.waiting = [];
    this.columns = []; // that the next frame of the screen will show
    this.column = 0;
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  /** Draws, with the screen's next frame, a column for each hop that the samples complete. */
  push(samples) {
    for (const sample of samples) {
      this.waiting.push(sample);
      if (this.waiting.length === this.hop) {
        this.history.copyWithin(0, this.hop);
        this.history.set(this.waiting, this.history.length - this.hop);
        this.waiting = [];
        this.columns.push(this.history.slice());
        if (this.columns.length === 1) requestAnimationFrame(() => this.draw());
      }
    }
  }

  draw() {
    for (const samples of this.columns.splice(0)) this.drawColumn(samples);
    this.context.fillStyle = "#fff";
    this.context.fillRect(this.column, 0, 1, this.canvas.height);
  }

  drawColumn(samples) {
    const real = samples.map((sample, i) => sample * this.window[i]);
    const imaginary = new Float32Array(real.length);
    transform(real, imaginary);
    const bins = real.length / 2;
    const image = this.context.createImageData(1, bins);
    for (let bin = 0; bin < bins; bin++) {
      const decibels = 10 * Math.log10(real[bin] ** 2 + imaginary[bin] ** 2 + 1e-9);
      const light = Math.min(Math.max((decibels + 50) / 80, 0), 1);
      image.data.set([255 * light ** 1.2, 255 * light ** 2, 255 * (1 - light) * light * 2, 255], 4 * (bins - 1 - bin));
    }
    this.context.putImageData(image, this.column, 0);
    this.column = (this.column + 1) % this.canvas.width;
  }
}
