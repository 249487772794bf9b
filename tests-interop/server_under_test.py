"""The server that an interoperability script talks to: started by testkit, killed and started again on demand.

Every script is run by `cargo xtask interop`, which says in TESTKIT_BIN and STEADFAST_BIN what to start. INTEROP_SERVER
(steadfast, prosody, ejabberd) picks another server, to see whether a script tells the truth.
"""

import asyncio
import os
import subprocess
import sys
import traceback


class Server:
    """One server process with its accounts. A context manager: it is gone at the end."""

    def __init__(self, *users):
        self.kind = os.environ.get("INTEROP_SERVER", "steadfast")
        self.process = subprocess.Popen(
            [os.environ["TESTKIT_BIN"], "serve", "--server", self.kind, *users],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        words = self._line().split(maxsplit=1)
        if not words or words[0] != "ready":
            raise RuntimeError(f"testkit did not start a server: {words}")
        facts = dict(pair.split("=", 1) for pair in words[1].split("\t"))
        self.host, port = facts["plain"].rsplit(":", 1)
        self.port = int(port)
        self.tls_port = int(facts["tls"].rsplit(":", 1)[1])
        self.password = facts["password"]
        self.certificate = os.path.join(facts["dir"], "cert.pem")
        self.domain = "localhost"

    def _line(self):
        return self.process.stdout.readline().strip()

    def _order(self, order):
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        answer = self._line()
        if answer != "done":
            raise RuntimeError(f"{order}: {answer}")

    def kill_and_restart(self):
        """kill -9, then a new process on the same data."""
        self._order("kill")
        self._order("start")

    def terminate_and_restart(self):
        """SIGTERM, then a new process on the same data."""
        self._order("terminate")
        self._order("start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=60)


def run_checks(library, checks, seconds=120):
    """Runs coroutine functions of (server) one after the other; exits with 1 when one failed."""
    failed = 0
    for check in checks:
        name = check.__name__.replace("_", " ")
        try:
            asyncio.run(asyncio.wait_for(check(), seconds))
            print(f"  ok      {library}: {name}", flush=True)
        except BaseException:
            failed += 1
            print(f"  FAILED  {library}: {name}", flush=True)
            traceback.print_exc()
    print(f"{library}: {len(checks) - failed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed else 0)
