"""go-sendxmpp sends a message through the server with a command line, verifying the server's certificate."""

import asyncio
import os

from server_under_test import Server, run_checks
from slixmpp_checks import Client


async def a_command_line_message_arrives():
    with Server("romeo", "juliet") as server:
        juliet = await Client(server, "juliet", "balcony").online()
        process = await asyncio.create_subprocess_exec(
            "go-sendxmpp", "-u", "romeo@localhost", "-p", server.password,
            "-j", f"localhost:{server.port}", "juliet@localhost",
            stdin=asyncio.subprocess.PIPE,
            env={**os.environ, "SSL_CERT_FILE": server.certificate})
        await process.communicate(b"sent from a shell\n")
        assert process.returncode == 0, process.returncode
        while True:
            message = await asyncio.wait_for(juliet.messages.get(), 20)
            if message["body"].strip() == "sent from a shell":
                break
        await juliet.leave()


if __name__ == "__main__":
    run_checks("go-sendxmpp", [a_command_line_message_arrives])
