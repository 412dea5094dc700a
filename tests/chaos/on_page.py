"""Attacks on the port of the page."""

import itertools
import threading
import time
from contextlib import suppress

from tests.chaos.pages import BINARY, CONTINUATION, PING, TEXT, HandMadePage, ws_frame
from tests.chaos.registry import attack

MEBIBYTE = 1 << 20


@attack
def large_first_messages_of_pages(target):
    with HandMadePage(target.page) as page:
        page.upgrade()
        page.send(ws_frame(TEXT, b'{"audio": "' + b"x" * 15 * MEBIBYTE))


@attack
def deep_json_of_pages(target):
    with HandMadePage(target.page, timeout=5) as page:
        page.upgrade()
        page.send(ws_frame(TEXT, b"[" * 65_000))
        page.received()


@attack
def empty_continuations(target):
    with HandMadePage(target.page) as page:
        page.upgrade()
        page.send(ws_frame(TEXT, b"{", final=False))
        some = ws_frame(CONTINUATION, final=False) * 10_000
        for _ in range(100):
            page.send(some)


@attack
def pongs_not_read(target):
    with HandMadePage(target.page) as page:
        page.upgrade()
        some = ws_frame(PING, bytes(125)) * 1000
        for _ in itertools.repeat(None):
            page.send(some)


@attack
def pages_far_ahead_that_never_read(target):
    pages = [HandMadePage(target.page) for _ in range(4)]
    first = f'{{"audio": {{}}, "token": "{target.token}"}}'.encode()
    for page in pages:
        page.upgrade()
        page.send(ws_frame(TEXT, first))

    def send(page):
        with suppress(OSError):
            for _ in itertools.repeat(None):
                page.send(ws_frame(BINARY, bytes(MEBIBYTE - 2)))

    threads = [threading.Thread(target=send, args=(page,), daemon=True) for page in pages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@attack
def http_requests_that_never_end(target):
    pages = [HandMadePage(target.page) for _ in range(600)]
    for page in pages:
        with suppress(OSError):
            page.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Name: ")
    for _ in range(100):
        for page in pages:
            with suppress(OSError):
                page.send(b"x")
        time.sleep(0.1)
