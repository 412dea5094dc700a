// One call of the service over a WebSocket; see wavesynth/server/web/stream.py for what goes over it.

import { token } from "./dom.js";

const LONGEST_WAIT = 15_000; // milliseconds until another look for a service that is gone

/** What the service has under a path; throws { code, message } if it does not answer, or wants another token. */
export async function load(path) {
  const headers = Object.values(token()).map((value) => ["Authorization", `Bearer ${value}`]);
  const response = await fetch(path, { headers }).catch(() => {
    throw { code: "UNREACHABLE" };
  });
  if (response.status === 401) throw await response.json();
  return response;
}

/** Opens a connection to an endpoint. */
export function connect(endpoint) {
  const address = new URL(endpoint, location.href);
  address.protocol = address.protocol.replace("http", "ws");
  const socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  return socket;
}

/** A connection ahead of the call that will need it; looks for a service that is gone until it is back. */
export class Line {
  /** `tell` gets "connecting", "connected" and "lost". */
  constructor(endpoint, tell) {
    this.endpoint = endpoint;
    this.tell = tell;
    this.open();
  }

  open(wait = 500) {
    const socket = connect(this.endpoint);
    this.socket = socket;
    if (wait === 500) this.tell("connecting");
    socket.addEventListener("open", () => {
      wait = 500;
      if (socket === this.socket) this.tell("connected");
    });
    socket.addEventListener("close", () => {
      if (socket !== this.socket) return; // a call's
      this.tell("lost");
      setTimeout(() => socket === this.socket && this.open(wait), wait);
      wait = Math.min(2 * wait, LONGEST_WAIT);
    });
  }

  /** The connection for a call; another takes its place. */
  take() {
    if (this.socket.readyState > WebSocket.OPEN) this.open();
    const socket = this.socket;
    this.open();
    return socket;
  }
}

/**
 * Sends a configuration, then what `input` is given: `input.push(samples)`, `input.end()`.
 * `on.audio(samples, sampleRate)` gets Float32Arrays, `on.words(words)` those that begin in the next of them, `on.end(statistics)` or `on.error({ code, message })` the end.
 */
export function start(socket, configuration, on) {
  let sampleRate = 0;
  let over = false;
  const finish = (how, what) => {
    if (over) return;
    over = true;
    on[how](what);
    socket.close();
  };
  const opened =
    socket.readyState === WebSocket.CONNECTING
      ? new Promise((resolve) => socket.addEventListener("open", resolve, { once: true }))
      : null;
  const send = (data) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(data);
    else if (socket.readyState === WebSocket.CONNECTING) opened.then(() => !over && socket.send(data));
  };
  const lost = () => finish("error", { code: socket.everOpen ? "LOST" : "UNREACHABLE" });
  socket.everOpen = socket.readyState === WebSocket.OPEN;
  opened?.then(() => (socket.everOpen = true));
  socket.onmessage = ({ data }) => {
    if (data instanceof ArrayBuffer) {
      if (!over) on.audio(Float32Array.from(new Int16Array(data), (sample) => sample / 32768), sampleRate);
      return;
    }
    const message = JSON.parse(data);
    if (message.sampleRate) sampleRate = message.sampleRate;
    else if (message.words) on.words(message.words);
    else if (message.statistics) finish("end", message.statistics);
    else if (message.error) finish("error", message.error);
  };
  socket.onerror = socket.onclose = lost;
  if (socket.readyState > WebSocket.OPEN) queueMicrotask(lost);
  send(JSON.stringify(configuration));
  return {
    push: (samples) => send(samples),
    end: () => send("end"),
    cancel: () => finish("end", null),
    fail: (code) => finish("error", { code }),
    /** Bytes that the network has not taken yet. */
    get waiting() {
      return socket.bufferedAmount;
    },
  };
}
