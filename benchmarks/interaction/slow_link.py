"""A line that is slow: 100 ms both ways together, 20 Mbit/s."""

from __future__ import annotations

import asyncio
import threading


class SlowLink:
    """A TCP proxy to a port of this machine that delays and throttles, each way; Chromium's own spares WebSockets."""

    def __init__(self, to: int, delay: float = 0.05, rate: float = 20e6 / 8) -> None:
        self._to, self._delay, self._rate = to, delay, rate  # seconds and bytes per second, one way
        self._free = {"up": 0.0, "down": 0.0}  # when the line has sent what it has to send
        self._loop = asyncio.new_event_loop()  # in a thread of its own: Playwright has this one's
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        starting = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._connect, "127.0.0.1"), self._loop)
        self._server = starting.result()
        self.port: int = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _end(self) -> None:
        self._server.close()
        connections = asyncio.all_tasks(self._loop) - {asyncio.current_task()}
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        await asyncio.gather(self._pump("up", reader, back), self._pump("down", there, writer), return_exceptions=True)

    async def _pump(self, way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        arriving = asyncio.create_task(self._arrive(under_way, writer))
        data = b"."
        while data:  # the last is empty: closed
            data = await reader.read(1 << 14)
            self._free[way] = max(self._free[way], self._loop.time()) + len(data) / self._rate
            under_way.put_nowait((self._free[way] + self._delay, data))
        await arriving

    async def _arrive(self, under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        while True:
            due, data = await under_way.get()
            await asyncio.sleep(due - self._loop.time())
            if not data:
                return writer.close()
            writer.write(data)
            await writer.drain()
