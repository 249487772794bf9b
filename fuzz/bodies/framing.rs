//! Any bytes in any slices: the frames do not depend on the slices, each is an element that frames to itself, and none is
//! longer than its limit allows.

use super::element;
use xmpp::xml::{Element, Frame, Framer, Limits};

/// What a slicing is asked to leave unchanged.
type Outcome = (Vec<Frame>, Option<String>);

const HEADER: &[u8] =
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
/// What a frame may be longer than its limit: the stream's declarations.
const DECLARATIONS_MAX: usize = 1024;

/// Panics when something does not hold. The first byte chooses: bit 0 whether a header is put in front, bit 1 the limits,
/// the others the size of slices.
pub(super) fn check(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else { return };
    let input = if choice & 1 == 0 { [HEADER, rest].concat() } else { rest.to_vec() };
    let limits = if choice & 2 == 0 { Limits::AFTER_LOGIN } else { Limits::BEFORE_LOGIN };
    let whole = frames(limits, &input, usize::MAX);
    let sliced = frames(limits, &input, usize::from(choice >> 2) + 1);
    assert_eq!(whole, sliced, "slices change the outcome");
    for frame in &whole.0 {
        let Frame::Element(bytes) = frame else { continue };
        assert!(
            bytes.len() <= limits.element_bytes_max + DECLARATIONS_MAX,
            "a frame of {} bytes",
            bytes.len()
        );
        assert!(!bytes.windows(9).any(|w| w == b"<![CDATA["), "a CDATA section was handed out");
        let parsed = Element::parse(bytes.clone()).expect("a frame is an element");
        element::check(parsed.bytes());
        let mut wide = Limits::AFTER_LOGIN;
        (wide.element_bytes_max, wide.namespaces_max) = (bytes.len().max(HEADER.len()), 128);
        let again = frames(wide, &[HEADER, bytes].concat(), usize::MAX);
        assert_eq!(again.1, None, "a frame is refused");
        assert_eq!(again.0.get(1), Some(frame), "a frame changes when it is framed");
    }
}

fn frames(limits: Limits, input: &[u8], slice: usize) -> Outcome {
    let mut framer = Framer::new(limits);
    let mut frames = Vec::new();
    for bytes in input.chunks(slice) {
        framer.push(bytes);
        loop {
            match framer.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error.to_string())),
            }
        }
    }
    (frames, None)
}
