"""profanity, a terminal client, logs in and exchanges messages. It is driven through a pseudo terminal, as a person would."""

import asyncio
import os
import pty
import re
import signal
import subprocess
import tempfile

from server_under_test import Server, run_checks
from slixmpp_checks import Client

PATIENCE = 30


class Terminal:
    """profanity in a pseudo terminal of its own, with a home of its own."""

    def __init__(self, home):
        self.master, slave = pty.openpty()
        import fcntl, struct, termios
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        environment = {**os.environ, "HOME": home, "XDG_CONFIG_HOME": home + "/config",
                       "XDG_DATA_HOME": home + "/data", "TERM": "xterm", "LANG": "C.UTF-8"}
        self.process = subprocess.Popen(
            ["profanity"], stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True)
        os.close(slave)
        os.set_blocking(self.master, False)
        self.screen = ""

    def type(self, line):
        os.write(self.master, line.encode() + b"\r")

    async def shows(self, pattern):
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not re.search(pattern, self.screen):
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"the screen does not show {pattern!r}:\n{self.screen[-2000:]}")
            try:
                text = os.read(self.master, 65536).decode(errors="replace")
                # Cursor movements separate words on a screen; spaces do in a text.
                self.screen += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]", " ", text)
            except BlockingIOError:
                await asyncio.sleep(0.02)

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.master)


async def a_person_at_a_terminal_chats():
    with Server("romeo", "juliet") as server, tempfile.TemporaryDirectory() as home:
        juliet = await Client(server, "juliet", "balcony").online()
        terminal = Terminal(home)
        try:
            await terminal.shows(r"Profanity")
            terminal.type(f"/connect romeo@localhost server 127.0.0.1 port {server.port} tls trust")
            await terminal.shows(r"(?i)password")
            terminal.type(server.password)
            await terminal.shows(r"logged in successfully")
            terminal.type("/msg juliet@localhost typed at a terminal")
            while True:
                message = await asyncio.wait_for(juliet.messages.get(), PATIENCE)
                if message["body"] == "typed at a terminal":
                    break
            juliet.send_message(message["from"], "read_at_a_terminal", mtype="chat")
            await terminal.shows(r"read_at_a_terminal")
        finally:
            terminal.close()
        await juliet.leave()


if __name__ == "__main__":
    run_checks("profanity", [a_person_at_a_terminal_chats])
