"""The gRPC service.

A call begins and ends in its method in service.py: StreamSynthesize, say, gets the request's message and writes the
answer's. Between the two it passes through these, in this order, and through none twice:

    1  Requests.whole, or .growing     validation.py              checks every field; bytes become samples [n]
    2  AsyncStream.push                async_engine.py            waits while the engine is far behind
    3  EngineStream.push               engine/stream.py           hands the input to the engine's thread
    4  the stream's Source             engine/source.py           makes log-mel frames of it
    5  the scheduler                   engine/scheduler.py        chooses the streams of the next step
    6  the voice's Sampler             sampling/backends/         draws the samples of all of them
    7  ActiveStream                    engine/active_stream.py    filters, corrects and encodes them
    8  EngineStream.take               engine/stream.py           hands them to the event loop
    9  AsyncStream.outputs             async_engine.py            waits for the next

Bytes become samples, and samples bytes, in wavesynth.audio.encodings and nowhere else.
"""
