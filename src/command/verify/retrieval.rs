//! How files come back from the repository: `restic restore` writes them to a temporary folder, and `restic dump` streams one
//! that is too large for that, hashed on its way and on no disk. Whichever way, their hashes are what is asked for.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::command::job::Run;
use crate::error::{Error, Result};
use crate::repository::{File, Repository};
use crate::restore::shown;
use crate::size::bytes;
use crate::supervise::{Content, Interrupts};

use super::hash::Hash;
use super::said_by;
use super::workplace::{Workplace, open_up};

/// So many bytes are restored at most, in all.
pub(super) const RESTORED: u64 = 200 * 1000 * 1000;
/// So many bytes may a file have that is streamed: a run a week is not to read an image of any size.
pub(super) const STREAMED: u64 = 10 * 1000 * 1000 * 1000;

/// So long nothing may come of a file. restic itself ends a request that stands still after 5 minutes, and a series of them
/// after 15, and then has more to say.
const SILENCE: Duration = Duration::from_mins(30);
/// Reading files may take so long, and a second more for each megabyte: a network file system that hangs ends it.
const READING: Duration = Duration::from_mins(30);

/// A way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// To a folder, with others.
    Restored,
    /// Past us.
    Streamed,
}

impl Way {
    /// The one of a file of so many bytes.
    pub(super) fn of(size: u64) -> Self {
        if size <= RESTORED {
            Self::Restored
        } else {
            Self::Streamed
        }
    }
}

/// A file that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Retrieved {
    pub file: File,
    /// Its content, in hexadecimal digits; none where it came not whole.
    pub sha256: Option<String>,
}

/// Who brings files back.
pub(super) struct Retriever<'a, 'r> {
    pub repository: &'a Repository<'r>,
    pub run: &'a mut Run,
    pub interrupts: &'a mut Interrupts,
}

impl Retriever<'_, '_> {
    /// Brings back files of one snapshot, each on its way.
    pub(super) async fn bring(
        &mut self,
        snapshot: &str,
        files: Vec<File>,
    ) -> Result<Vec<Retrieved>> {
        let is_restored = |file: &File| Way::of(file.size) == Way::Restored;
        let (restored, streamed): (Vec<_>, Vec<_>) = files.into_iter().partition(is_restored);
        let mut retrieved = Vec::new();
        if !restored.is_empty() {
            retrieved = self.restore(snapshot, restored).await?;
        }
        for file in streamed {
            retrieved.push(self.stream(snapshot, file).await?);
        }
        Ok(retrieved)
    }

    async fn restore(&mut self, snapshot: &str, files: Vec<File>) -> Result<Vec<Retrieved>> {
        let size = files.iter().map(|file| file.size).sum();
        let work = Workplace::open(&std::env::temp_dir(), size)?;
        let target = work.folder("files");
        let mut args: Vec<OsString> = vec![
            "restore".into(),
            snapshot.into(),
            "--target".into(),
            target.clone().into(),
            // Not every file system takes them, and nobody else may write some of them.
            "--exclude-xattr=*".into(),
        ];
        args.extend(files.iter().map(|file| include(&file.path).into()));
        self.run
            .restic(args, self.repository, self.interrupts)
            .await
            .map_err(|error| said_by("restic restore", error))?;
        let read = move || {
            open_up(&target);
            let files = files.into_iter();
            files.map(|file| restored_to(&target, file)).collect()
        };
        reading(size, self.interrupts, read).await
    }

    async fn stream(&mut self, snapshot: &str, file: File) -> Result<Retrieved> {
        let path = shown(&file.path);
        self.run.say(&format!(
            "reading back {path} of snapshot {snapshot:.8} ({})\n",
            bytes(file.size)
        ));
        // restic's remarks, such as that it waits for a lock, would stand in the content.
        let args = ["dump", "--quiet", snapshot, &file.path];
        let mut hash = Hash::new();
        let mut content = Content {
            take: &mut |piece| hash.take(piece),
            silence: SILENCE,
        };
        let dump = self.run.restic_for(
            args.map(Into::into).into(),
            self.repository,
            self.interrupts,
            Some(&mut content),
        );
        dump.await
            .map_err(|error| said_by(&format!("restic dump of {path}"), error))?;
        Ok(Retrieved {
            sha256: hash.of_whole(file.size),
            file,
        })
    }
}

/// The option by which restic restores exactly this file: its patterns are those of Go's `filepath.Match`.
fn include(path: &str) -> String {
    let mut option = "--include=".to_owned();
    for char in path.chars() {
        if matches!(char, '\\' | '*' | '?' | '[' | ']') {
            option.push('\\');
        }
        option.push(char);
    }
    option
}

fn restored_to(target: &Path, file: File) -> Retrieved {
    let path = below(target, &file.path);
    let is_file = path.symlink_metadata().is_ok_and(|found| found.is_file());
    let hash = is_file.then(|| Hash::of(&path).ok()).flatten();
    Retrieved {
        sha256: hash.and_then(|hash| hash.of_whole(file.size)),
        file,
    }
}

/// Where a file of a snapshot is below a folder.
pub(super) fn below(folder: &Path, path: &str) -> PathBuf {
    folder.join(path.trim_start_matches('/'))
}

/// Reads so many bytes of files, which may hang, in a thread of its own.
pub(super) async fn reading<T: Send + 'static>(
    size: u64,
    interrupts: &mut Interrupts,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let system = |source| Error::System {
        what: "comparing files",
        source,
    };
    let deadline = READING + Duration::from_secs(size / 1_000_000);
    interrupts
        .unless(async {
            timeout(deadline, spawn_blocking(work))
                .await
                .map_err(|_| system(std::io::ErrorKind::TimedOut.into()))?
                .map_err(|error| system(error.into()))
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_pattern() {
        assert_eq!(
            include("/d[1]*/a\\b? $HOME"),
            r"--include=/d\[1\]\*/a\\b\? $HOME"
        );
    }

    #[test]
    fn what_was_not_restored_or_not_whole_has_no_hash() {
        let target = tempfile::tempdir().unwrap();
        let place = target.path().join("a");
        let file = File {
            path: "/a".to_owned(),
            size: 3,
            mtime: "2026-11-20T05:00:00Z".parse().unwrap(),
        };
        let hash = || restored_to(target.path(), file.clone()).sha256;
        assert_eq!(hash(), None);
        for (content, is_whole) in [("ab", false), ("abc", true), ("abcd", false)] {
            std::fs::write(&place, content).unwrap();
            assert_eq!(hash().is_some(), is_whole, "{content}");
        }
        let aside = target.path().join("aside");
        std::fs::write(&aside, "abc").unwrap();
        std::fs::remove_file(&place).unwrap();
        std::os::unix::fs::symlink(&aside, &place).unwrap();
        assert_eq!(hash(), None);
    }
}
