//! Every namespace name, under the title of its specification.

macro_rules! namespaces {
    ($($(#[$doc:meta])+ $name:ident = $value:literal;)+) => {
        $($(#[$doc])+ pub const $name: &str = $value;)+
    };
}

namespaces! {
    /// RFC 6120: content of client streams.
    CLIENT = "jabber:client";
    /// RFC 6120: content of server streams.
    SERVER = "jabber:server";
    /// RFC 6120: the stream itself.
    STREAM = "http://etherx.jabber.org/streams";
    /// RFC 6120 §4.9.3: stream error conditions.
    STREAM_ERROR = "urn:ietf:params:xml:ns:xmpp-streams";
    /// RFC 6120 §8.3.3: stanza error conditions.
    STANZA_ERROR = "urn:ietf:params:xml:ns:xmpp-stanzas";
    /// RFC 6120 §5: STARTTLS.
    TLS = "urn:ietf:params:xml:ns:xmpp-tls";
    /// RFC 6120 §6: SASL.
    SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
    /// RFC 6120 §7: resource binding.
    BIND = "urn:ietf:params:xml:ns:xmpp-bind";
    /// RFC 3921 §3: session establishment, kept as an optional no-op for old clients.
    SESSION = "urn:ietf:params:xml:ns:xmpp-session";
    /// RFC 6121 §2: roster.
    ROSTER = "jabber:iq:roster";
    /// RFC 6121 §2.6: roster versioning.
    ROSTER_VER = "urn:xmpp:features:rosterver";
    /// RFC 6121 §3.4: subscription pre-approval.
    PRE_APPROVAL = "urn:xmpp:features:pre-approval";
    /// XEP-0012: Last Activity.
    LAST = "jabber:iq:last";
    /// XEP-0030: Service Discovery, information.
    DISCO_INFO = "http://jabber.org/protocol/disco#info";
    /// XEP-0030: Service Discovery, items.
    DISCO_ITEMS = "http://jabber.org/protocol/disco#items";
    /// XEP-0004: Data Forms.
    DATA = "jabber:x:data";
    /// XEP-0045: Multi-User Chat, the element users send.
    MUC_USER = "http://jabber.org/protocol/muc#user";
    /// XEP-0049: Private XML Storage.
    PRIVATE = "jabber:iq:private";
    /// XEP-0054: vcard-temp.
    VCARD = "vcard-temp";
    /// XEP-0059: Result Set Management.
    RSM = "http://jabber.org/protocol/rsm";
    /// XEP-0077: In-Band Registration.
    REGISTER = "jabber:iq:register";
    /// XEP-0077: In-Band Registration, the stream feature.
    REGISTER_FEATURE = "http://jabber.org/features/iq-register";
    /// XEP-0085: Chat State Notifications.
    CHAT_STATES = "http://jabber.org/protocol/chatstates";
    /// XEP-0092: Software Version.
    VERSION = "jabber:iq:version";
    /// XEP-0115: Entity Capabilities.
    CAPS = "http://jabber.org/protocol/caps";
    /// XEP-0157: Contact Addresses.
    SERVER_INFO = "http://jabber.org/network/serverinfo";
    /// XEP-0160: Best Practices for Handling Offline Messages, as a feature.
    MSG_OFFLINE = "msgoffline";
    /// XEP-0184: Message Delivery Receipts.
    RECEIPTS = "urn:xmpp:receipts";
    /// XEP-0191: Blocking Command.
    BLOCKING = "urn:xmpp:blocking";
    /// XEP-0191: the error condition of blocked stanzas.
    BLOCKING_ERRORS = "urn:xmpp:blocking:errors";
    /// XEP-0198: Stream Management.
    SM = "urn:xmpp:sm:3";
    /// XEP-0199: XMPP Ping.
    PING = "urn:xmpp:ping";
    /// XEP-0202: Entity Time.
    TIME = "urn:xmpp:time";
    /// XEP-0203: Delayed Delivery.
    DELAY = "urn:xmpp:delay";
    /// XEP-0280: Message Carbons.
    CARBONS = "urn:xmpp:carbons:2";
    /// XEP-0297: Stanza Forwarding.
    FORWARD = "urn:xmpp:forward:0";
    /// XEP-0313: Message Archive Management.
    MAM = "urn:xmpp:mam:2";
    /// XEP-0313: the extended parts.
    MAM_EXTENDED = "urn:xmpp:mam:2#extended";
    /// XEP-0333: Displayed Markers.
    MARKERS = "urn:xmpp:chat-markers:0";
    /// XEP-0334: Message Processing Hints.
    HINTS = "urn:xmpp:hints";
    /// XEP-0352: Client State Indication.
    CSI = "urn:xmpp:csi:0";
    /// XEP-0359: Unique and Stable Stanza IDs.
    STANZA_ID = "urn:xmpp:sid:0";
    /// XEP-0421: Occupant identifiers.
    OCCUPANT_ID = "urn:xmpp:occupant-id:0";
    /// XEP-0440: SASL Channel-Binding Type Capability.
    SASL_CB = "urn:xmpp:sasl-cb:0";
    /// XEP-0478: Stream Limits Advertisement.
    STREAM_LIMITS = "urn:xmpp:stream-limits:0";
}
