// The microphone as pieces of 10 ms.

/**
 * Opens it and, for each piece until `close()`, calls `hear(samples)`; `gone()` if it is unplugged. Echo is left in, and
 * so are noise and level: the voice is to have what was said.
 */
export async function open(hear, gone) {
  const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
  const stream = await navigator.mediaDevices.getUserMedia({ audio });
  const context = new AudioContext({ latencyHint: "interactive" });
  const close = () => {
    stream.getTracks().forEach((track) => track.stop());
    if (context.state !== "closed") context.close();
  };
  try {
    await context.audioWorklet.addModule("/static/microphone-worklet.js");
  } catch (error) {
    close();
    throw error;
  }
  const node = new AudioWorkletNode(context, "microphone", { numberOfOutputs: 0 });
  node.port.onmessage = ({ data }) => hear(data);
  stream.getAudioTracks()[0].onended = gone;
  return {
    sampleRate: context.sampleRate,
    /** Hears from now on. */
    start: () => context.createMediaStreamSource(stream).connect(node),
    close,
  };
}
