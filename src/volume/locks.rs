//! The locks of the volume, and who holds them.
//!
//! They are `flock(2)` locks: they hold across containers on one machine, and vanish with their holder.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_err as fs;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::error::{Error, Result};

/// What others do under a lock of the volume is over within this time: a short run of restic.
const LOCK_WAIT: Duration = Duration::from_secs(130);
/// How often a lock is asked for.
const LOCK_POLL: Duration = Duration::from_millis(100);

/// Who holds a lock, as written in the lock's file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Holder {
    /// The container's id, where this is a container.
    pub container: Option<String>,
    /// The host name, which users choose and which need not be unique.
    pub hostname: String,
    /// When the lock was taken.
    pub since: String,
    /// What the holder serves, if it is a server.
    pub serves: Option<Serves>,
    /// The schedule file, if it is a scheduler.
    #[serde(default)]
    pub schedule: Option<PathBuf>,
}

/// What a server serves, and where.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Serves {
    /// The unix socket of its REST server.
    pub socket: PathBuf,
    /// The remote path behind it.
    pub remote: String,
}

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    pub(super) file: Flock<std::fs::File>,
    /// Its last holder has not released it but was killed.
    pub(super) was_left: bool,
}

/// One of the runs of restic on this volume.
#[derive(Debug)]
pub struct Presence {
    pub(super) file: Flock<std::fs::File>,
}

/// What became of the wish for a lock.
#[derive(Debug)]
pub enum Locking {
    /// It is ours.
    Ours(Lock),
    /// Somebody else has it.
    Held(Option<Holder>),
}

impl Lock {
    /// Tells in the lock's file who we are, and what we serve.
    pub fn sign(&mut self, serves: Option<Serves>) -> io::Result<()> {
        self.write(&Holder {
            serves,
            ..Holder::ourselves()
        })
    }

    /// Tells in the lock's file who we are, and which schedule file we keep.
    pub fn sign_schedule(&mut self, file: &Path) -> io::Result<()> {
        self.write(&Holder {
            schedule: Some(file.to_owned()),
            ..Holder::ourselves()
        })
    }

    /// Whether its last holder was killed, or lost its power.
    #[must_use]
    pub fn was_left(&self) -> bool {
        self.was_left
    }

    /// Gives it back in an orderly way: the next holder finds no name in it.
    pub fn release(self) {
        // The lock itself goes in any case.
        let _ = self.file.set_len(0);
    }

    fn write(&mut self, holder: &Holder) -> io::Result<()> {
        let text = serde_json::to_string(holder)?;
        self.file.set_len(0)?;
        io::Seek::rewind(&mut *self.file)?;
        self.file.write_all(text.as_bytes())?;
        self.file.sync_data()
    }
}

impl Presence {
    /// Keeps other runs out until [`Self::share`]; `false` where there are some, in this or another container.
    #[must_use]
    pub fn exclude_others(&self) -> bool {
        let alone = self.file.relock(FlockArg::LockExclusiveNonblock).is_ok();
        if !alone {
            // A conversion that fails may have lost the lock: flock(2).
            self.share();
        }
        alone
    }

    /// Lets other runs in again.
    pub fn share(&self) {
        // Fails only for a file that is no longer open.
        let _ = self.file.relock(FlockArg::LockShared);
    }
}

impl Holder {
    fn ourselves() -> Self {
        Self {
            container: container_id(),
            hostname: nix::unistd::gethostname()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default(),
            since: jiff::Timestamp::now()
                .strftime("%Y-%m-%dT%H:%M:%SZ")
                .to_string(),
            serves: None,
            schedule: None,
        }
    }

    /// Whether the holder is in this very container.
    #[must_use]
    pub fn is_here(&self) -> bool {
        self.container == container_id()
    }

    /// The remote path that it serves, if it is a server that has told.
    #[must_use]
    pub fn remote(&self) -> Option<&str> {
        Some(&self.serves.as_ref()?.remote)
    }

    /// One line for a person.
    #[must_use]
    pub fn describe(holder: Option<&Self>) -> String {
        let Some(Self {
            container,
            hostname,
            since,
            ..
        }) = holder
        else {
            return "a container that has not said its name yet".to_owned();
        };
        let mut text = String::new();
        match container {
            Some(id) => {
                let _ = write!(
                    text,
                    "container {} (host name {hostname})",
                    &id[..id.len().min(12)]
                );
            }
            None => text.push_str(hostname),
        }
        let _ = write!(text, " since {since}");
        text
    }
}

/// The id of the container we are in, as `docker ps` shows it; `None` outside of one.
///
/// Docker mounts `/etc/hostname` from its folder of the container: the one place that shows the id whatever the
/// cgroup version and however the host name was set.
#[must_use]
pub fn container_id() -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    mounts.lines().find_map(|line| {
        line.split(['/', ' '])
            .find(|part| {
                part.len() == 64
                    && part.bytes().all(|byte| byte.is_ascii_hexdigit())
                    && line.contains("/hostname")
            })
            .map(str::to_owned)
    })
}

pub(super) fn lock(path: &Path) -> Result<Locking> {
    let cannot = |source| Error::Volume {
        path: path.to_owned(),
        source,
    };
    let file = open_lock(path).map_err(cannot)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(file) => {
            let was_left = file.metadata().is_ok_and(|meta| meta.len() > 0);
            let mut lock = Lock { file, was_left };
            // On a full volume the holder stays unnamed: what frees space must still run.
            let _ = lock.sign(None);
            Ok(Locking::Ours(lock))
        }
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(Locking::Held(read_holder(path))),
        Err((_, error)) => Err(cannot(error.into())),
    }
}

fn open_lock(path: &Path) -> io::Result<std::fs::File> {
    std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// Asks for a lock again and again: `flock(2)` itself would wait without an end, and deaf to signals.
pub(super) async fn wait_for(path: &Path, kind: FlockArg) -> Result<Flock<std::fs::File>> {
    let cannot = |source| Error::Volume {
        path: path.to_owned(),
        source,
    };
    let until = Instant::now() + LOCK_WAIT;
    let mut file = open_lock(path).map_err(cannot)?;
    loop {
        match Flock::lock(file, kind) {
            Ok(lock) => return Ok(lock),
            Err((_, nix::errno::Errno::EWOULDBLOCK)) if Instant::now() >= until => {
                return Err(Error::LocksInUse);
            }
            Err((again, nix::errno::Errno::EWOULDBLOCK)) => file = again,
            Err((_, error)) => return Err(cannot(error.into())),
        }
        tokio::time::sleep(LOCK_POLL).await;
    }
}

/// Who holds the lock of this file: `None` where nobody does, `Some(None)` where the holder has not signed yet.
#[allow(clippy::option_option)]
pub(super) fn held_by(path: PathBuf) -> Result<Option<Option<Holder>>> {
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::Volume { path, source }),
    };
    // A shared lock for a moment: others may look at the same time.
    match Flock::lock(file, FlockArg::LockSharedNonblock) {
        Ok(_) => Ok(None),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(Some(read_holder(&path))),
        Err((_, error)) => Err(Error::Volume {
            path,
            source: error.into(),
        }),
    }
}

/// `None` while the holder is writing it.
pub(super) fn read_holder(path: &Path) -> Option<Holder> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}
