// One call of the service over a WebSocket; see wavesynth/server/web/stream.py for what goes over it.

/** Opens the connection to an endpoint, so that it is there when it is needed. */
export function connect(endpoint = "stream") {
  const address = new URL(endpoint, location.href);
  address.protocol = address.protocol.replace("http", "ws");
  const socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  return socket;
}

/**
 * Sends a configuration, then what `input` is given: `input.push(samples)`, `input.end()`.
 * `on.audio(samples, sampleRate)` gets Float32Arrays, `on.end(statistics)` or `on.error(message)` the end.
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
  const send = (data) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(data);
    else if (socket.readyState === WebSocket.CONNECTING) {
      socket.addEventListener("open", () => socket.send(data), { once: true });
    }
  };
  socket.onmessage = ({ data }) => {
    if (data instanceof ArrayBuffer) {
      if (!over) on.audio(Float32Array.from(new Int16Array(data), (sample) => sample / 32768), sampleRate);
      return;
    }
    const message = JSON.parse(data);
    if (message.sampleRate) sampleRate = message.sampleRate;
    else if (message.statistics) finish("end", message.statistics);
    else if (message.error) finish("error", message.error.message);
  };
  socket.onerror = () => finish("error", "the service cannot be reached");
  socket.onclose = () => finish("error", "the connection to the service broke");
  if (socket.readyState > WebSocket.OPEN) queueMicrotask(() => finish("error", "the service cannot be reached"));
  send(JSON.stringify(configuration));
  return {
    push: (samples) => send(samples),
    end: () => send("end"),
    cancel: () => finish("end", null),
  };
}
