"""aioxmpp talks through the server: login, roster, presence, chat, carbons, archive queries by hand, resumption after kill -9
by the library's own reconnection."""

import asyncio

import aioxmpp
import aioxmpp.carbons
import aioxmpp.dispatcher

from server_under_test import Server, run_checks

PATIENCE = 20



def client(server, user, resource):
    jid = aioxmpp.JID(user, server.domain, resource)
    security = aioxmpp.make_security_layer(server.password, no_verify=True)
    connector = aioxmpp.connector.STARTTLSConnector()
    return aioxmpp.PresenceManagedClient(
        jid, security, override_peer=[(server.host, server.port, connector)])


def collect(node):
    """A queue of the chat messages that this client receives."""
    queue = asyncio.Queue()
    dispatcher = node.summon(aioxmpp.dispatcher.SimpleMessageDispatcher)
    dispatcher.register_callback(aioxmpp.MessageType.CHAT, None, queue.put_nowait)
    return queue


async def body(queue, wanted):
    while True:
        message = await asyncio.wait_for(queue.get(), PATIENCE)
        if message.body.any() == wanted:
            return message


def chat(to, text):
    message = aioxmpp.Message(to=aioxmpp.JID.fromstr(to), type_=aioxmpp.MessageType.CHAT)
    message.body[None] = text
    return message


async def login_and_chat():
    with Server("romeo", "juliet") as server:
        romeo, juliet = client(server, "romeo", "orchard"), client(server, "juliet", "balcony")
        heard = collect(juliet)
        async with romeo.connected(), juliet.connected():
            await romeo.send(chat("juliet@localhost", "hello over there"))
            message = await body(heard, "hello over there")
            assert str(message.from_) == "romeo@localhost/orchard", message


async def roster_and_subscription():
    with Server("romeo", "juliet") as server:
        romeo, juliet = client(server, "romeo", "orchard"), client(server, "juliet", "balcony")
        romeo_roster = romeo.summon(aioxmpp.RosterClient)
        juliet_roster = juliet.summon(aioxmpp.RosterClient)
        granted = asyncio.Event()
        juliet_roster.on_subscribe.connect(lambda stanza: juliet_roster.approve(stanza.from_))
        romeo_roster.on_subscribed.connect(lambda stanza: granted.set())
        async with romeo.connected(), juliet.connected():
            await romeo_roster.set_entry(
                aioxmpp.JID.fromstr("juliet@localhost"), name="Juliet", add_to_groups={"Capulet"})
            romeo_roster.subscribe(aioxmpp.JID.fromstr("juliet@localhost"))
            await asyncio.wait_for(granted.wait(), PATIENCE)
            entry = romeo_roster.items[aioxmpp.JID.fromstr("juliet@localhost")]
            assert entry.name == "Juliet" and entry.groups == {"Capulet"}, entry


async def carbons():
    with Server("romeo", "juliet") as server:
        orchard, phone = client(server, "romeo", "orchard"), client(server, "romeo", "phone")
        juliet = client(server, "juliet", "balcony")
        copies = asyncio.Queue()
        service = phone.summon(aioxmpp.CarbonsClient)

        def note(stanza):
            if stanza.xep0280_sent is not None:
                copies.put_nowait(stanza.xep0280_sent.stanza.body.any())

        dispatcher = phone.summon(aioxmpp.dispatcher.SimpleMessageDispatcher)
        dispatcher.register_callback(aioxmpp.MessageType.CHAT, None, note)
        heard = collect(juliet)
        async with orchard.connected(), phone.connected(), juliet.connected():
            await service.enable()
            await orchard.send(chat("juliet@localhost/balcony", "from the orchard"))
            await body(heard, "from the orchard")
            assert await asyncio.wait_for(copies.get(), PATIENCE) == "from the orchard"


async def disco_and_ping():
    with Server("romeo") as server:
        romeo = client(server, "romeo", "orchard")
        disco = romeo.summon(aioxmpp.DiscoClient)
        async with romeo.connected():
            info = await disco.query_info(aioxmpp.JID.fromstr("localhost"))
            assert "urn:xmpp:carbons:2" in info.features, info.features
            assert any(i.category == "server" and i.type_ == "im" for i in info.identities)
            await aioxmpp.ping.ping(romeo, aioxmpp.JID.fromstr("localhost"))


async def the_library_resumes_by_itself_after_kill_9():
    with Server("romeo", "juliet") as server:
        romeo, juliet = client(server, "romeo", "orchard"), client(server, "juliet", "balcony")
        heard = collect(juliet)
        destroyed, resumed = asyncio.Event(), asyncio.Event()
        juliet.on_stream_destroyed.connect(lambda *_: destroyed.set())
        juliet.on_stream_resumed.connect(resumed.set)
        async with romeo.connected(), juliet.connected():
            await romeo.send(chat("juliet@localhost", "before"))
            await body(heard, "before")
            server.kill_and_restart()
            # What is sent while the server is away is sent again when the session goes on.
            token = romeo.enqueue(chat("juliet@localhost/balcony", "after"))
            await asyncio.wait_for(resumed.wait(), 3 * PATIENCE)
            await body(heard, "after")
            await asyncio.wait_for(token, PATIENCE)
            assert not destroyed.is_set(), "the session was not resumed"


if __name__ == "__main__":
    run_checks("aioxmpp", [
        login_and_chat,
        roster_and_subscription,
        carbons,
        disco_and_ping,
        the_library_resumes_by_itself_after_kill_9,
    ])
