//! The layout of rtnetlink messages (rtnetlink(7)): attributes written and read. Whatever the kernel sends, reading never goes beyond it.

/// Bytes of an attribute's head: length and kind.
const HEAD: usize = 4;

/// Next multiple of four.
pub(crate) const fn aligned(length: usize) -> usize {
    (length + 3) & !3
}

/// Two bytes at an offset, in the host's order.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

/// Four bytes at an offset, in the host's order.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

/// Appends an attribute.
pub(crate) fn put(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(HEAD + value.len()).unwrap_or(u16::MAX);
    body.extend_from_slice(&length.to_ne_bytes());
    body.extend_from_slice(&kind.to_ne_bytes());
    body.extend_from_slice(value);
    body.resize(aligned(body.len()), 0);
}

/// The attributes behind a message's fixed part, by kind.
pub(crate) fn each(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(bytes, 0)?);
        let kind = u16_at(bytes, 2)?;
        let value = bytes.get(HEAD..length)?;
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_as_they_were_written() {
        let mut body = Vec::new();
        put(&mut body, 1, &[1, 2, 3, 4]);
        put(&mut body, 3, b"eth0\0");
        put(&mut body, 9, &[]);
        let read: Vec<_> = each(&body).collect();
        assert_eq!(read, [(1, &[1u8, 2, 3, 4][..]), (3, b"eth0\0"), (9, &[])]);
    }

    #[test]
    fn a_length_beyond_the_message_ends_the_reading() {
        for bytes in [&[200, 0, 1, 0, 7][..], &[2, 0, 1, 0], &[4, 0, 1], &[0, 0, 0, 0]] {
            assert_eq!(each(bytes).count(), 0, "{bytes:?}");
        }
    }
}
