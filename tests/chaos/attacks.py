"""What a hostile client does to a server, until it is killed:
`python -m tests.chaos.attacks NAME PORT PAGE TOKEN SERVER VOICES`.

SERVER is the number of the server's process, and VOICES its folder: an operator does something beside live streams
too. A page's port is 0 where there is none. An attack that needs a token has a right one.
"""

import sys

from tests.chaos import on_grpc, on_page, operating  # noqa: F401  which register what they do
from tests.chaos.registry import ATTACKS, Target

__all__ = ["ATTACKS", "Target"]

if __name__ == "__main__":
    name, port, page, token, server, voices = sys.argv[1:]
    ATTACKS[name](Target(int(port), int(page), token, int(server), voices))
