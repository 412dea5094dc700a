// Recordings, as browsers read them.

/** A recording's samples, its channels averaged, and their rate. */
export async function decode(file, title) {
  const audio = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(await file.arrayBuffer());
  const samples = new Float32Array(audio.length);
  for (let channel = 0; channel < audio.numberOfChannels; channel++) {
    audio.getChannelData(channel).forEach((sample, i) => (samples[i] += sample / audio.numberOfChannels));
  }
  return { title, samples, sampleRate: audio.sampleRate };
}
