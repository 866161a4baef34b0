//! A restored file beside its source: equal, different, or not to be compared, because the source is not what it was.

use std::fs::{File as Opened, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nix::fcntl::OFlag;
use ring::digest::{Context, SHA256};

use crate::repository::File;

/// A file that was restored.
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
    /// restic left it out, or it has another size than in the snapshot.
    NotWhole,
    /// The source was written since the backup.
    ChangedSince,
    /// The source is not there any more.
    GoneSince,
    /// The source cannot be read from here.
    Unreadable,
}

/// Compares a file of a snapshot of these paths, restored to this folder.
pub(super) fn with_source(file: File, restored: &Path, paths: &[String]) -> Compared {
    let source = source(&file.path, paths);
    let outcome = compare(&file, &below(restored, &file.path), &source);
    Compared { file, outcome }
}

fn compare(file: &File, restored: &Path, source: &Path) -> Outcome {
    let is_whole = restored
        .symlink_metadata()
        .is_ok_and(|found| found.is_file() && found.len() == file.size);
    let Some(ours) = is_whole.then(|| sha256(restored).ok()).flatten() else {
        return Outcome::NotWhole;
    };
    match unchanged(file, source) {
        Ok(true) => (),
        Ok(false) => return Outcome::ChangedSince,
        Err(error) => return unknown(&error),
    }
    let theirs = match sha256(source) {
        Ok(theirs) => theirs,
        Err(error) => return unknown(&error),
    };
    if ours == theirs {
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

/// The hash of a file's content, in hexadecimal digits.
pub(super) fn sha256(path: &Path) -> io::Result<String> {
    // What took the place of a file since must not make us wait.
    let mut file: Opened = OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW).bits())
        .open(path)?;
    let mut hash = Context::new(&SHA256);
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => hash.update(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => (),
            Err(error) => return Err(error),
        }
    }
    let digest = hash.finish();
    let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    Ok(digits.collect::<Vec<_>>().concat())
}

/// Where a file of a snapshot is below the folder that it was restored to.
pub(super) fn below(folder: &Path, path: &str) -> PathBuf {
    folder.join(path.trim_start_matches('/'))
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
