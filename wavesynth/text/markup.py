"""SSML, a part of it, in pieces: W3C's Speech Synthesis Markup Language 1.1 to the elements that the segmenter takes.

Expat parses, so that what is well-formed is what XML says. No document type is accepted, and so no entity can expand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from xml.parsers import expat

from wavesynth.checks import brief
from wavesynth.text.elements import Atom, Bookmark, Boundary, Break, Element, Style, Text
from wavesynth.text.inventory import parse_phonemes
from wavesynth.text.prosody import pause_seconds, pitch_factor, rate_factor
from wavesynth.text.say_as import KINDS

__all__ = ["TAGS", "MarkupReader"]

#: The elements that are known, and their attributes.
TAGS: dict[str, tuple[str, ...]] = {
    "speak": ("version", "xml:lang", "xmlns", "xmlns:xsi", "xsi:schemaLocation"),
    "p": ("xml:lang",),
    "s": ("xml:lang",),
    "break": ("time", "strength"),
    "prosody": ("rate", "pitch"),
    "say-as": ("interpret-as", "format", "detail"),
    "sub": ("alias",),
    "phoneme": ("alphabet", "ph"),
    "mark": ("name",),
}
_EMPTY = ("break", "mark")
_ATOMS = ("say-as", "sub", "phoneme")
_MAX_DEPTH = 32
#: Characters of a `sub`, `say-as` or `phoneme`, and of what an attribute says instead.
_MAX_ATOM = 200
#: Bytes of a tag or a comment.
_MAX_TAG = 65536


class MarkupReader:
    """Takes SSML in pieces, and gives its elements as they come.

    Raises ValueError, which says what and where (line and column), for what is not well-formed, for other elements and
    attributes than TAGS, and for their values.
    """

    def __init__(self) -> None:
        self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = False  # so that each event says where its text begins
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.CommentHandler = self._parser.ProcessingInstructionHandler = self._passed
        self._parser.StartDoctypeDeclHandler = self._doctype
        if hasattr(self._parser, "SetReparseDeferralEnabled"):
            self._parser.SetReparseDeferralEnabled(False)  # text comes when it comes, however it was cut
        self._pending, self._byte, self._char = (
            b"",
            0,
            0,
        )  # what no event has reached yet, and where it begins
        self._tags: list[str] = []
        self._styles = [Style()]
        self._atom: tuple[str, dict[str, str]] | None = None
        self._atom_text, self._atom_begin = "", -1
        self._found: list[Element] = []

    def push(self, text: str) -> list[Element]:
        """The elements that are complete now."""
        data = text.encode("utf-8", "surrogatepass")
        self._pending += data
        return self._parse(data, False)

    def finish(self) -> list[Element]:
        """The rest, which must close what is open."""
        return self._parse(b"", True)

    def _parse(self, data: bytes, last: bool) -> list[Element]:
        try:
            self._parser.Parse(data, last)
        except expat.ExpatError as error:
            what = expat.ErrorString(error.code) if error.code else str(error)
            raise ValueError(
                f"text is no well-formed SSML at line {error.lineno}, column {error.offset + 1}: {what}"
            ) from None
        if len(self._pending) > _MAX_TAG:
            self._refuse(f"a tag or a comment is longer than {_MAX_TAG} bytes")
        found, self._found = self._found, []
        return found

    def _place(self) -> int:
        """The character at which the event at hand begins."""
        passed = self._parser.CurrentByteIndex - self._byte
        self._char += len(self._pending[:passed].decode("utf-8", "replace"))
        self._pending, self._byte = self._pending[passed:], self._byte + passed
        return self._char

    def _passed(self, *_: object) -> None:
        """A comment or an instruction to a program, which says nothing."""
        self._place()

    def _refuse(self, what: str) -> None:
        line, column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
        raise ValueError(f"SSML at line {line}, column {column}: {what}")

    def _doctype(self, *_: object) -> None:
        self._refuse("a document type is not accepted")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._place()
        inside = self._tags[-1] if self._tags else ""
        if name not in TAGS:
            self._refuse(f"<{name}> is not known; the elements are {', '.join(TAGS)}")
        if (name == "speak") != (not inside):
            self._refuse("the outermost element must be <speak>, and no other can be")
        if inside in _EMPTY + _ATOMS:
            self._refuse(
                f"<{inside}> must hold {'nothing' if inside in _EMPTY else 'text alone'}, not <{name}>"
            )
        if len(self._tags) >= _MAX_DEPTH:
            self._refuse(f"elements stand in each other more than {_MAX_DEPTH} deep")
        for attribute in attributes:
            if attribute not in TAGS[name]:
                self._refuse(f"<{name}> has {attribute}; its attributes are {', '.join(TAGS[name])}")
        language = attributes.get("xml:lang", "en-US")
        if language.lower() not in ("en", "en-us"):
            self._refuse(f"xml:lang is {brief(language)}; it must be 'en-US'")
        self._tags.append(name)
        try:
            self._open(name, attributes)
        except ValueError as error:
            self._refuse(f"<{name}>: {error}")

    def _open(self, name: str, attributes: Mapping[str, str]) -> None:
        if name in ("p", "s"):
            self._found.append(Boundary())
        elif name == "break":
            self._found.append(Break(pause_seconds(attributes.get("time"), attributes.get("strength"))))
        elif name == "mark":
            self._found.append(Bookmark(_needed(attributes, "name")))
        elif name == "prosody":
            style = self._styles[-1]
            rate = rate_factor(attributes.get("rate"), style.rate)
            self._styles.append(Style(rate, pitch_factor(attributes.get("pitch"), style.pitch)))
        elif name in _ATOMS:
            self._atom = _CHECKS[name](attributes)
            self._atom_text, self._atom_begin = "", -1

    def _end(self, name: str) -> None:
        place = self._place()
        self._tags.pop()
        if name in ("p", "s", "speak"):
            self._found.append(Boundary())
        elif name == "prosody":
            self._styles.pop()
        elif self._atom is not None and name in _ATOMS:
            (how, said), self._atom = self._atom, None
            begin = place if self._atom_begin < 0 else self._atom_begin
            text = self._atom_text
            if not text.strip() and how not in ("phoneme", "sub"):
                self._refuse(f"<{name}> holds nothing that it could say")
            style = self._styles[-1]
            end = begin + len(text)
            self._found.append(Atom(text, begin, end, how, said.get("said", ""), style))

    def _characters(self, text: str) -> None:
        place = self._place()
        if self._tags and self._tags[-1] in _EMPTY and text.strip():
            self._refuse(f"<{self._tags[-1]}> must hold nothing, not {brief(text)}")
        if self._atom is None:
            self._found.append(Text(text, place, self._styles[-1]))
            return
        self._atom_begin = place if self._atom_begin < 0 else self._atom_begin
        self._atom_text += text
        if len(self._atom_text) > _MAX_ATOM:
            self._refuse(f"<{self._tags[-1]}> holds more than {_MAX_ATOM} characters")


def _needed(attributes: Mapping[str, str], name: str) -> str:
    if not attributes.get(name, "").strip():
        raise ValueError(f"the attribute {name} is missing")
    if len(attributes[name]) > _MAX_ATOM:
        raise ValueError(f"{name} has {len(attributes[name])} characters; it must have at most {_MAX_ATOM}")
    return attributes[name]


def _check_say_as(attributes: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    kind, form = _needed(attributes, "interpret-as"), attributes.get("format", "")
    if kind not in KINDS:
        raise ValueError(f"interpret-as is {brief(kind)}; it must be one of {', '.join(KINDS)}")
    if kind == "date" and form not in ("", "mdy", "dmy", "ymd"):
        raise ValueError(f"format is {brief(form)}; of a date it must be 'mdy', 'dmy' or 'ymd'")
    return kind, {"said": form if kind == "date" else ""}


def _check_phoneme(attributes: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    alphabet = attributes.get("alphabet", "ipa")
    if alphabet != "ipa":
        raise ValueError(f"alphabet is {brief(alphabet)}; it must be 'ipa'")
    said = _needed(attributes, "ph")
    parse_phonemes(said, "ph")
    return "phoneme", {"said": said}


def _check_sub(attributes: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    return "sub", {"said": _needed(attributes, "alias")}


_CHECKS: dict[str, Callable[[Mapping[str, str]], tuple[str, dict[str, str]]]] = {
    "say-as": _check_say_as,
    "phoneme": _check_phoneme,
    "sub": _check_sub,
}
