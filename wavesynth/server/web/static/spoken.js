// A text that is read aloud: the word that is heard stands out.

import { $ } from "./dom.js";

const [before, word, after] = $("spoken").children;

export class Spoken {
  constructor(text) {
    this.text = text;
    this.words = []; // in their order, as they are made
    this.at = -1; // the one that is heard
    // The service counts characters, and JavaScript halves of some.
    this.units = [0];
    for (const character of text) this.units.push(this.units.at(-1) + character.length);
    this.write(0, 0);
    $("spoken").hidden = false;
  }

  add(words) {
    this.words.push(...words);
  }

  /** Shows which word is heard at a sample. */
  show(sample) {
    const before = this.at;
    while (this.at + 1 < this.words.length && this.words[this.at + 1].firstSample <= sample) this.at++;
    if (this.at === before) return;
    const { begin, end } = this.words[this.at];
    this.write(this.units[begin], this.units[end]);
    const box = $("spoken");
    if (word.offsetTop + word.offsetHeight > box.offsetTop + box.scrollTop + box.clientHeight)
      box.scrollTop = word.offsetTop - box.offsetTop; // in its box alone: the page stays
  }

  /** Nothing is heard any more. */
  end() {
    $("spoken").hidden = true;
  }

  write(begin, end) {
    before.textContent = this.text.slice(0, begin);
    word.textContent = this.text.slice(begin, end);
    after.textContent = this.text.slice(end);
  }
}
