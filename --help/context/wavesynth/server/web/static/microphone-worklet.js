// Hands on what the microphone hears, 10 ms at a time.

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(Math.round(sampleRate / 100));
    this.filled = 0;
  }

  process([[input]]) {
    for (let at = 0; input && at < input.length; ) {
      const count = Math.min(input.length - at, this.block.length - this.filled);
      this.block.set(input.subarray(at, at + count), this.filled);
      at += count;
      this.filled += count;
      if (this.filled === this.block.length) {
        this.port.postMessage(this.block.slice());
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("microphone", Microphone);
