"""A process that asks a service so many times a second, whether it answers or not, until its standard input ends.

Latency is counted from the moment at which a request was due, so that a service that stalls is charged for all the requests
that waited. Prints one JSON object: for each request when it was due, seconds to the answer, header and body; or its error.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import aiohttp

Answer = tuple[float, float, str, float | None]
"""When it was due (monotonic), seconds to the answer, the version's header, the probability; None for an error."""


async def ask(client: aiohttp.ClientSession, url: str, chunk: bytes, due: float, header: str) -> Answer:
    """Ask once."""
    try:
        async with client.post(url, data=chunk) as reply:
            body = await reply.read()
            done = time.monotonic() - due
            if reply.status != 200:
                return due, done, f"status {reply.status}: {body[:200]!r}", None
            return due, done, reply.headers[header], json.loads(body)["probability"]
    except Exception as error:  # noqa: BLE001 (whatever it is, it is a failed request)
        return due, time.monotonic() - due, f"{type(error).__name__}: {error}", None


async def load(url: str, chunk: bytes, rate: float, header: str) -> list[Answer]:
    """Ask at a constant rate until standard input ends."""
    ended = asyncio.Event()
    asyncio.get_running_loop().run_in_executor(None, _wait, asyncio.get_running_loop(), ended)
    asking: list[asyncio.Task[Answer]] = []
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as client:
        start = time.monotonic()
        while not ended.is_set():
            due = start + len(asking) / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            asking.append(asyncio.create_task(ask(client, url, chunk, due, header)))
        return list(await asyncio.gather(*asking))


def _wait(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    sys.stdin.read()
    loop.call_soon_threadsafe(ended.set)


def main() -> None:
    """Load what the arguments say: URL, file of the request's body, requests a second, header of the version."""
    url, body, rate, header = sys.argv[1:]
    print(json.dumps(asyncio.run(load(url, Path(body).read_bytes(), float(rate), header))))  # noqa: T201 (the result)


if __name__ == "__main__":
    main()
