"""A server that follows an alias and answers requests to itself; its metrics are Prometheus's to scrape."""

import sys
import time

from prometheus_client import Histogram, start_http_server

import modelver as mv

REQUESTS = Histogram(
    "http_server_request_duration_seconds", "Duration of requests.", ["http_response_status_code"]
)


def main(url: str, ref: str) -> None:
    """Serve until the input ends."""
    with mv.Registry(url).follow(
        ref, lambda files: (files / "model.bin").read_text(), interval=0.1
    ) as follower:
        server, thread = start_http_server(0, "127.0.0.1")
        with mv.FollowerCollector(follower):
            print(server.server_port, flush=True)  # noqa: T201 (for the test)
            answer(follower)
        server.shutdown()
        thread.join()
        server.server_close()


def answer(follower: mv.Follower[str]) -> None:
    """Answer requests until the parent says that it is enough; each tenth fails."""
    import threading

    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    number = 0
    while not ended.is_set():
        number += 1
        with REQUESTS.labels("500" if number % 10 == 0 else "200").time(), follower.use():
            time.sleep(0.005)


if __name__ == "__main__":
    main(*sys.argv[1:])
