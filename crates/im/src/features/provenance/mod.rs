//! What only a server may say: removed from what clients send (attack row 21).

use xmpp::xml::Node;

/// Children of a client's stanza that are forged by definition.
pub(crate) fn forged(_root: Node<'_>) -> Vec<Node<'_>> {
    Vec::new()
}
