// Streams a recording, spoken again by a voice, or a text that it reads aloud, to a WAV file while it is being made.
//
//     node stream.mjs --audio speech.wav | --text TEXT --out again.wav [--voice NAME] [--seed N] [--address HOST:PORT]
//         [--certificates root.pem] [--token-file FILE] [--client-cert chain.pem --client-key key.pem]
//
// speech.wav must be mono 16-bit PCM, from 8,000 to 96,000 hertz.

import { randomBytes } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

/** Bytes of the recording in a message. */
const PIECE = 1 << 17;
/** Milliseconds without a message either way, after which a call is given up: a stuck service answers pings. */
const LIMIT = 60_000;
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

/** The header of a mono 16-bit WAV file. */
function wavHeader(sampleRate, bytes) {
  const header = Buffer.alloc(44);
  header.write("RIFF    WAVEfmt ", "latin1");
  header.write("data", 36, "latin1");
  [[4, 36 + bytes], [16, 16], [24, sampleRate], [28, 2 * sampleRate], [40, bytes]].forEach(([at, value]) =>
    header.writeUInt32LE(value, at),
  );
  [[20, 1], [22, 1], [32, 2], [34, 16]].forEach(([at, value]) => header.writeUInt16LE(value, at));
  return header;
}

/** The host of an address. */
function hostOf(address) {
  return address.replace(/^(dns|ipv4|ipv6):(\/\/[^/]*\/)?/, "").replace(/:\d+$/, "");
}

/** The variable that names the proxy by way of which an address is reached, if there is one: as gRPC chooses it. */
function proxyVariable(address) {
  const excluded = (process.env.no_grpc_proxy || process.env.no_proxy || "").split(",");
  if (isLocal(address) || excluded.some((name) => name && hostOf(address).endsWith(name))) return undefined;
  return ["grpc_proxy", "https_proxy", "http_proxy"].find((name) => process.env[name]);
}

/** Whether an address is on this machine, where no proxy leads to. */
function isLocal(address) {
  const host = hostOf(address);
  return /^(unix(-abstract)?:.*|(.*\.)?localhost|127(\.\d+){3}|0\.0\.0\.0|\[?::1?\]?)$/i.test(host);
}

/** A client of the service, and what goes with its calls. */
function connect({ address, roots, token, chain, key }) {
  const definition = loadSync(PROTO, { enums: String, longs: String });
  const { SynthesisService } = grpc.loadPackageDefinition(definition).wavesynth.v1;
  const { createInsecure, createSsl } = grpc.credentials;
  const secure = roots || chain;
  const client = new SynthesisService(address, secure ? createSsl(roots, key, chain) : createInsecure(), {
    // A path that was lost without a word, or a frozen server, does not answer pings.
    "grpc.keepalive_time_ms": 5_000,
    "grpc.keepalive_timeout_ms": 20_000,
    "grpc.enable_http_proxy": isLocal(address) ? 0 : 1,
  });
  const metadata = new grpc.Metadata();
  if (token) metadata.set("authorization", `Bearer ${token}`);
  if (token && !secure && !isLocal(address)) {
    console.error(`the token goes to ${address} without TLS, where everybody on the way can read it`);
  }
  return { client, metadata };
}

/** Refuses a recording that is longer than a call may be: from pieces, the service finds out when all else is made. */
async function checkLength({ client, metadata }, audio) {
  const { maxSeconds } = await new Promise((resolve, reject) =>
    client.ListVoices({}, metadata, (error, voices) => (error ? reject(error) : resolve(voices))),
  );
  const seconds = audio ? audio.samples.length / 2 / audio.sampleRate : 0; // of a text nobody knows
  if (audio?.sampleRate && seconds > maxSeconds) {
    throw new Error(`audio makes ${seconds} seconds of audio; at most ${maxSeconds} are allowed`);
  }
}

/** The messages of a call: what is wanted, then the text, or the recording piece by piece, since a message may not be
 * long. */
function* requests({ voice, seed, audio, text }) {
  if (text !== undefined) {
    yield { config: { synthesis: { voice, seed }, text: {} } };
    yield { text };
    return;
  }
  yield { config: { synthesis: { voice, seed }, audio: { sampleRate: audio.sampleRate } } };
  for (let at = 0; at < audio.samples.length; at += PIECE) yield { audio: audio.samples.subarray(at, at + PIECE) };
}

async function main() {
  const { values } = parseArgs({
    options: {
      audio: { type: "string" },
      text: { type: "string" },
      out: { type: "string" },
      voice: { type: "string", default: "" },
      seed: { type: "string", default: "0" },
      address: { type: "string", default: "localhost:50051" },
      certificates: { type: "string" },
      "token-file": { type: "string" },
      "client-cert": { type: "string" },
      "client-key": { type: "string" },
    },
  });
  if ((values.audio === undefined) === (values.text === undefined) || !values.out) {
    throw new Error("--out, and one of --audio and --text, must be given");
  }
  const audio = values.audio && readWav(await readFile(values.audio), values.audio);
  if (!values["client-cert"] !== !values["client-key"]) {
    throw new Error("--client-cert and --client-key must both be given, or neither");
  }
  const [roots, chain, key] = await Promise.all(
    ["certificates", "client-cert", "client-key"].map((name) => values[name] && readFile(values[name])),
  );
  const token = values["token-file"] && (await readFile(values["token-file"], "utf8")).trim();
  const service = connect({ ...values, roots, token, chain, key });
  await checkLength(service, audio).catch((error) => {
    const variable = proxyVariable(values.address);
    const proxied = error.code === grpc.status.UNAVAILABLE && variable;
    throw proxied ? new Error(`${error.details} (by way of the proxy that ${variable} names)`) : error;
  });
  const temporary = join(dirname(values.out), `.${basename(values.out)}-${randomBytes(8).toString("hex")}`);
  const file = await open(temporary, "wx"); // follows no link that somebody put there
  let statistics, sampleRate, limit;
  let bytes = 0;
  try {
    const call = service.client.Resynthesize(service.metadata);
    const waits = () => {
      clearTimeout(limit);
      const stuck = new Error(`the service answers, but has sent no audio for ${LIMIT / 1000} s`);
      limit = setTimeout(() => call.destroy(stuck), LIMIT);
    };
    const sent = function* () {
      for (const message of requests({ ...values, audio })) {
        waits();
        yield message;
      }
    };
    const save = async (responses) => {
      await file.write(wavHeader(0, 0));
      for await (const { chunk } of responses) {
        clearTimeout(limit);
        statistics = chunk.statistics ?? statistics;
        sampleRate = chunk.sampleRate;
        bytes += chunk.audio.length;
        await file.writeFile(chunk.audio);
        waits();
      }
    };
    await Promise.all([pipeline(sent(), call), pipeline(call, save)]);
    await file.write(wavHeader(sampleRate, bytes), 0, 44, 0);
    await rename(temporary, values.out);
  } finally {
    clearTimeout(limit);
    await file.close();
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
