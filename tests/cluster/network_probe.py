"""Runs in a pod: tries every server again and again and prints what answered, a JSON line a round.

Servers stand in the environment variable SERVERS as JSON, name to [host, port]. Standard library only.
"""

import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor

ROUNDS = 200
SERVERS: dict[str, tuple[str, int]] = json.loads(os.environ["SERVERS"])


def answers(server: tuple[str, int]) -> bool:
    """Return whether a TCP connection comes about within two seconds."""
    try:
        socket.create_connection(server, timeout=2).close()
    except OSError:
        return False
    return True


with ThreadPoolExecutor(len(SERVERS)) as pool:
    for _ in range(ROUNDS):
        found = dict(zip(SERVERS, pool.map(answers, SERVERS.values()), strict=True))
        print(json.dumps(sorted(name for name, reached in found.items() if reached)), flush=True)
