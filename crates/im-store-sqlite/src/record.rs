//! The bytes of the redo log: segments and records. Pure.
//!
//! ```text
//! segment = header  record*               every one of them begins at a multiple of BLOCK
//! header  = magic:8  epoch:u64  number:u64  crc:u32
//! record  = length:u32  crc:u32  lsn:u64  payload:length      little endian, padded with zeros to BLOCK
//! ```
//!
//! A record begins a block of its own, so that writing one never touches a page that holds an acknowledged one: a torn
//! page can only hurt the record that was under way. The checksum covers epoch and number of the segment, the record's
//! own number (*LSN*: one more than the record before, for ever) and the payload. So a stale record, left in a segment
//! that is used again, can be complete and is still not valid.

/// Where records may begin, bytes; a page.
pub(crate) const BLOCK: usize = 4096;
/// Bytes of a record before its payload.
pub(crate) const HEAD: usize = 16;
/// Longest payload; what a longer length field says cannot have been written.
pub(crate) const PAYLOAD_MAX: usize = 1 << 30;

const MAGIC: &[u8; 8] = b"SFredo\0\x01";

/// What a segment belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentId {
    /// Instance that writes it.
    pub(crate) epoch: u64,
    /// Tells it from the other segments of the epoch, also from itself before it was used again.
    pub(crate) number: u64,
}

impl SegmentId {
    /// Name of its file. For people: what counts is the header.
    pub(crate) fn file_name(self) -> String {
        format!("{}-{}.log", self.epoch, self.number)
    }

    /// The first block of its file.
    pub(crate) fn header(self) -> Vec<u8> {
        let mut block = Vec::with_capacity(BLOCK);
        block.extend_from_slice(MAGIC);
        block.extend_from_slice(&self.epoch.to_le_bytes());
        block.extend_from_slice(&self.number.to_le_bytes());
        let crc = crc32fast::hash(&block);
        block.extend_from_slice(&crc.to_le_bytes());
        block.resize(BLOCK, 0);
        block
    }

    /// Reads a header; `None` when it is none, as after a crash while the file was made.
    pub(crate) fn from_header(block: &[u8]) -> Option<Self> {
        let fields = block.get(..24)?;
        if &fields[..8] != MAGIC || u32_at(block, 24)? != crc32fast::hash(fields) {
            return None;
        }
        Some(Self { epoch: u64_at(block, 8)?, number: u64_at(block, 16)? })
    }

    fn checksum(self, lsn: u64, payload: &[u8]) -> u32 {
        let mut crc = crc32fast::Hasher::new();
        let mut fields = [0; 28];
        fields[..8].copy_from_slice(&self.epoch.to_le_bytes());
        fields[8..16].copy_from_slice(&self.number.to_le_bytes());
        fields[16..24].copy_from_slice(&lsn.to_le_bytes());
        fields[24..].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        crc.update(&fields);
        crc.update(payload);
        crc.finalize()
    }

    /// Fills in the head of a record whose payload begins at [`HEAD`], and pads it to whole blocks.
    pub(crate) fn seal(self, lsn: u64, record: &mut Vec<u8>) {
        let payload = &record[HEAD..];
        let (length, crc) = (payload.len() as u32, self.checksum(lsn, payload));
        record[..4].copy_from_slice(&length.to_le_bytes());
        record[4..8].copy_from_slice(&crc.to_le_bytes());
        record[8..16].copy_from_slice(&lsn.to_le_bytes());
        record.resize(record.len().next_multiple_of(BLOCK), 0);
    }

    /// The record that begins at `offset` of the segment's bytes: its number and payload.
    pub(crate) fn record_at(self, segment: &[u8], offset: usize) -> Option<(u64, &[u8])> {
        let record = segment.get(offset..)?;
        let length = u32_at(record, 0)? as usize;
        let lsn = u64_at(record, 8)?;
        if length == 0 || length > PAYLOAD_MAX {
            return None;
        }
        let payload = record.get(HEAD..HEAD + length)?;
        (u32_at(record, 4)? == self.checksum(lsn, payload)).then_some((lsn, payload))
    }
}

/// Bytes that a record with this payload takes.
pub(crate) fn record_length(payload: usize) -> usize {
    (HEAD + payload).next_multiple_of(BLOCK)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, HEAD, SegmentId, record_length};

    const MINE: SegmentId = SegmentId { epoch: 3, number: 7 };

    fn record(id: SegmentId, lsn: u64, payload: &[u8]) -> Vec<u8> {
        let mut record = vec![0; HEAD];
        record.extend_from_slice(payload);
        id.seal(lsn, &mut record);
        record
    }

    #[test]
    fn a_record_is_read_as_written_and_fills_whole_blocks() {
        let payload = vec![b'x'; BLOCK];
        let record = record(MINE, 42, &payload);
        assert_eq!(record.len(), 2 * BLOCK);
        assert_eq!(record.len(), record_length(payload.len()));
        assert_eq!(MINE.record_at(&record, 0), Some((42, &payload[..])));
    }

    #[test]
    fn a_record_of_another_segment_or_epoch_is_not_valid() {
        let record = record(MINE, 42, b"payload");
        for other in [SegmentId { epoch: 4, ..MINE }, SegmentId { number: 8, ..MINE }] {
            assert_eq!(other.record_at(&record, 0), None);
        }
    }

    #[test]
    fn a_record_with_any_bit_changed_or_cut_is_not_valid() {
        let whole = record(MINE, 42, b"payload");
        let used = HEAD + b"payload".len();
        for bit in 0..used * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(MINE.record_at(&damaged, 0), None, "bit {bit}");
        }
        for length in 0..used {
            assert_eq!(MINE.record_at(&whole[..length], 0), None, "length {length}");
        }
        assert_eq!(MINE.record_at(&vec![0; BLOCK], 0), None);
        assert_eq!(MINE.record_at(&[0xff; BLOCK], 0), None);
        assert_eq!(MINE.record_at(&whole, 2 * BLOCK), None);
    }

    #[test]
    fn a_header_is_read_as_written_and_otherwise_not_at_all() {
        let header = MINE.header();
        assert_eq!((header.len(), SegmentId::from_header(&header)), (BLOCK, Some(MINE)));
        for byte in 0..28 {
            let mut damaged = header.clone();
            damaged[byte] ^= 1;
            assert_eq!(SegmentId::from_header(&damaged), None, "byte {byte}");
        }
        assert_eq!(SegmentId::from_header(&[]), None);
    }
}
