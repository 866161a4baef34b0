//! A file that came back beside its source: equal, different, or not to be compared, because the source is not what it was.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::repository::File;

use super::hash::Hash;
use super::retrieval::{Retrieved, below};

/// A file that was brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Compared {
    pub file: File,
    pub outcome: Outcome,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The source has not changed since, and it is the same.
    Equal { sha256: String },
    /// The source has not changed since, and it is not the same.
    Different,
    /// It did not come back, or not with the size that it has in the snapshot.
    NotWhole,
    /// The source was written since the backup.
    ChangedSince,
    /// The source is not there any more.
    GoneSince,
    /// The source cannot be read from here.
    Unreadable,
}

/// Compares a file of a snapshot of these paths.
pub(super) fn with_source(retrieved: Retrieved, paths: &[String]) -> Compared {
    let Retrieved { file, sha256 } = retrieved;
    let source = source(&file.path, paths);
    let outcome = compare(&file, sha256, &source);
    Compared { file, outcome }
}

fn compare(file: &File, ours: Option<String>, source: &Path) -> Outcome {
    let Some(ours) = ours else {
        return Outcome::NotWhole;
    };
    match unchanged(file, source) {
        Ok(true) => (),
        Ok(false) => return Outcome::ChangedSince,
        Err(error) => return unknown(&error),
    }
    let theirs = match Hash::of(source) {
        Ok(theirs) => theirs.of_whole(file.size),
        Err(error) => return unknown(&error),
    };
    if theirs.as_ref() == Some(&ours) {
        return Outcome::Equal { sha256: ours };
    }
    // It may have been written while it was read.
    match unchanged(file, source) {
        Ok(true) => Outcome::Different,
        _ => Outcome::ChangedSince,
    }
}

fn unknown(error: &io::Error) -> Outcome {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Outcome::GoneSince,
        _ => Outcome::Unreadable,
    }
}

/// Whether the source is the file that the snapshot has, by size and time.
fn unchanged(file: &File, source: &Path) -> io::Result<bool> {
    let found = source.symlink_metadata()?;
    Ok(found.is_file() && found.len() == file.size && mtime(&found) == Some(file.mtime))
}

fn mtime(found: &Metadata) -> Option<Timestamp> {
    let nanoseconds = i32::try_from(found.mtime_nsec()).ok()?;
    Timestamp::new(found.mtime(), nanoseconds).ok()
}

/// The source of a file of a snapshot of these paths.
///
/// A path that was given to restic absolute is that in the snapshot too. Of a relative one the snapshot has what was
/// typed (`/dir1/file`), while the paths of the snapshot are absolute (`/backup/dir1`).
fn source(path: &str, paths: &[String]) -> PathBuf {
    let file = Path::new(path);
    let absolute = |known: &String| file.starts_with(known);
    if paths.iter().any(absolute) {
        return file.to_owned();
    }
    // The longest end of a path that the file begins with.
    let ends = paths.iter().flat_map(|known| {
        let starts = known.match_indices('/').map(|(start, _)| start);
        starts.map(|start| (known.as_str(), &known[start..]))
    });
    let typed = ends
        .filter(|(_, end)| *end != "/" && file.starts_with(end))
        .max_by_key(|(_, end)| end.len());
    match (typed, paths) {
        (Some((known, end)), _) => match file.strip_prefix(end) {
            Ok(rest) if !rest.as_os_str().is_empty() => Path::new(known).join(rest),
            _ => PathBuf::from(known),
        },
        // "." leaves no name of its own in the snapshot.
        (None, [only]) => below(Path::new(only), path),
        (None, _) => file.to_owned(),
    }
}

#[cfg(test)]
mod tests;
