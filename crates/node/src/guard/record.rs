//! What daemon and guard tell each other: fixed-size records on a pair of sockets that keep their boundaries (SOCK_SEQPACKET). Each of the
//! daemon's is sent back as it is, so that the daemon sees that its guard lives.

use std::time::Duration;

/// Bytes of a record.
pub(crate) const RECORD_BYTES: usize = 16;

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// The store has renewed the lease: this node may act until then (CLOCK_BOOTTIME).
    AliveUntil(Duration),
    /// Reset the machine after stopping everything (Failover_mode HARD).
    Reset,
    /// From the guard: leave the cluster in order, and end.
    Leave,
    /// From the guard: stop everything at once, and end.
    StopNow,
}

impl Record {
    /// As bytes: the kind, then nanoseconds.
    pub fn encode(self) -> [u8; RECORD_BYTES] {
        let (kind, value) = match self {
            Self::AliveUntil(until) => (1, u64::try_from(until.as_nanos()).unwrap_or(u64::MAX)),
            Self::Reset => (3, 0),
            Self::Leave => (4, 0),
            Self::StopNow => (5, 0),
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
            ([3, 0, 0, 0, 0, 0, 0, 0], 0) => Some(Self::Reset),
            ([4, 0, 0, 0, 0, 0, 0, 0], 0) => Some(Self::Leave),
            ([5, 0, 0, 0, 0, 0, 0, 0], 0) => Some(Self::StopNow),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        let alive = Record::AliveUntil(Duration::from_nanos(123_456_789));
        for record in [alive, Record::Reset, Record::Leave, Record::StopNow] {
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
