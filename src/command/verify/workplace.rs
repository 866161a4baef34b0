//! The temporary folder that files are restored to: gone with its value, or at the next run where that one was killed.

use std::fs::{DirEntry, File, read_dir, remove_dir_all, set_permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::statvfs::statvfs;
use nix::unistd::geteuid;
use tempfile::TempDir;

use crate::error::{Error, Result};

/// How the names of these folders begin.
const PREFIX: &str = "cloud-backup-verify-";
/// So many bytes stay free for others.
const LEFT_FREE: u64 = 64 * 1024 * 1024;

/// A folder of our own, mode 0700.
#[derive(Debug)]
pub(super) struct Workplace {
    folder: TempDir,
    /// Says that somebody is here.
    _lock: Flock<File>,
}

impl Workplace {
    /// Makes one in this folder where it has room for so many bytes.
    pub(super) fn open(within: &Path, bytes: u64) -> Result<Self> {
        require_room(within, bytes + LEFT_FREE)?;
        let failed = failed(within);
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(within)
            .map_err(failed)?;
        let lock = lock(folder.path()).ok_or_else(|| Error::System {
            what: "locking a temporary folder",
            source: std::io::ErrorKind::WouldBlock.into(),
        })?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    /// A folder in it, which restic makes.
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// An error where the disk of this folder has fewer bytes free.
pub(super) fn require_room(within: &Path, needed: u64) -> Result<()> {
    let free = statvfs(within)
        .map(|disk| {
            let blocks: u64 = disk.blocks_available();
            blocks.saturating_mul(disk.fragment_size())
        })
        .map_err(|errno| failed(within)(errno.into()))?;
    if free < needed {
        return Err(Error::NoRoom {
            folder: within.to_owned(),
            free,
            needed,
        });
    }
    Ok(())
}

fn failed(folder: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = folder.to_owned();
    move |source| Error::Volume {
        path: path.clone(),
        source,
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        // What was restored has the modes of its source: a folder without w would keep what is in it.
        open_up(self.folder.path());
    }
}

/// Lets its owner read a restored tree and remove it.
pub(super) fn open_up(folder: &Path) {
    let _ = set_permissions(folder, PermissionsExt::from_mode(0o700));
    for entry in read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => open_up(&entry.path()),
            Ok(kind) if kind.is_file() => {
                let _ = set_permissions(entry.path(), PermissionsExt::from_mode(0o600));
            }
            _ => (),
        }
    }
}

/// Removes what killed runs have left: a folder whose lock is free belongs to nobody any more.
pub(super) fn remove_left(within: &Path) {
    let is_ours = |entry: &DirEntry| {
        let name = entry.file_name();
        let is_ours =
            |found: std::fs::Metadata| found.is_dir() && found.uid() == geteuid().as_raw();
        name.to_string_lossy().starts_with(PREFIX) && entry.metadata().is_ok_and(is_ours)
    };
    let entries = read_dir(within).into_iter().flatten().flatten();
    for entry in entries.filter(is_ours) {
        let _ = set_permissions(entry.path(), PermissionsExt::from_mode(0o700));
        if let Some(_lock) = lock(&entry.path()) {
            open_up(&entry.path());
            let _ = remove_dir_all(entry.path());
        }
    }
}

fn lock(folder: &Path) -> Option<Flock<File>> {
    Flock::lock(File::open(folder).ok()?, FlockArg::LockExclusiveNonblock).ok()
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir_all, write};

    use super::*;

    fn names(folder: &Path) -> usize {
        read_dir(folder).unwrap().count()
    }

    #[test]
    fn it_goes_with_all_that_is_in_it_whatever_its_mode() {
        let within = tempfile::tempdir().unwrap();
        let work = Workplace::open(within.path(), 1).unwrap();
        let locked = work.folder("files").join("locked");
        create_dir_all(&locked).unwrap();
        write(locked.join("a"), "a").unwrap();
        set_permissions(locked.join("a"), PermissionsExt::from_mode(0o000)).unwrap();
        set_permissions(&locked, PermissionsExt::from_mode(0o500)).unwrap();
        assert_eq!(names(within.path()), 1);
        drop(work);
        assert_eq!(names(within.path()), 0);
    }

    #[test]
    fn one_that_a_killed_run_has_left_goes_at_the_next_and_a_live_one_stays() {
        let within = tempfile::tempdir().unwrap();
        let left = within.path().join("cloud-backup-verify-left");
        create_dir_all(left.join("files/locked")).unwrap();
        set_permissions(left.join("files"), PermissionsExt::from_mode(0o500)).unwrap();
        create_dir_all(within.path().join("cloud-backup-other")).unwrap();
        let first = Workplace::open(within.path(), 1).unwrap();
        remove_left(within.path());
        assert!(!left.exists());
        let second = Workplace::open(within.path(), 1).unwrap();
        assert!(first.folder.path().exists());
        assert_eq!(names(within.path()), 3, "and another's folder");
        drop(second);
    }

    #[test]
    fn without_room_nothing_is_made_and_the_folder_is_named() {
        let within = tempfile::tempdir().unwrap();
        let error = Workplace::open(within.path(), u64::MAX / 2).unwrap_err();
        assert_eq!(error.exit_code(), 73);
        let folder = within.path().display().to_string();
        assert!(error.to_string().starts_with(&folder), "{error}");
        assert_eq!(names(within.path()), 0);
    }
}
