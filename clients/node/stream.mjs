// Streams a recording, spoken again by a voice, to a WAV file while it is being made.
//
//     node stream.mjs --audio speech.wav --out again.wav [--voice NAME] [--seed N] [--address HOST:PORT]
//         [--certificates root.pem] [--token-file FILE]
//
// speech.wav must be mono 16-bit PCM, from 8,000 to 96,000 hertz.

import { createWriteStream } from "node:fs";
import { readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const PROTO = fileURLToPath(new URL("../../proto/wavesynth/v1/synthesis.proto", import.meta.url));

/** The samples' bytes and their rate in hertz, of a mono 16-bit WAV file. */
function readWav(file, name) {
  if (file.toString("latin1", 0, 4) !== "RIFF" || file.toString("latin1", 8, 12) !== "WAVE") {
    throw new Error(`${name} is not a WAV file`);
  }
  let sampleRate;
  for (let at = 12; at + 8 <= file.length; ) {
    const [id, size] = [file.toString("latin1", at, at + 4), file.readUInt32LE(at + 4)];
    if (id === "fmt ") {
      const [format, channels, bits] = [at + 8, at + 10, at + 22].map((offset) => file.readUInt16LE(offset));
      if (format !== 1 || channels !== 1 || bits !== 16) {
        throw new Error(`${name} has format ${format}, ${channels} channels, ${bits} bits; it must be mono 16-bit PCM`);
      }
      sampleRate = file.readUInt32LE(at + 12);
    } else if (id === "data") {
      return { sampleRate, samples: file.subarray(at + 8, at + 8 + size) };
    }
    at += 8 + size + (size % 2);
  }
  throw new Error(`${name} holds no samples`);
}

/** The service's responses to one request, as a readable stream; ENCODING_WAV brings the file's header too. */
function streamSynthesize({ address, voice, seed, audio, roots, token }) {
  const definition = loadSync(PROTO, { enums: String, longs: String });
  const { SynthesisService } = grpc.loadPackageDefinition(definition).wavesynth.v1;
  const { createInsecure, createSsl } = grpc.credentials;
  const client = new SynthesisService(address, roots ? createSsl(roots) : createInsecure());
  const metadata = new grpc.Metadata();
  if (token) metadata.set("authorization", `Bearer ${token}`);
  const synthesis = { voice, seed, encoding: "ENCODING_WAV" };
  const conditioning = { audio: { format: { sampleRate: audio.sampleRate }, samples: audio.samples } };
  return client.StreamSynthesize({ synthesis, conditioning }, metadata);
}

async function main() {
  const { values } = parseArgs({
    options: {
      audio: { type: "string" },
      out: { type: "string" },
      voice: { type: "string", default: "" },
      seed: { type: "string", default: "0" },
      address: { type: "string", default: "localhost:50051" },
      certificates: { type: "string" },
      "token-file": { type: "string" },
    },
  });
  if (!values.audio || !values.out) throw new Error("--audio and --out must both be given");
  const audio = readWav(await readFile(values.audio), values.audio);
  const roots = values.certificates && (await readFile(values.certificates));
  const token = values["token-file"] && (await readFile(values["token-file"], "utf8")).trim();
  const temporary = join(dirname(values.out), `.${basename(values.out)}-${process.pid}`);
  const file = createWriteStream(temporary);
  let statistics;
  const sink = new Writable({
    objectMode: true,
    write({ chunk }, _, done) {
      statistics = chunk.statistics ?? statistics;
      file.write(chunk.audio, done);
    },
    final(done) {
      file.end(done);
    },
  });
  file.on("error", (error) => sink.destroy(error));
  try {
    await pipeline(streamSynthesize({ ...values, audio, roots, token }), sink);
    await rename(temporary, values.out);
  } finally {
    await rm(temporary, { force: true });
  }
  console.log(
    `${statistics.samples} samples, the first after ${Math.round(1000 * statistics.timeToFirstAudioSeconds)} ms, ` +
      `${statistics.realTimeFactor.toFixed(2)} x real time`,
  );
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(`wavesynth: ${error.details ?? error.message}`);
    process.exit(1);
  },
);
