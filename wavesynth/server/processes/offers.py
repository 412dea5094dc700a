"""What the engine's process tells front ends after a reload, until all of them serve what there is now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, Protocol, TypeVar

from wavesynth.server.catalogue import Snapshot
from wavesynth.server.images import ServedImages
from wavesynth.server.reloading import Files
from wavesynth.server.served_voice import ServedVoice

__all__ = ["Offers", "images_of", "offer_of", "voices_of"]

#: Seconds in which a front end should have read its files.
_PATIENCE = 10.0


class Ended(Protocol):
    """A front end, as far as one waits for it."""

    gone: asyncio.Event


F = TypeVar("F", bound=Ended)


def offer_of(snapshot: Snapshot) -> dict[str, Any]:
    """What front ends need to know of it, as JSON."""
    return {
        "voices": [voice.plain() for voice in snapshot.served],
        "images": [
            asdict(model) | {"folder": str(model.folder.absolute())} for model in snapshot.images.values()
        ],
    }


def voices_of(offer: dict[str, Any]) -> list[ServedVoice]:
    """The voices of what `offer_of` has made."""
    return [ServedVoice.from_plain(plain) for plain in offer["voices"]]


def images_of(offer: dict[str, Any]) -> dict[str, ServedImages]:
    """The models of images of what `offer_of` has made."""
    return {plain["name"]: ServedImages.from_plain(plain) for plain in offer["images"]}


class Offers:
    """Rounds in which front ends are told, by `tell`, and answer."""

    def __init__(self, tell: Callable[..., None]) -> None:
        self._tell = tell
        self.number = 0
        """That of the newest round."""
        self._waiting: dict[tuple[int, Any], asyncio.Future[Files]] = {}

    async def round(self, front_ends: Iterable[F], offer: dict[str, Any]) -> Files:
        """Tells these front ends; what they have read, and what they could not. One that ends is not waited for."""
        self.number += 1
        answers = {one: asyncio.get_running_loop().create_future() for one in front_ends}
        for one, answer in answers.items():
            self._waiting[self.number, one] = answer
            self.tell(one, offer)
        try:
            ends = {asyncio.create_task(_answered_or_gone(*pair)) for pair in answers.items()}
            if ends:
                await asyncio.wait(ends, timeout=_PATIENCE)
        finally:
            for one in answers:
                del self._waiting[self.number, one]
            for end in ends:
                end.cancel()
        said = [answer.result() for answer in answers.values() if answer.done()]
        late = len(answers) - len(said) - sum(one.gone.is_set() for one, a in answers.items() if not a.done())
        problems = [f"{late} front ends have not answered for {_PATIENCE:g} seconds"] if late else []
        return Files(
            _once(file for files in said for file in files.files),
            _once([*(problem for files in said for problem in files.problems), *problems]),
        )

    def tell(self, front_end: F, offer: dict[str, Any]) -> None:
        """Tells one front end what the newest round is about."""
        self._tell(front_end, offer=offer, round=self.number)

    def answered(self, front_end: Any, number: int, files: Files) -> None:
        """A front end serves what it was told."""
        answer = self._waiting.get((number, front_end))
        if answer is not None and not answer.done():
            answer.set_result(files)


async def _answered_or_gone(front_end: Ended, answer: asyncio.Future[Files]) -> None:
    gone = asyncio.create_task(front_end.gone.wait())
    either: list[asyncio.Future[Any]] = [gone, answer]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()


def _once(texts: Iterable[str]) -> list[str]:
    """Each of them once, in order."""
    return list(dict.fromkeys(texts))
