"""A port for servers at several addresses."""

import socket

from tests.machines.ports import free_port

HOSTS = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]


def test_a_port_that_is_taken_at_one_of_the_addresses_is_not_given():
    with socket.socket() as taken:
        taken.bind((HOSTS[2], 0))
        port = taken.getsockname()[1]
        found = free_port(HOSTS, port)
    assert found != port
    for host in HOSTS:
        with socket.socket() as free:
            free.bind((host, found))
