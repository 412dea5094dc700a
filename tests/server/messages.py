"""What callers may send, if they may send anything: for tests that send all of it."""

from typing import Any

from hypothesis import strategies as st

from wavesynth.v1 import synthesis_pb2

__all__ = ["dialogues", "encoded", "messages"]

#: Values of fields that are often right, by their names, so that what comes behind the first check is reached too.
_LIKELY: dict[str, list[Any]] = {
    "voice": ["", "tiny", "tiny", "tiny", "of-two", "free"],
    "text": ["Hello there. ", "<speak>Hello.</speak>", "?!", ""],
    "markup": [0, 1, 2],
    "rate": [1.0, 4.0],
    "pitch": [1.0, 0.5],
    "speaker": ["", "", "", "", "", "speaker-1"],
    "encoding": [0, 0, 1, 2, 3, 4],
    "sample_format": [0, 1, 2],
    "model": ["", "binary", "classes"],
    "duration_seconds": [0.05, 1e-4],
    "temperature": [1.0],
    "first_sample": [0, 1, 50],
    "bands": [80],
    "values": [[0.5] * 80, [-1.0] * 400],
    "samples": [bytes(640)],
    "audio": [bytes(640), bytes(999)],
    "sample_rate": [0, 8000, 16000, 44100, 96000],
    "label": [0, 2],
    "count": [1, 3],
    "pixels": [bytes(30)],
    "known_pixels": [7, 30],
}
_WHOLE = {1: (-(2**63), 2**63 - 1), 4: (0, 2**64 - 1), 5: (-(2**31), 2**31 - 1), 13: (0, 2**32 - 1)}


def _any(field):
    """Any value of a field, by its type in protobuf."""
    if field.message_type is not None:
        return messages(field.message_type._concrete_class)
    if field.enum_type is not None:
        return st.integers(-1, 8) | st.integers(-(2**31), 2**31 - 1)
    match field.type:
        case field.TYPE_DOUBLE:
            return st.floats()
        case field.TYPE_FLOAT:
            return st.floats(width=32)
        case field.TYPE_BOOL:
            return st.booleans()
        case field.TYPE_STRING:
            return st.text(max_size=20)
        case field.TYPE_BYTES:
            return st.binary(max_size=100)
    return st.integers(*_WHOLE[field.type])


@st.composite
def messages(draw, kind):
    """A message of that class with any values in any of its fields."""
    message = kind()
    oneofs = [oneof for oneof in kind.DESCRIPTOR.oneofs if len(oneof.fields) > 1]
    chosen = {draw(st.sampled_from([field.name for field in oneof.fields])) for oneof in oneofs}
    for field in kind.DESCRIPTOR.fields:
        if field.containing_oneof in oneofs and field.name not in chosen:
            continue
        if draw(st.integers(0, 7)) == 7:  # and not 0, which hypothesis prefers
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            getattr(message, field.name).update(
                draw(st.dictionaries(st.text(max_size=9), st.text(max_size=9)))
            )
            continue
        if field.name in _LIKELY and field.message_type is None and draw(st.integers(0, 9)) < 9:
            value = draw(st.sampled_from(_LIKELY[field.name]))
        elif field.is_repeated:
            value = draw(st.lists(_any(field), max_size=5))
        else:
            value = draw(_any(field))
        if field.message_type is not None:
            getattr(message, field.name).CopyFrom(value)
        elif field.is_repeated:
            getattr(message, field.name).extend(value)
        else:
            setattr(message, field.name, value)
    return message


@st.composite
def encoded(draw, message):
    """The bytes of a message; or those bytes with others among them; or any bytes."""
    data = message.SerializeToString()
    match draw(st.integers(0, 19)):
        case 19:
            return draw(st.binary(max_size=50))
        case 17 | 18:
            at = draw(st.integers(0, len(data)))
            return data[:at] + draw(st.binary(max_size=4)) + data[at + draw(st.integers(0, 4)) :]
    return data


@st.composite
def dialogues(draw):
    """The messages of a call whose input comes piece by piece: mostly a configuration, and input of its kind."""
    request, config = synthesis_pb2.ResynthesizeRequest, synthesis_pb2.ResynthesizeConfig
    sent = [request(config=draw(messages(config)))] if draw(st.integers(0, 9)) < 9 else []
    kind = sent[0].config.WhichOneof("input") if sent and draw(st.integers(0, 3)) < 3 else None
    pieces = messages(request).filter(lambda piece: kind is None or piece.WhichOneof("message") == kind)
    return sent + draw(st.lists(pieces, min_size=draw(st.integers(0, 4)), max_size=5))
