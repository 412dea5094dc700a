// One sound on the page: its waveform above its spectrogram, with axes, level and a cursor to listen from.

import { Axis, distance } from "./axis.js";
import { signed } from "./dom.js";
import { decibels } from "./samples.js";
import { Spectrum, colours } from "./spectrum.js";

const ROWS = 256; // of a spectrogram
const AT_ONCE = 150; // columns that a frame of the screen may take; a long recording is drawn over several
const [QUIETEST, LOUDEST] = [-60, 0]; // dBFS of the meter's ends
const DARK = matchMedia("(prefers-color-scheme: dark)");

/** What is shown: seconds at the left edge and from edge to edge, hertz at the top, full scale of the waveform. */
export const view = { start: 0, duration: 5, highest: 8000, scale: 1 };

export class Panel {
  /** In a figure; `subject` completes "Spectrogram of ...". */
  constructor(figure, subject, redraw) {
    const find = (name) => figure.querySelector(`.${name}`);
    this.figure = figure;
    this.subject = subject;
    this.waveform = find("waveform");
    this.spectrogram = find("spectrogram");
    // A column at a time is no work for a GPU.
    const context = (canvas) => canvas.getContext("2d", { willReadFrequently: true });
    this.contexts = { wave: context(this.waveform), picture: context(this.spectrogram) };
    this.time = new Axis(find("time"), "left");
    this.frequency = new Axis(find("frequency"), "bottom");
    this.amplitude = new Axis(find("amplitude"), "bottom");
    this.cursor = find("cursor");
    this.meter = find("meter");
    this.reading = find("reading");
    this.sound = null;
    this.redraw = redraw;
    this.restyle();
    new ResizeObserver(() => this.resize()).observe(this.waveform);
    DARK.addEventListener("change", () => this.restyle());
  }

  restyle() {
    this.colours = colours(DARK.matches);
    this.stale = true;
    this.redraw();
  }

  resize() {
    const density = Math.min(devicePixelRatio, 2);
    const width = Math.max(1, Math.round(this.waveform.clientWidth * density));
    const height = Math.round(this.waveform.clientHeight * density);
    if (this.waveform.width === width && this.waveform.height === height) return;
    this.waveform.width = this.spectrogram.width = width;
    this.waveform.height = height;
    this.spectrogram.height = ROWS;
    this.stale = true;
    this.redraw();
  }

  /** Shows another sound, or none; `title` says which. */
  show(sound, title = "") {
    this.sound = sound;
    this.loudest = -Infinity;
    this.whole = false;
    this.spectrum = sound && new Spectrum(sound.sampleRate, view.highest, ROWS);
    this.figure.classList.toggle("empty", !sound);
    this.figure.querySelector(".title").textContent = title;
    this.stale = true;
    this.level(null);
    this.seek(0);
  }

  /** That no more of the sound will come. */
  complete() {
    this.whole = true;
    this.seek(0);
    this.describe();
    if (this.sound?.length) this.level(this.sound.seconds, true);
  }

  /** Draws what is missing; whether something still is. */
  paint() {
    const width = this.waveform.width;
    const first = Math.round((view.start / view.duration) * width);
    const drawn = JSON.stringify([view.duration, view.highest, view.scale, width]);
    if (this.stale || drawn !== this.drawn || first < this.first || first >= this.first + width) {
      for (const context of Object.values(this.contexts)) context.clearRect(0, 0, width, context.canvas.height);
      this.ink = getComputedStyle(this.waveform).color;
      this.next = first;
    } else if (first > this.first) this.shift(first - this.first);
    if (this.stale || drawn !== this.drawn) this.label();
    if (this.stale || drawn !== this.drawn || first !== this.first) {
      const step = distance(view.duration, Math.max(2, this.waveform.clientWidth / 56));
      this.time.show(view.start, view.start + view.duration, step);
    }
    Object.assign(this, { stale: false, drawn, first });
    return this.sound ? this.fill(Math.max(this.next, first), first + width) : false;
  }

  shift(columns) {
    for (const context of Object.values(this.contexts)) {
      context.globalCompositeOperation = "copy";
      context.drawImage(context.canvas, -columns, 0);
      context.globalCompositeOperation = "source-over";
    }
  }

  /** Draws the columns [from, to), as far as there is sound for them. */
  fill(from, to) {
    const perColumn = (view.duration / this.waveform.width) * this.sound.sampleRate;
    const heard = this.whole ? this.sound.length : this.sound.length - this.spectrum.reach - perColumn;
    const ready = Math.min(to, Math.ceil(heard / perColumn));
    const count = Math.min(ready - from, AT_ONCE);
    this.next = from;
    if (count <= 0) return false;
    const { wave, picture } = this.contexts;
    const image = picture.createImageData(count, ROWS);
    const middle = this.waveform.height / 2;
    wave.fillStyle = this.ink;
    for (let i = 0; i < count; i++) {
      const at = (from + i) * perColumn;
      const [low, high] = this.sound.extremes(Math.floor(at), Math.max(Math.floor(at) + 1, Math.floor(at + perColumn)));
      const height = Math.max(1, ((high - low) / view.scale) * middle);
      wave.fillRect(from + i - this.first, middle - (high / view.scale) * middle, 1, height);
      this.spectrum.column(this.sound, at + perColumn / 2).forEach((level, row) => {
        const to = 4 * ((ROWS - 1 - row) * count + i);
        for (let c = 0; c < 3; c++) image.data[to + c] = this.colours[3 * level + c];
        image.data[to + 3] = 255;
      });
    }
    picture.putImageData(image, from - this.first, 0);
    this.next = from + count;
    return this.next < ready;
  }

  label() {
    this.frequency.show(0, view.highest / 1000, distance(view.highest / 1000, 5));
    this.amplitude.show(-view.scale, view.scale, view.scale);
    this.describe();
  }

  /** Tells a screen reader what the pictures show. */
  describe() {
    const across = `${view.duration.toFixed(1)} seconds across`;
    const loud = this.sound?.length ? `, peak ${signed(decibels(this.sound.peak), 1)} dBFS` : ", nothing yet";
    this.waveform.ariaLabel = `Waveform of ${this.subject}, ${across}${loud}`;
    this.spectrogram.ariaLabel =
      `Spectrogram of ${this.subject}, ${across}, 0 to ${view.highest / 1000} kilohertz up` +
      (this.sound?.length ? "" : ", nothing yet");
  }

  /** Puts the cursor at a time, unless a hand holds it. */
  seek(seconds) {
    const end = view.start + view.duration;
    Object.assign(this.cursor, { min: view.start, max: end });
    if (!this.cursor.matches(":active")) this.cursor.value = seconds;
    const place = Number(this.cursor.value).toFixed(1);
    this.cursor.setAttribute("aria-valuetext", `${place} of ${(this.sound?.seconds ?? 0).toFixed(1)} seconds`);
  }

  /** Shows the level at a time, or that of the whole sound; null, that there is none. */
  level(seconds, whole = false) {
    let rms = -Infinity;
    if (seconds !== null && this.sound) {
      const here = this.sound.level(seconds);
      rms = whole ? -Infinity : here.rms;
      this.loudest = whole ? decibels(this.sound.peak) : Math.max(this.loudest, here.peak);
    }
    const share = (level) => Math.min(Math.max((level - QUIETEST) / (LOUDEST - QUIETEST), 0), 1);
    const there = this.loudest > -Infinity;
    this.meter.style.setProperty("--level", share(rms));
    this.meter.style.setProperty("--peak", share(this.loudest));
    this.meter.classList.toggle("loud", this.loudest > -0.1);
    const text = (level) => (level < QUIETEST ? `≤ ${signed(QUIETEST)}` : signed(level));
    this.meter.setAttribute("aria-valuenow", Math.round(Math.max(rms, QUIETEST)));
    this.meter.setAttribute("aria-valuetext", rms > -Infinity ? `${text(rms)} dBFS` : "silent");
    const now = rms > -Infinity ? `${text(rms)} dBFS, ` : "";
    this.reading.textContent = there ? `${now}peak ${text(this.loudest)}${now ? "" : " dBFS"}` : "";
  }
}
