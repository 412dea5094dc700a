"""Hostile HTTP, WebSocket and HTTP/2: one message each; how it was answered, and whether that is right."""

import asyncio
import json
import struct

from tests.chaos.mutations import mutated, mutated_json
from tests.chaos.pages import BINARY, CLOSE, CONTINUATION, PING, TEXT, UPGRADE, ws_frame

__all__ = ["http", "http2", "websocket"]

#: Seconds in which a connection must be answered or closed: longer than the server's own patience.
PATIENCE = 40
#: Seconds after which a server that waits for more is told that there is no more.
SOON = 0.2
_CONFIGURATIONS = [
    {"synthesis": {"voice": "tiny", "seed": 1, "temperature": 0.5}, "audio": {"sampleRate": 8000}},
    {"synthesis": {"voice": "free"}, "durationSeconds": 0.02},
    {"audio": {"sampleFormat": "SAMPLE_FORMAT_FLOAT32"}},
]
_REQUESTS = [
    f"GET {path} HTTP/1.1\r\nHost: localhost:{{port}}\r\nOrigin: http://localhost:{{port}}\r\n\r\n"
    for path in ("/", "/voices", "/static/page.js", "/static/../../etc/passwd", "/%2e%2e/x", "/nothing", "//")
] + ["POST /stream HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", UPGRADE]
_HTTP = {"101", "200", "400", "401", "403", "404", "405", "414", "426", "431"}
#: Close codes that say what was wrong, or that all was right.
_CLOSED = {1000, 1001, 1002, 1003, 1007, 1009}
_ERRORS = {"INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"}
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)


async def _talk(port, sent):
    """What comes back for bytes, until the server closes its side, which it is soon told to; None if it does not."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE):
            writer.write(sent)
            answer = asyncio.create_task(reader.read(-1))
            await asyncio.wait([answer], timeout=SOON)
            if not answer.done():
                writer.write_eof()
            return await answer
    except TimeoutError:
        return None
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def http(port, chance):
    """A request."""
    sent = mutated(chance.choice(_REQUESTS).format(path="/stream", port=port).encode(), chance)
    answer = await _talk(port, sent)
    if answer is None:
        return "no answer", False, sent
    if not answer:
        return "closed", True, sent
    status = answer.split(b" ", 2)[1].decode(errors="replace") if answer.startswith(b"HTTP/") else "none"
    return status, status in _HTTP, sent


async def http2(port, chance):
    """Frames of HTTP/2 that are none."""
    sent = _PREFACE
    for _ in range(chance.randint(1, 5)):
        payload = chance.randbytes(chance.randint(0, 40))
        length = chance.choice([len(payload), len(payload), 0, 1 << 20])
        head = struct.pack(">I", length)[1:] + bytes([chance.randrange(12), chance.randrange(256)])
        sent += head + struct.pack(">I", chance.choice([0, 1, 3, 2**31])) + payload
    answer = await _talk(port, mutated(sent, chance))
    return ("no answer", False, sent) if answer is None else ("closed", True, sent)


async def websocket(port, chance):
    """A call: its first message, and frames."""
    upgrade = UPGRADE.format(path=chance.choice(["/stream", "/pictures"]), port=port).encode()
    frames = [ws_frame(TEXT, mutated_json(chance.choice(_CONFIGURATIONS), chance))]
    for _ in range(chance.randint(0, 4)):
        payload = chance.choice([b"", b"end", bytes(320), chance.randbytes(3), b"\xff\xfe"])
        kind = chance.choice([BINARY, BINARY, TEXT, CONTINUATION, PING, CLOSE, chance.randrange(16)])
        frames.append(ws_frame(kind, payload, chance.random() < 0.9, chance.random() < 0.95))
    frames.append(ws_frame(TEXT, b"end"))
    data = b"".join(frames)
    sent = upgrade + (data if chance.random() < 0.7 else mutated(data, chance))
    answer = await _talk(port, sent)
    if answer is None:
        return "no answer", False, sent
    return (*_of_frames(answer.partition(b"\r\n\r\n")[2]), sent)


def _of_frames(data):
    """How a WebSocket ended, by the frames that came."""
    status, right = "closed", True
    while len(data) >= 2:
        kind, size = data[0] & 15, data[1] & 127
        at = {126: 4, 127: 10}.get(size, 2)
        size = int.from_bytes(data[2:at], "big") if at > 2 else size
        payload, data = data[at : at + size], data[at + size :]
        if kind == TEXT and payload.startswith(b'{"error"'):
            code = json.loads(payload)["error"]["code"]
            return code, code in _ERRORS
        if kind == TEXT and b"statistics" in payload:
            status = "OK"
        if kind == CLOSE and status != "OK":
            code = int.from_bytes(payload[:2], "big") or 1000
            status, right = f"close {code}", code in _CLOSED
    return status, right
