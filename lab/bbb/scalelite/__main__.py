"""python -m lab.bbb.scalelite: the stand-in as a process; see the package."""

import argparse
import ssl
from pathlib import Path
from threading import Event, Thread

from lab.bbb.scalelite.poller import Pace, Poller
from lab.bbb.scalelite.records import Records
from lab.bbb.scalelite.web import Scalelite


def main() -> None:
    options = _options()
    pace = Pace(second=options.second, interval=options.interval, unhealthy=options.unhealthy)
    records = Records(options.records)
    host, _, port = options.listen.rpartition(":")
    server = Scalelite((host, int(port)), options.secret.read_text().strip(), records, pace)
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    Thread(target=Poller(records, pace).run, args=[Event()], daemon=True).start()
    server.serve_forever()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.bbb.scalelite")
    parser.add_argument("--listen", default="127.0.0.1:3000", metavar="HOST:PORT")
    parser.add_argument("--secret", type=Path, required=True, help="file with LOADBALANCER_SECRET")
    parser.add_argument("--certificate", type=Path, help="PEM with chain and key: answer by HTTPS")
    parser.add_argument("--records", type=Path, help="file in which records outlive a restart")
    parser.add_argument("--second", type=float, default=1.0, help="how long a second lasts")
    parser.add_argument("--interval", type=float, default=60.0, help="POLL_INTERVAL")
    parser.add_argument("--unhealthy", type=int, default=2, help="SERVER_UNHEALTHY_THRESHOLD")
    return parser.parse_args()


if __name__ == "__main__":
    main()
