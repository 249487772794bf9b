"""slixmpp talks through the server: login by STARTTLS and direct TLS, roster, presence, chat, carbons, archive, blocking,
vCard, resumption after kill -9."""

import asyncio
import ssl

import slixmpp
from slixmpp.exceptions import IqError

from server_under_test import Server, run_checks

PATIENCE = 20


class Client(slixmpp.ClientXMPP):
    """A client that remembers what it receives."""

    def __init__(self, server, user, resource, direct_tls=False):
        super().__init__(f"{user}@{server.domain}/{resource}", server.password)
        self.place = server
        self.direct_tls = direct_tls
        self.messages = asyncio.Queue()
        self.presences = asyncio.Queue()
        self.carbons = asyncio.Queue()
        self.started = asyncio.Event()
        self.resumed = asyncio.Event()
        for plugin in ("xep_0030", "xep_0054", "xep_0059", "xep_0191", "xep_0198", "xep_0199", "xep_0280", "xep_0313"):
            self.register_plugin(plugin)
        self.ssl_context.check_hostname = False
        self.ssl_context.verify_mode = ssl.CERT_NONE
        self.add_event_handler("session_start", lambda _: self.started.set())
        self.add_event_handler("session_resumed", lambda _: self.resumed.set())
        self.add_event_handler("message", self.messages.put_nowait)
        self.add_event_handler("presence", self.presences.put_nowait)
        self.add_event_handler("carbon_received", self.carbons.put_nowait)
        self.add_event_handler("carbon_sent", self.carbons.put_nowait)

    def begin(self):
        if self.direct_tls:
            self.enable_direct_tls, self.enable_starttls = True, False
            self.connect(self.place.host, self.place.tls_port)
        else:
            self.enable_direct_tls, self.enable_starttls = False, True
            self.connect(self.place.host, self.place.port)

    async def online(self):
        self.begin()
        await asyncio.wait_for(self.started.wait(), PATIENCE)
        await self.get_roster()
        self.send_presence()
        return self

    async def message(self, body):
        """The next message with this body."""
        while True:
            message = await asyncio.wait_for(self.messages.get(), PATIENCE)
            if message["body"] == body:
                return message

    async def presence(self, wanted):
        while True:
            presence = await asyncio.wait_for(self.presences.get(), PATIENCE)
            if wanted(presence):
                return presence

    async def leave(self):
        await self.disconnect()


async def login_by_starttls_and_by_direct_tls():
    with Server("romeo") as server:
        for direct in (False, True):
            client = await Client(server, "romeo", "one", direct).online()
            assert str(client.boundjid) == "romeo@localhost/one", client.boundjid
            await client.plugin["xep_0199"].send_ping(client.boundjid.domain, timeout=PATIENCE)
            await client.leave()


async def a_wrong_password_is_refused():
    with Server("romeo") as server:
        client = Client(server, "romeo", "one")
        client.password = "wrong"
        refused = asyncio.Event()
        client.add_event_handler("failed_all_auth", lambda _: refused.set())
        client.begin()
        await asyncio.wait_for(refused.wait(), PATIENCE)
        client.abort()


async def roster_presence_and_chat():
    with Server("romeo", "juliet") as server:
        romeo = await Client(server, "romeo", "orchard").online()
        juliet = await Client(server, "juliet", "balcony").online()
        # slixmpp's roster accepts and answers subscriptions by itself.
        romeo.send_presence_subscription("juliet@localhost")
        await romeo.presence(lambda p: p["type"] == "available" and p["from"].bare == "juliet@localhost")
        await juliet.presence(lambda p: p["type"] == "available" and p["from"].bare == "romeo@localhost")
        await romeo.get_roster()
        assert romeo.client_roster["juliet@localhost"]["subscription"] == "both", romeo.client_roster
        romeo.send_message("juliet@localhost", "hello over there", mtype="chat")
        message = await juliet.message("hello over there")
        assert message["from"].full == "romeo@localhost/orchard"
        await juliet.leave()
        await romeo.presence(lambda p: p["type"] == "unavailable" and p["from"].bare == "juliet@localhost")
        await romeo.leave()


async def carbons_of_sent_and_received():
    with Server("romeo", "juliet") as server:
        orchard = await Client(server, "romeo", "orchard").online()
        phone = await Client(server, "romeo", "phone").online()
        juliet = await Client(server, "juliet", "balcony").online()
        await phone.plugin["xep_0280"].enable()
        orchard.send_message("juliet@localhost/balcony", "from the orchard", mtype="chat")
        await juliet.message("from the orchard")
        carbon = await asyncio.wait_for(phone.carbons.get(), PATIENCE)
        assert carbon["carbon_sent"]["body"] == "from the orchard", carbon
        juliet.send_message("romeo@localhost/orchard", "to the orchard", mtype="chat")
        carbon = await asyncio.wait_for(phone.carbons.get(), PATIENCE)
        assert carbon["carbon_received"]["body"] == "to the orchard", carbon
        for client in (orchard, phone, juliet):
            await client.leave()


async def the_archive_is_read_in_pages():
    with Server("romeo", "juliet") as server:
        romeo = await Client(server, "romeo", "orchard").online()
        juliet = await Client(server, "juliet", "balcony").online()
        for number in range(25):
            romeo.send_message("juliet@localhost", f"number {number}", mtype="chat")
        await juliet.message("number 24")
        bodies = []
        async for result in juliet.plugin["xep_0313"].iterate(with_jid=slixmpp.JID("romeo@localhost"), rsm={"max": 7}):
            bodies.append(result["mam_result"]["forwarded"]["stanza"]["body"])
        assert bodies == [f"number {n}" for n in range(25)], bodies
        await romeo.leave()
        await juliet.leave()


async def messages_wait_for_an_offline_account():
    with Server("romeo", "juliet") as server:
        romeo = await Client(server, "romeo", "orchard").online()
        romeo.send_message("juliet@localhost", "read this later", mtype="chat")
        await romeo.plugin["xep_0199"].send_ping("localhost", timeout=PATIENCE)
        server.terminate_and_restart()
        juliet = await Client(server, "juliet", "balcony").online()
        await juliet.message("read this later")
        await juliet.leave()
        romeo.abort()


async def blocking_and_vcard():
    with Server("romeo", "juliet") as server:
        romeo = await Client(server, "romeo", "orchard").online()
        juliet = await Client(server, "juliet", "balcony").online()
        card = romeo.plugin["xep_0054"].make_vcard()
        card["FN"] = "Romeo Montague"
        await romeo.plugin["xep_0054"].publish_vcard(card)
        seen = await juliet.plugin["xep_0054"].get_vcard("romeo@localhost")
        assert seen["vcard_temp"]["FN"] == "Romeo Montague", seen
        await romeo.plugin["xep_0191"].block("juliet@localhost")
        blocked = await romeo.plugin["xep_0191"].get_blocked_jids()
        assert {str(jid) for jid in blocked} == {"juliet@localhost"}, blocked
        info = await romeo.plugin["xep_0030"].get_info("localhost")
        assert "urn:xmpp:blocking" in info["disco_info"]["features"]
        try:
            await romeo.plugin["xep_0030"].get_info("localhost", node="nowhere")
        except IqError:
            pass
        await romeo.leave()
        await juliet.leave()


async def a_session_is_resumed_after_kill_9():
    with Server("romeo", "juliet") as server:
        romeo = await Client(server, "romeo", "orchard").online()
        juliet = await Client(server, "juliet", "balcony").online()
        await asyncio.wait_for(enabled(juliet), PATIENCE)
        lost = asyncio.Event()
        juliet.add_event_handler("disconnected", lambda _: lost.set())
        server.kill_and_restart()
        await asyncio.wait_for(lost.wait(), PATIENCE)
        juliet.begin()
        await asyncio.wait_for(juliet.resumed.wait(), PATIENCE)
        romeo.abort()
        nurse = await Client(server, "romeo", "again").online()
        nurse.send_message("juliet@localhost/balcony", "still there?", mtype="chat")
        await juliet.message("still there?")
        await nurse.leave()
        await juliet.leave()


async def enabled(client):
    while not client.plugin["xep_0198"].sm_id:
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    run_checks("slixmpp", [
        login_by_starttls_and_by_direct_tls,
        a_wrong_password_is_refused,
        roster_presence_and_chat,
        carbons_of_sent_and_received,
        the_archive_is_read_in_pages,
        messages_wait_for_an_offline_account,
        blocking_and_vcard,
        a_session_is_resumed_after_kill_9,
    ])
