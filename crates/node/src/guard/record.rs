//! What the daemon tells the guard: fixed-size records on a pair of sockets that keep their boundaries (SOCK_SEQPACKET). Each is sent back as
//! it is, so that the daemon sees that its guard lives.

use std::time::Duration;

/// Bytes of a record.
pub(crate) const RECORD_BYTES: usize = 16;

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// The store has renewed the lease: this node may act until then (CLOCK_BOOTTIME).
    AliveUntil(Duration),
    /// This node is not a member and nothing runs: there is nothing to guard but the daemon's life.
    Outside,
    /// Reset the machine after stopping everything (Failover_mode HARD).
    Reset,
}

impl Record {
    /// As bytes: the kind, then nanoseconds.
    pub fn encode(self) -> [u8; RECORD_BYTES] {
        let (kind, value) = match self {
            Self::AliveUntil(until) => (1, u64::try_from(until.as_nanos()).unwrap_or(u64::MAX)),
            Self::Outside => (2, 0),
            Self::Reset => (3, 0),
        };
        let mut bytes = [0; RECORD_BYTES];
        bytes[0] = kind;
        bytes[8..].copy_from_slice(&value.to_le_bytes());
        bytes
    }

    /// From bytes; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; RECORD_BYTES] = bytes.try_into().ok()?;
        let (head, value) = bytes.split_at(8);
        let value = u64::from_le_bytes(value.try_into().ok()?);
        match (head, value) {
            ([1, 0, 0, 0, 0, 0, 0, 0], until) => {
                Some(Self::AliveUntil(Duration::from_nanos(until)))
            }
            ([2, 0, 0, 0, 0, 0, 0, 0], 0) => Some(Self::Outside),
            ([3, 0, 0, 0, 0, 0, 0, 0], 0) => Some(Self::Reset),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        for record in
            [Record::AliveUntil(Duration::from_nanos(123_456_789)), Record::Outside, Record::Reset]
        {
            assert_eq!(Record::decode(&record.encode()), Some(record));
        }
    }

    #[test]
    fn other_bytes_are_no_record() {
        assert_eq!(Record::decode(&[0; RECORD_BYTES]), None);
        assert_eq!(Record::decode(&[1]), None);
        assert_eq!(Record::decode(&[9; RECORD_BYTES]), None);
    }
}
