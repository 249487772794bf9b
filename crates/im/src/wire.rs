//! The few bytes in which sessions and small items are kept: a version, then fields in fixed order. Fields may be added
//! at the end; a reader takes what is missing as the default.

use bytes::Bytes;

/// Appends fields.
#[derive(Debug, Default)]
pub(crate) struct Encoder(Vec<u8>);

impl Encoder {
    pub(crate) fn new(version: u8) -> Self {
        Self(vec![version])
    }

    pub(crate) fn number(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    pub(crate) fn bytes(mut self, value: &[u8]) -> Self {
        self = self.number(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    pub(crate) fn text(self, value: &str) -> Self {
        self.bytes(value.as_bytes())
    }

    pub(crate) fn finish(self) -> Bytes {
        Bytes::from(self.0)
    }
}

/// Takes fields off the front; `None` once the bytes end or make no sense.
#[derive(Debug)]
pub(crate) struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    /// The version and a decoder for what follows.
    pub(crate) fn new(bytes: &'a [u8]) -> Option<(u8, Self)> {
        bytes.split_first().map(|(version, rest)| (*version, Self(rest)))
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        if len > self.0.len() {
            return None;
        }
        let (value, rest) = self.0.split_at(len);
        self.0 = rest;
        Some(value)
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_is_decoded() {
        let bytes =
            Encoder::new(3).number(0).number(u64::MAX).text("žluť").bytes(&[0, 255]).finish();
        let (version, mut d) = Decoder::new(&bytes).unwrap();
        assert_eq!((version, d.number(), d.number()), (3, Some(0), Some(u64::MAX)));
        assert_eq!((d.text(), d.bytes(), d.number()), (Some("žluť"), Some(&[0, 255][..]), None));
    }
}
