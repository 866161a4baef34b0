//! The canary: a file that was brought back and found equal to its source, kept in mind by its hash.
//!
//! The next run brings it back once more from the same snapshot, however its source has changed by then.

use std::path::Path;

use fs_err as fs;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::repository::File;
use crate::volume::write_whole;

/// What is kept in the volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Canary {
    /// Since when.
    pub kept: Timestamp,
    /// The whole id of its snapshot.
    pub snapshot: String,
    /// The file as the snapshot has it.
    pub file: File,
    /// Its content, in hexadecimal digits.
    pub sha256: String,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Returned {
    pub canary: Canary,
    pub is_equal: bool,
}

impl Canary {
    /// The one that was kept; none where there is none that can be read, for a new one will be kept.
    pub(super) fn read(from: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(from).ok()?).ok()
    }

    pub(super) fn write(&self, to: &Path) -> Result<()> {
        // Cannot fail: all keys are texts.
        let text = serde_json::to_vec(self).unwrap_or_default();
        write_whole(to, &text).map_err(|source| Error::Volume {
            path: to.to_owned(),
            source,
        })
    }

    /// From where it can be brought back: its own snapshot, or the newest where that one was forgotten and the file is in this
    /// one as it was; else it is gone by the retention, which is no failure.
    pub(super) fn restorable(self, is_there: bool, newest: Option<&String>) -> Option<Self> {
        if is_there {
            return Some(self);
        }
        newest.map(|newest| Self {
            snapshot: newest.clone(),
            ..self
        })
    }

    /// Compares it with what came back, by its hash.
    pub(super) fn compare(self, sha256: Option<&String>) -> Returned {
        Returned {
            is_equal: sha256 == Some(&self.sha256),
            canary: self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canary() -> Canary {
        Canary {
            kept: "2026-11-21T05:00:00Z".parse().unwrap(),
            snapshot: "old".to_owned(),
            file: File {
                path: "/d/a".to_owned(),
                size: 3,
                mtime: "2026-11-20T05:00:00.123456789Z".parse().unwrap(),
            },
            // Of "abc", by FIPS 180-2.
            sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned(),
        }
    }

    #[test]
    fn what_is_written_is_read_and_nonsense_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("canary.json");
        assert_eq!(Canary::read(&file), None);
        canary().write(&file).unwrap();
        assert_eq!(Canary::read(&file), Some(canary()));
        fs::write(&file, "{\"kept\":").unwrap();
        assert_eq!(Canary::read(&file), None);
    }

    #[test]
    fn it_is_restored_from_its_own_snapshot_then_from_the_newest() {
        let newest = "new".to_owned();
        let from = |is_there, newest| {
            let canary = canary().restorable(is_there, newest);
            canary.map(|canary| canary.snapshot)
        };
        assert_eq!(from(true, Some(&newest)).as_deref(), Some("old"));
        assert_eq!(from(false, Some(&newest)).as_deref(), Some("new"));
        assert_eq!(from(false, None), None);
    }

    #[test]
    fn it_is_equal_by_its_content_alone() {
        let known = canary().sha256;
        assert!(canary().compare(Some(&known)).is_equal);
        assert!(!canary().compare(Some(&known[1..].to_owned())).is_equal);
        assert!(!canary().compare(None).is_equal);
    }
}
