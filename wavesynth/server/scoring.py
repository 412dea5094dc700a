"""The call for scores: its messages become a recording, which another process scores; every field is checked here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wavesynth.audio.score import Score
from wavesynth.engine.requests import AudioInput, InputReader
from wavesynth.engine.scoring import arithmetic_of, check_length
from wavesynth.engine.voice_choice import choose_voice
from wavesynth.server.decoding import FIELDS, samples
from wavesynth.server.encoding import sample_format
from wavesynth.server.errors import invalid
from wavesynth.server.limits import Limits
from wavesynth.server.messages import Aside
from wavesynth.server.pace import Pace
from wavesynth.server.score_worker import ScoreJob, ScoreWorker
from wavesynth.server.telemetry import Call
from wavesynth.server.validation import Requests, refusals
from wavesynth.server.waiting import next_message
from wavesynth.v1 import synthesis_pb2 as pb

__all__ = ["Scoring"]


class Scoring:
    """Scores recordings under the voices of `requests`, by `worker`; long messages are checked `aside`."""

    def __init__(self, requests: Requests, worker: ScoreWorker, limits: Limits, aside: Aside) -> None:
        self._requests, self._worker, self._limits, self._aside = requests, worker, limits, aside

    async def score(
        self, call: Call, requests: AsyncIterator[pb.ScoreRequest], pace: Pace
    ) -> pb.ScoreResponse:
        """The answer to a call. Raises RefusedError."""
        first = await next_message(requests, self._limits) or pb.ScoreRequest()
        if (kind := first.WhichOneof("message")) != "config":
            raise invalid(f"message 1 is {kind or 'missing'}; it must be config")
        config = first.config
        with refusals():
            voice: Any = choose_voice(self._requests.voices, config.voice)
            arithmetic, speaker = arithmetic_of(voice), voice.speaker_number(config.speaker)
            sample_format(config.audio)
            given = AudioInput(sample_rate=config.audio.sample_rate)
            reader = InputReader(given, voice, self._requests.max_seconds, FIELDS)
        call.voice, call.sample_rate = voice.name, voice.sample_rate
        self._worker.check()  # before all is sent for nothing
        pieces = await self._read(requests, config, reader, pace, voice.sample_rate)
        with refusals():
            check_length(voice, reader.samples)
        job = ScoreJob(
            voice.folder, voice.edition, voice.sign, speaker, arithmetic, pieces, reader.sample_rate
        )
        async with aclosing(self._worker.results(job)) as made:
            bits = np.frombuffer(b"".join([stretch async for stretch in made]), np.float32)
        call.scored(len(bits))
        who = "" if speaker is None else voice.speakers[speaker]
        return _response(Score.of(voice.name, who, arithmetic, voice.sample_rate, voice.hop, bits))

    async def _read(
        self,
        requests: AsyncIterator[pb.ScoreRequest],
        config: pb.ScoreConfig,
        reader: InputReader,
        pace: Pace,
        sample_rate: int,
    ) -> list[NDArray[Any]]:
        """The recording, piece by piece; `sample_rate` is the voice's."""
        pieces: list[NDArray[Any]] = []

        def read(message: pb.ScoreRequest) -> tuple[NDArray[Any], int]:
            with refusals():
                if (kind := message.WhichOneof("message")) != "audio":
                    raise ValueError(
                        f"message {number} is {kind or 'empty'}; after the configuration all must be audio"
                    )
                return reader.read(samples(message.audio, config.audio))

        number = 1
        while (message := await next_message(requests, self._limits)) is not None:
            number += 1
            piece, made = await self._aside.check(partial(read, message))
            pieces.append(piece)
            await pace.message(made / sample_rate)
        return pieces


def _response(score: Score) -> pb.ScoreResponse:
    return pb.ScoreResponse(
        voice=score.voice,
        speaker=score.speaker,
        arithmetic=score.arithmetic,
        sample_rate=score.sample_rate,
        hop=score.hop,
        samples=score.samples,
        bits=score.bits,
        frame_bits=score.frame_bits,
    )
