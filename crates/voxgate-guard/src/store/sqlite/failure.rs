//! What can go wrong with a file, for callers.

use std::path::Path;
use std::time::Duration;

use rusqlite::ErrorCode;
use voxgate_base::duration_text::to_the_second;

use crate::store::shared::SharedConfig;
use crate::store::{StoreError, StoreTime};

/// What can go wrong in a step.
pub(super) enum Failure {
    Sqlite(rusqlite::Error),
    /// A row that this version cannot read.
    Row(String),
    /// The version of a file that is not ours to read.
    Version(i64),
    /// The file was used while the clock was ahead.
    Ahead {
        latest: StoreTime,
        ahead: Duration,
    },
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Failure {
    /// For callers: which file, what is wrong with it, and what to do.
    pub(super) fn told(&self, path: &Path, config: &SharedConfig) -> StoreError {
        use rusqlite::Error::{FromSqlConversionFailure as Conversion, InvalidColumnType as ColumnType};
        let file = |cause: String| StoreError::File { path: path.display().to_string(), cause };
        let unreadable = |cause: String| {
            file(format!(
                "a row cannot be read ({cause}); did another program write it? Restore the file, or remove it"
            ))
        };
        let error = match self {
            Self::Sqlite(error @ (Conversion(..) | ColumnType(..))) => return unreadable(error.to_string()),
            Self::Sqlite(error) => error,
            Self::Row(cause) => return unreadable(cause.clone()),
            Self::Version(other) => {
                return file(format!(
                    "it has version {other}, this voxgate knows {VERSION}; update this one, or give it another file"
                ));
            }
            Self::Ahead { latest, ahead } => {
                return file(format!(
                    "it was used at {latest}, {} ahead of this machine's clock; set the clock, or remove the file when no worker runs",
                    to_the_second(*ahead)
                ));
            }
        };
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StoreError::Late { store: SQLITE, after: config.timeout }
            }
            Some(ErrorCode::CannotOpen) if !path.exists() => {
                file("it cannot be opened; is the path right, and does its folder exist?".to_owned())
            }
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => file(format!(
                "it cannot be written ({error}); may this user write the file and its folder, and is it on a local disk?"
            )),
            Some(ErrorCode::NotADatabase) => file("it is no SQLite file; name another one".to_owned()),
            Some(ErrorCode::DatabaseCorrupt) => {
                file(format!("it is damaged ({error}); restore it, or remove it when no worker runs"))
            }
            Some(ErrorCode::DiskFull) => file("the disk is full; free some space".to_owned()),
            _ => file(format!("{error}; is it a store of voxgate, and is its disk well?")),
        }
    }
}

pub(super) const SQLITE: &str = "SQLite";
/// Of the schema, kept in SQLite's `user_version`.
pub(super) const VERSION: i64 = 1;
