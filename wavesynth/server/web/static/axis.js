// Ticks and their numbers beside a plot, as text of the document: sharp on every screen, and in its colours.

import { signed } from "./dom.js";

/** The distance of ticks, 1, 2 or 5 times a power of ten, that lets at most `most` stand in a range. */
export function distance(range, most) {
  const power = 10 ** Math.floor(Math.log10(range / most));
  return power * [1, 2, 5, 10].find((step) => range / (step * power) <= most);
}

export class Axis {
  /** `side` is the property of style that places a tick: "left" or "bottom". */
  constructor(element, side) {
    this.element = element;
    this.side = side;
  }

  /** Ticks at the multiples of `step` from `low` to `high`. */
  show(low, high, step) {
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const first = Math.ceil(low / step - 1e-9);
    const count = Math.floor(high / step + 1e-9) - first + 1;
    while (this.element.children.length < count) this.element.append(document.createElement("span"));
    while (this.element.children.length > count) this.element.lastChild.remove();
    [...this.element.children].forEach((tick, i) => {
      const value = (first + i) * step;
      const text = signed(value, digits);
      if (tick.textContent !== text) tick.textContent = text;
      tick.style[this.side] = `${(100 * (value - low)) / (high - low)}%`;
    });
  }
}
