//! What SQLite's errors mean for the port, with the file's name and what to do.
//!
//! Damage is only what SQLite itself calls damage, or rows that are not what we write. All else may pass.

use crate::Error;
use rusqlite::ErrorCode as Code;
use rusqlite::ffi::SQLITE_IOERR_FSYNC;
use std::path::Path;

/// The error for the port.
pub(super) fn error_of(path: &Path, error: &rusqlite::Error) -> Error {
    let shown = path.display();
    if is_damage(error) {
        return Error::Damaged(format!("{shown}: {error}; stop the cluster and restore a backup"));
    }
    let remedy = match error.sqlite_error_code() {
        Some(Code::DiskFull) => "free space there, or delete what is no longer needed",
        Some(Code::CannotOpen | Code::PermissionDenied | Code::ReadOnly) => {
            "check that this user may write the file and its folder"
        }
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => "another process holds it; end that",
        Some(Code::SystemIoFailure) => "check the disk",
        _ => return Error::Unavailable(format!("{shown}: {error}")),
    };
    Error::Unavailable(format!("{shown}: {error}; {remedy}"))
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as Sql;
    match error {
        Sql::SqliteFailure(failure, text) => match failure.code {
            Code::DatabaseCorrupt | Code::NotADatabase => true,
            // Tables or columns of ours are missing.
            Code::Unknown => text.as_ref().is_some_and(|text| text.contains("no such")),
            _ => false,
        },
        Sql::SqlInputError { .. } => true,
        Sql::FromSqlConversionFailure(..)
        | Sql::IntegralValueOutOfRange(..)
        | Sql::InvalidColumnType(..)
        | Sql::QueryReturnedNoRows
        | Sql::Utf8Error(..) => true,
        _ => false,
    }
}

/// Whether there is no room, which may pass.
pub(super) fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(Code::DiskFull)
}

/// Whether the kernel may have dropped what it could not write: nothing can be promised after that.
pub(super) fn is_failed_sync(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(failure, _)
        if failure.extended_code == SQLITE_IOERR_FSYNC)
}
