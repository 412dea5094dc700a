"""Front ends in processes of their own, beside the process of the engine: `wavesynth serve --workers N`.

The front ends speak gRPC on one port (SO_REUSEPORT: the system deals connections out to them). The engine's process
owns voices and engine. Between a front end and the engine's process there are

    memory.py, ring.py   shared memory: a slot for each stream, with a ring of bytes each way
    records.py           what stands in the rings: pieces of input, pieces of audio
    wire.py              a Unix socket: how much was written and read since the last message, a message a step and
                         direction; and, once a call, what is asked for and how it ended

and at its ends

    gateway.py           in the engine's process: opens the streams that front ends ask for, and moves their bytes
    remote.py            in a front end: an engine's streams, as if the engine were here
    remote_reload.py     in a front end: a reload, as if it were made here
    front_end.py         a front end's process, from its start to its end
    template.py          the process that front ends are forked from
    supervisor.py        the engine's process: starts, replaces and ends front ends
"""
