"""A network between client and server, on this machine: late, narrow, stalled, or lost without a word."""

import asyncio
import socket
import threading

import pytest


@pytest.fixture(scope="session")
def network():
    """Networks: `network(port, delay, rate)` is one to be entered."""
    return Network


class Network:
    """A relay to a server's port on loopback; whoever calls `address` reaches that over a poor network.

    The server takes `source` for the caller's address.

    Each piece arrives `delay` seconds after it was sent, and at most `rate` bytes of each direction a second. While
    `stalled`, nothing arrives; what `lose` loses never does, on connections that there are then.
    """

    def __init__(self, port, delay=0.0, rate=None, source="127.0.0.1"):
        self._port, self._delay, self._rate, self._source = port, delay, rate, source
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._goes = asyncio.Event()
        self._goes.set()
        self._tasks, self._writers = set(), []
        self.connections = 0

    def __enter__(self):
        self._thread.start()
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)  # nor does a router hold megabytes
        self._server = self._on_loop(asyncio.start_server(self._connected, sock=listening))
        self.address = f"localhost:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_):
        self._on_loop(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def stall(self):
        """From now on nothing arrives."""
        self._loop.call_soon_threadsafe(self._goes.clear)

    def go_on(self):
        """What was sent meanwhile arrives."""
        self._loop.call_soon_threadsafe(self._goes.set)

    def lose(self):
        """Connections are lost, and neither side is told; new ones work."""

        async def lose():
            for task in self._tasks:
                task.cancel()

        self._on_loop(lose())

    def _on_loop(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _close(self):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        for writer in self._writers:
            writer.close()

    async def _connected(self, reader, writer):
        self.connections += 1
        there, back = await asyncio.open_connection("127.0.0.1", self._port, local_addr=(self._source, 0))
        self._writers += [writer, back]  # kept open, also when nothing is relayed any more
        for source, sink in ((reader, back), (there, writer)):
            pieces = asyncio.Queue(1024 if self._delay else 2)
            for work in (self._take(source, pieces), self._give(pieces, sink)):
                self._tasks.add(self._loop.create_task(work))

    async def _take(self, source, pieces):
        data: bytes | bool = True
        while data:
            try:
                data = await source.read(1 << 16)
            except ConnectionError:
                data = b""
            await pieces.put((self._loop.time() + self._delay, data))

    async def _give(self, pieces, sink):
        while True:
            due, data = await pieces.get()
            await asyncio.sleep(due - self._loop.time())
            await self._goes.wait()
            if not data:
                sink.close()
                return
            step = len(data) if self._rate is None else max(1, self._rate // 50)
            for i in range(0, len(data), step):
                part = data[i : i + step]
                sink.write(part)
                if self._rate is not None:
                    await asyncio.sleep(len(part) / self._rate)
            try:
                await sink.drain()
            except ConnectionError:
                return
