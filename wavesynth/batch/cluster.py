"""The work on a Ray cluster, through Ray Data: tasks that read and cut, actors that hold the voices.

Recordings, voices and the output folder must be where they are for all its machines, on shared storage; the outputs
are written by the machine that runs the command.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

from .manifest import Entry, groups
from .work import BatchOptions, SegmentAudio, SegmentWorker, by_length, cut

__all__ = ["on_ray"]

#: Entries in a file of the list that Ray reads.
_IN_A_FILE = 16
#: The share of a core that a task takes which reads; two of them leave the rest for an actor.
_FOR_READING = 0.1
#: Bytes of audio that an actor gets at once: 30 seconds of it.
_BLOCK = 2 << 20


def on_ray(
    entries: Iterable[Entry],
    options: BatchOptions,
    workers: int | None,
    address: str,
    gpus: float,
    folder: Path,
) -> Generator[SegmentAudio]:
    """What becomes of the entries, on `workers` actors (a core each; all there are if None), each with `gpus` GPUs.

    `address` is a cluster's, or "local" for one on this machine. What is to be done is listed in `folder`, so that
    no list is ever in memory. Raises OSError when there is no such cluster.
    """
    import ray.data

    files = _list(entries, folder)
    if not files:
        return
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        quiet |= {"include_dashboard": False, "num_cpus": workers}
        os.environ.setdefault(
            "RAY_worker_niceness", "0"
        )  # it is 15, and this is what the machine is here for
    try:
        ray.init(address, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise OSError(f"no Ray cluster at {address}: {str(error).splitlines()[0]}") from error
    try:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.target_max_block_size = _BLOCK
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        cores = int(ray.cluster_resources().get("CPU", 1))
        work = (
            ray.data.read_text(files, num_cpus=_FOR_READING, override_num_blocks=len(files))
            .map_batches(
                _cut,  # type: ignore[arg-type, unused-ignore]
                fn_args=(options,),
                batch_size=None,
                batch_format="pyarrow",
                num_cpus=_FOR_READING,
            )
            .map_batches(
                _SegmentActor,
                fn_constructor_args=(options,),
                batch_size=None,
                batch_format="pyarrow",
                compute=ray.data.ActorPoolStrategy(size=workers or cores),
                num_cpus=1 - 2 * _FOR_READING,
                num_gpus=gpus or None,
            )
        )
        for row in work.iter_rows():
            yield pickle.loads(row["pickled"])
    finally:
        ray.shutdown()


def _list(entries: Iterable[Entry], folder: Path) -> list[str]:
    """Writes the entries to files in `folder`, and returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, group in enumerate(groups(entries, _IN_A_FILE)):
        path = folder / f"{number:06}.jsonl"
        path.write_text("".join(f"{entry.to_json()}\n" for entry in group), encoding="utf-8")
        files.append(str(path.absolute()))
    return files


def _cut(lines: Any, options: BatchOptions) -> Iterator[Any]:
    """A table of entries as tables of segments."""
    entries = (Entry(**json.loads(line)) for line in lines["text"].to_pylist())
    segments = by_length([segment for entry in entries for segment in cut(entry, options)])
    for group in groups(segments, options.max_batch):
        yield _table(group)


class _SegmentActor:
    """An actor: a table of segments in, a table of their audio out."""

    def __init__(self, options: BatchOptions) -> None:
        self._worker = SegmentWorker(options)

    def __call__(self, segments: Any) -> Any:
        return _table(self._worker(map(pickle.loads, segments["pickled"].to_pylist())))


def _table(things: list[Any]) -> Any:
    """Plain data as a table of one column, whose rows Ray moves between its machines."""
    import pyarrow

    schema = pyarrow.schema([("pickled", pyarrow.large_binary())])
    return pyarrow.Table.from_pylist([{"pickled": pickle.dumps(thing)} for thing in things], schema)
