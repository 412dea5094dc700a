"""The gRPC service.

A call begins and ends in its method in service.py: StreamSynthesize, say, gets the request's message and writes the
answer's. docs/explanation/architecture.md follows it from there through the engine and back. In this package it passes

    service.py         what each method of the API does
    admission.py       who may call, how many calls there are, how each one ended
    malformed.py       what is no protobuf message is refused like any other call
    validation.py      from a message to the engine's request; decoding.py turns its bytes into samples
    async_engine.py    the event loop's side of the engine's streams
    encoding.py        which of the encodings in wavesynth.audio.encodings the API means
    errors.py          why a call ends without its audio
    telemetry.py       a line in the log for each call, which request_ids.py names; call_metrics.py counts them
    tracing.py         OpenTelemetry, if it is asked for

Whether there is a service at all says health.py. What the server writes goes through outlet.py: it waits for no reader.

catalogue.py knows what there is to serve, and reloading.py has it read again, as admin.py or a signal asks.

server.py puts voices, engine and services (services.py) together, from start to drain. Calls for images go to
images.py and image_worker.py, not to the engine. The web page (web/) makes the same calls.
"""
