//! Whether a run without an end still runs: each run on its way holds a lock of its own, which goes with its process.
//!
//! A `flock(2)` lock, as all locks of the volume: it holds across containers, a pid would not. All of this is done
//! under the history's lock, so nobody sees a run whose row is there and whose lock is not.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use fs_err as fs;
use nix::fcntl::{Flock, FlockArg};
use uuid::Uuid;

use super::{Error, History, Result};

/// Says that a run is on its way, until it is dropped.
#[derive(Debug)]
pub struct Live {
    _lock: Flock<File>,
}

impl History {
    /// Takes the lock of a run; what runs that were killed have left is removed.
    pub(super) fn live(&self, run: Uuid) -> Result<Live> {
        self.remove_left();
        let path = self.live_file(run);
        let cannot = |source| Error::File {
            path: path.clone(),
            source,
        };
        crate::volume::private_folder(&self.live).map_err(cannot)?;
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(cannot)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Live { _lock: lock }),
            Err((_, error)) => Err(cannot(error.into())),
        }
    }

    pub(super) fn is_live(&self, run: Uuid) -> bool {
        is_locked(&self.live_file(run))
    }

    /// The run has its end: its lock says nothing any more.
    pub(super) fn forget_live(&self, run: Uuid) {
        let _ = fs::remove_file(self.live_file(run));
    }

    fn live_file(&self, run: Uuid) -> PathBuf {
        self.live.join(format!("{run}.lock"))
    }

    fn remove_left(&self) {
        let Ok(entries) = fs::read_dir(&self.live) else {
            return;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            if !is_locked(&path) {
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// Where it cannot be known, it counts as locked only if it is there: then somebody may have it.
fn is_locked(path: &Path) -> bool {
    match File::open(path) {
        Ok(file) => Flock::lock(file, FlockArg::LockSharedNonblock).is_err(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}
