#!/usr/bin/env python3
"""Stands for a service of BigBlueButton: reads its settings at the start, opens its ports, waits.

    daemon UNIT [--address A] [--tcp PORT...] [--udp PORT...] [--reads FILE...]

Whoever connects is held until either side ends, and hears nothing. The event socket of `freeswitch`
asks for the password of its settings, as fs_cli expects.

The lab's switch, /etc/bbb-standin/UNIT.daemon, holds `crash` (ends at once) or `mute` (no ports).
"""

import argparse
import re
import selectors
import socket
import sys
from pathlib import Path

SWITCHES = Path("/etc/bbb-standin")
EVENT_SOCKET = "/opt/freeswitch/etc/freeswitch/autoload_configs/event_socket.conf.xml"
EVENT_SOCKET_PORT = 8021


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("unit")
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--tcp", type=int, nargs="*", default=[])
    parser.add_argument("--udp", type=int, nargs="*", default=[])
    parser.add_argument("--reads", nargs="*", default=[])
    options = parser.parse_args(words)
    for file in options.reads:
        try:
            Path(file).read_bytes()
        except OSError as error:
            sys.exit(f"{options.unit}: {error}")
    switch = SWITCHES / f"{options.unit}.daemon"
    switched = switch.read_text().strip() if switch.exists() else ""
    if switched == "crash":
        sys.exit(f"{switch}: crash")
    silent = switched == "mute"
    serve(options.address, [] if silent else options.tcp, [] if silent else options.udp)


def serve(address: str, tcp: list[int], udp: list[int]) -> None:
    """Hold the ports for ever. A port of 0 gets a free one, which is printed."""
    waiting = selectors.DefaultSelector()
    for port in tcp:
        listener = socket.create_server((address, port), backlog=64)
        print(listener.getsockname()[1], flush=True)
        password = _password() if port == EVENT_SOCKET_PORT else None
        waiting.register(listener, selectors.EVENT_READ, password or "")
    for port in udp:
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.bind((address, port))
        waiting.register(datagrams, selectors.EVENT_READ, None)
    listening = len(tcp)
    while True:
        if not waiting.get_map():
            # Without a file to wait for, select(2) is not asked.
            selectors.DefaultSelector().select(3600)
            continue
        for key, _ in waiting.select():
            assert isinstance(key.fileobj, socket.socket)
            if key.data is None:
                key.fileobj.recv(2048)
            elif isinstance(key.data, str) and listening and _accepts(key.fileobj):
                connection, _ = key.fileobj.accept()
                if key.data:
                    connection.sendall(b"Content-Type: auth/request\n\n")
                waiting.register(connection, selectors.EVENT_READ, (key.data,))
            else:
                _answer(waiting, key.fileobj, key.data[0])


def _accepts(it: socket.socket) -> bool:
    return bool(it.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _answer(waiting: selectors.BaseSelector, connection: socket.socket, password: str) -> None:
    """Take what the other side says; answer where a password is wanted."""
    try:
        said = connection.recv(2048)
        if said and password:
            right = said.decode(errors="replace").strip() == f"auth {password}"
            text = "+OK accepted" if right else "-ERR invalid"
            connection.sendall(f"Content-Type: command/reply\nReply-Text: {text}\n\n".encode())
    except OSError:
        said = b""
    if not said:
        waiting.unregister(connection)
        connection.close()


def _password() -> str:
    found = re.search(r'name="password" value="([^"]*)"', Path(EVENT_SOCKET).read_text())
    return found[1] if found else "ClueCon"


if __name__ == "__main__":
    main(sys.argv[1:])
