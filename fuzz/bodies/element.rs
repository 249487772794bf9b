//! Any bytes are an element or are refused; an element's parts fit together, survive being taken out and edited, and
//! never grow beyond their bound.

use bytes::Bytes;
use xmpp::xml::{Edit, Element, Node};

/// Nodes of one input that are taken out and edited; more would make large inputs quadratic.
const NODES_MAX: usize = 16;

/// Panics when something does not hold for these bytes.
pub(super) fn check(data: &[u8]) {
    let Ok(element) = Element::parse(Bytes::copy_from_slice(data)) else { return };
    let root = element.root();
    assert_eq!(root.raw(), data, "the root is not the whole");
    let mut nodes = vec![root];
    let mut index = 0;
    while index < nodes.len() {
        let node = nodes[index];
        look(node);
        nodes.extend(node.children());
        index += 1;
    }
    for &node in nodes.iter().take(NODES_MAX) {
        take_out(node, data.len());
    }
    edit(&element, &nodes);
}

/// Everything that can be asked of a node, and that ranges lie inside of each other in order.
fn look(node: Node<'_>) {
    assert!(!node.name().is_empty(), "a tag without name");
    assert!(node.is(node.name(), node.ns()), "a node is not what it says");
    let (span, mut from) = (node.span(), node.span().start + 1);
    for child in node.children() {
        let inner = child.span();
        assert!(from <= inner.start && inner.end < span.end, "a child lies outside of its parent");
        from = inner.end;
    }
    assert!(node.inner().len() < span.len(), "the content is longer than the whole");
    assert!(node.text().len() <= span.len(), "text grew");
    for (name, value) in node.attrs() {
        assert!(value.len() <= span.len(), "a value grew");
        assert!(node.attr(name).is_some(), "an attribute cannot be found");
    }
    assert_eq!(node.lang(), node.attr("xml:lang"));
}

/// A node that is taken out means the same and is not longer than its bytes and the declarations around it.
fn take_out(node: Node<'_>, whole: usize) {
    let alone = node.standalone();
    assert!(alone.len() <= node.raw().len() + 6 * whole + 32, "{} bytes from {whole}", alone.len());
    let again = Element::parse(alone).expect("a node taken out is an element");
    let root = again.root();
    assert_eq!((root.name(), root.ns(), root.text()), (node.name(), node.ns(), node.text()));
    assert!(root.attrs().eq(node.attrs()), "attributes changed");
    assert!(
        root.children().map(|c| (c.name(), c.ns())).eq(node.children().map(|c| (c.name(), c.ns())))
    );
    let twice = root.standalone();
    assert_eq!(&twice, again.bytes(), "taken out twice");
}

fn edit(element: &Element, nodes: &[Node<'_>]) {
    const VALUE: &str = "<'&\">";
    const APPENDED: &[u8] = b"<appended xmlns='urn:x'/>";
    let root = element.root();
    let children = root.children().count();
    let first = root.children().next();
    let inner = nodes.get(nodes.len() / 2).filter(|_| nodes.len() > 2).copied();
    let mut edit = Edit::new(element).set_attr("from", VALUE).remove_attr("to").append(APPENDED);
    for node in [inner, first].into_iter().flatten() {
        edit = edit.remove(node);
    }
    let bytes = edit.finish();
    let bound = element.bytes().len() + APPENDED.len() + 6 * VALUE.len() + 16 + root.raw().len();
    assert!(bytes.len() <= bound, "an edit grew to {}", bytes.len());
    let edited = Element::parse(bytes).expect("an edited element is an element");
    let root = edited.root();
    assert_eq!(root.attr("from").as_deref(), Some(VALUE));
    assert_eq!(root.attr("to"), None);
    assert!(root.children().last().is_some_and(|c| c.is("appended", "urn:x")));
    let removed = usize::from(first.is_some())
        + usize::from(inner.is_some_and(|n| {
            Some(n.span()) != first.map(|f| f.span())
                && element.root().children().any(|c| c.span() == n.span())
        }));
    assert_eq!(root.children().count(), children + 1 - removed);
}
