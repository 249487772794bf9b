//! Numbers, texts and options of the link's frames. Reading checks every length before it believes it.

use super::{CodecError, FRAME_BYTES_MAX, LENGTH_BYTES, VERSION};
use bytes::{Buf, Bytes};

/// Appends one frame to `out`; takes it back when it is longer than may be.
pub(super) fn frame(
    out: &mut Vec<u8>,
    version: u8,
    kind: u8,
    conn: u64,
    write: impl FnOnce(&mut Writer<'_>),
) -> Result<(), CodecError> {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    let mut writer = Writer(out);
    writer.u8(version);
    writer.u8(kind);
    writer.u64(conn);
    write(&mut writer);
    let bytes = out.len() - start - LENGTH_BYTES;
    if bytes > FRAME_BYTES_MAX {
        out.truncate(start);
        return Err(CodecError::TooLong { bytes });
    }
    if let Some(length) = out.get_mut(start..start + LENGTH_BYTES) {
        length.copy_from_slice(&(bytes as u32).to_be_bytes());
    }
    Ok(())
}

/// Appends fields.
pub(super) struct Writer<'o>(&'o mut Vec<u8>);

impl Writer<'_> {
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.raw(&value.to_be_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.raw(&value.to_be_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.raw(&value.to_be_bytes());
    }

    /// Bytes too many for a frame are noticed when the frame is whole.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.raw(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(super) fn option<T>(&mut self, value: Option<&T>, write: impl FnOnce(&mut Self, &T)) {
        self.u8(value.is_some().into());
        if let Some(value) = value {
            write(self, value);
        }
    }
}

/// Reads fields off the front of a frame.
pub(super) struct Reader {
    frame: Bytes,
    version: u8,
}

impl Reader {
    /// Reads what every frame begins with; gives its kind and connection.
    pub(super) fn begin(frame: Bytes) -> Result<(Self, u8, u64), CodecError> {
        if frame.len() > FRAME_BYTES_MAX {
            return Err(CodecError::TooLong { bytes: frame.len() });
        }
        let mut reader = Self { frame, version: 0 };
        reader.version = reader.u8("version")?;
        if reader.version == 0 {
            return Err(reader.unknown("version", 0));
        }
        let (kind, conn) = (reader.u8("kind")?, reader.u64("connection")?);
        Ok((reader, kind, conn))
    }

    /// Nothing may be left, but the fields of a later version.
    pub(super) fn end(self) -> Result<(), CodecError> {
        if !self.frame.is_empty() && self.version <= VERSION {
            return Err(CodecError::Long { version: self.version, bytes: self.frame.len() });
        }
        Ok(())
    }

    pub(super) fn unknown(&self, field: &'static str, value: u64) -> CodecError {
        CodecError::Unknown { version: self.version, field, value }
    }

    pub(super) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; N], CodecError> {
        let value = *self.frame.first_chunk().ok_or(CodecError::Short { field })?;
        self.frame.advance(N);
        Ok(value)
    }

    pub(super) fn u8(&mut self, field: &'static str) -> Result<u8, CodecError> {
        Ok(u8::from_be_bytes(self.array(field)?))
    }

    pub(super) fn u16(&mut self, field: &'static str) -> Result<u16, CodecError> {
        Ok(u16::from_be_bytes(self.array(field)?))
    }

    pub(super) fn u32(&mut self, field: &'static str) -> Result<u32, CodecError> {
        Ok(u32::from_be_bytes(self.array(field)?))
    }

    pub(super) fn u64(&mut self, field: &'static str) -> Result<u64, CodecError> {
        Ok(u64::from_be_bytes(self.array(field)?))
    }

    /// Shares the frame's memory.
    pub(super) fn bytes(&mut self, field: &'static str) -> Result<Bytes, CodecError> {
        let length = self.u32(field)? as usize;
        if length > self.frame.len() {
            return Err(CodecError::Short { field });
        }
        Ok(self.frame.split_to(length))
    }

    pub(super) fn text(&mut self, field: &'static str) -> Result<String, CodecError> {
        let bytes = self.bytes(field)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| CodecError::NotText { field })?;
        Ok(text.to_owned())
    }

    pub(super) fn option<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, CodecError>,
    ) -> Result<Option<T>, CodecError> {
        match self.u8(field)? {
            0 => Ok(None),
            1 => read(self).map(Some),
            other => Err(self.unknown(field, other.into())),
        }
    }
}
