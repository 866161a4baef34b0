//! Why a restore does not begin, or did not restore all: sentences for a person who is in a hurry, each with its next step.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use crate::size::bytes;

/// How a line to type begins.
pub const LINE: &str = "docker compose run --rm cloud-backup";

/// restic with root's rights, through the running server: `cloud-backup` itself gives them up.
pub const AS_ROOT: &str = "docker compose run --rm --user root --entrypoint /usr/bin/restic cloud-backup -r \
                           rest:http+unix:///home/user/.cloud-backup/run/rest.sock:/";

/// What restic could not restore.
#[derive(Debug, Default)]
pub struct Failures {
    /// How many files, folders and links.
    pub count: usize,
    /// The first of them, each with the system's word.
    pub named: Vec<String>,
}

/// The snapshots of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// How many there are.
    pub count: usize,
    /// When the newest of them was made, for a person.
    pub newest: String,
}

/// Why there is no restore, or no whole one.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nothing was ever backed up there.
    #[error("there is no repository at {remote}")]
    NoRepository {
        /// The remote path.
        remote: String,
    },
    /// A repository without a snapshot.
    #[error("the repository at {remote} has no snapshots")]
    NoSnapshots {
        /// The remote path.
        remote: String,
    },
    /// Other hosts have snapshots.
    #[error("the host {host} has no snapshots here; these have:{}", hosts(.others))]
    HostHasNone {
        /// Who was asked for.
        host: String,
        /// Who has some, the most recent first.
        others: Vec<Host>,
        /// The command with the first of them.
        line: String,
    },
    /// No snapshot has this id, or several begin like it.
    #[error("{} snapshot has the ID {id}", if *.several { "more than one" } else { "no" })]
    NoSuchSnapshot {
        /// What was asked for.
        id: String,
        /// Several begin like it.
        several: bool,
    },
    /// What was asked for is not in the snapshot.
    #[error("{snapshot} does not have {}", .paths.join(" "))]
    NoSuchPath {
        /// What is missing.
        paths: Vec<String>,
        /// Which snapshot, or all of a host.
        snapshot: String,
        /// What was backed up.
        holds: Vec<String>,
    },
    /// Data is there, and nobody said what shall become of it.
    #[error("{} is not empty: nothing was restored", target.display())]
    NotEmpty {
        /// Where.
        target: PathBuf,
    },
    /// It would be lost with the container.
    #[error("{} is a place in the container, which goes with it: nothing was restored", place.display())]
    InContainer {
        /// Where.
        place: PathBuf,
        /// These are the original paths.
        in_place: bool,
    },
    /// The target cannot be used.
    #[error("cannot write to {}: {source}", target.display())]
    Target {
        /// Where.
        target: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is not enough room.
    #[error(
        "not enough room: {} are needed, and {} has {}: nothing was restored",
        bytes(*.needed), place.display(), bytes(*.there)
    )]
    NoRoom {
        /// In bytes.
        needed: u64,
        /// In bytes.
        there: u64,
        /// Where.
        place: PathBuf,
    },
    /// Some of it could not be restored.
    #[error("{}", incomplete(.0))]
    Incomplete(Failures),
    /// It was ended before it was done.
    #[error("interrupted by {signal}: {}", of_part(.target.as_deref()))]
    Interrupted {
        /// By what.
        signal: Signal,
        /// Where a part of it is, if it had begun.
        target: Option<PathBuf>,
        /// The command that goes on.
        line: String,
    },
    /// restic failed in another way.
    #[error("{message}")]
    Restic {
        /// restic's exit code.
        code: u8,
        /// restic's own words.
        message: String,
    },
}

impl Refusal {
    /// restic's own where it has one for this, else 73 for what is wrong with the place to restore to.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoSnapshots { .. }
            | Self::HostHasNone { .. }
            | Self::NoSuchSnapshot { .. }
            | Self::NoSuchPath { .. }
            | Self::Incomplete(_) => 1,
            Self::NoRepository { .. } => 10,
            Self::NotEmpty { .. }
            | Self::InContainer { .. }
            | Self::Target { .. }
            | Self::NoRoom { .. } => 73,
            Self::Interrupted { .. } => 130,
            Self::Restic { code, .. } => *code,
        }
    }

    /// The next step.
    #[must_use]
    pub fn remedy(&self) -> Cow<'static, str> {
        match self {
            Self::NoRepository { .. } | Self::NoSnapshots { .. } => {
                "Make none there now. Check AAI_USER and BACKUP_BUCKET (or BACKUP_REMOTE) in .env; to look at what is \
                 stored: docker compose run --rm cloud-backup rclone lsf infncloud:/<AAI_USER>/"
                    .into()
            }
            Self::HostHasNone { line, .. } => line.clone().into(),
            Self::NoSuchSnapshot { .. } => {
                format!("To see them all: {LINE} restic snapshots").into()
            }
            Self::NoSuchPath { paths, holds, .. } => format!(
                "Write the path as it was backed up, such as {}. To see which snapshots have it: {LINE} restic find {}",
                holds.first().map_or("/backup/dir1/file", String::as_str),
                quoted(paths.first().map_or("", String::as_str)),
            )
            .into(),
            Self::NotEmpty { .. } => {
                "Take another --target, or leave it out: then it is a new folder. To restore over what is there say what \
                 shall become of it: --overwrite always, if-changed, if-newer or never"
                    .into()
            }
            Self::InContainer { in_place: true, .. } => {
                "It must be in the volumes of compose.yaml; or leave out --in-place.".into()
            }
            Self::InContainer { .. } => format!(
                "Leave out --target, or mount a directory of the VM: {MOUNTED} --target /restored"
            )
            .into(),
            Self::Target { source, .. } => of_target(source),
            Self::NoRoom { .. } => format!(
                "Restore less (name the paths), or to a directory of the VM on a larger disk: {MOUNTED} --target /restored"
            )
            .into(),
            Self::Incomplete(failures) => of_failures(failures),
            Self::Interrupted {
                target: Some(_),
                line,
                ..
            } => format!("To go on from there: {line}").into(),
            Self::Interrupted { line, .. } => format!("To begin again: {line}").into(),
            Self::Restic { .. } => {
                "See docker compose logs cloud-backup for what the storage said. What was restored by then is there: the \
                 same line with that --target and --overwrite if-changed goes on."
                    .into()
            }
        }
    }
}

/// With a directory of the VM that is not in `compose.yaml`.
const MOUNTED: &str = "docker compose run --rm -v /srv/restored:/restored cloud-backup restore";

fn of_target(source: &io::Error) -> Cow<'static, str> {
    match source.kind() {
        ErrorKind::PermissionDenied => {
            "It must be writable for uid 1000; a directory of the VM becomes so by: sudo chown 1000:1000 DIRECTORY".into()
        }
        ErrorKind::ReadOnlyFilesystem => {
            "It is mounted read-only: see the volumes in compose.yaml, or take another --target.".into()
        }
        _ => "Take another --target, or leave it out: then it is a new folder.".into(),
    }
}

fn of_failures(failures: &Failures) -> Cow<'static, str> {
    let any = |words: &str| failures.named.iter().any(|line| line.ends_with(words));
    if any("no space left on device") || any("disk quota exceeded") {
        "Make room there, then type the same command with --overwrite if-changed: it goes on from there.".into()
    } else if any("permission denied")
        || any("operation not permitted")
        // A file that it may not write restic makes writable by chmod, and tells how that went.
        || failures.named.iter().any(|line| line.contains(": chmod /"))
    {
        "uid 1000 may not write there. Restore to a new folder (leave out --target and --in-place) and copy as root; or \
         restore with root's rights: docs/restore.md, \"Files of other owners\"."
            .into()
    } else {
        "All else was restored. To try what is missing again type the same command with --overwrite if-changed.".into()
    }
}

fn incomplete(failures: &Failures) -> String {
    let plural = if failures.count == 1 { "" } else { "s" };
    let mut text = format!(
        "{} file{plural} or folder{plural} could not be restored:",
        failures.count
    );
    for line in &failures.named {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n  {line}");
    }
    if failures.count > failures.named.len() {
        let _ = write!(
            text,
            "\n  and {} more",
            failures.count - failures.named.len()
        );
    }
    text
}

fn of_part(target: Option<&Path>) -> String {
    target.map_or("nothing was restored".to_owned(), |target| {
        format!("{} has a part of it", target.display())
    })
}

fn hosts(hosts: &[Host]) -> String {
    hosts.iter().fold(String::new(), |mut text, host| {
        let plural = if host.count == 1 { "" } else { "s" };
        let _ = write!(
            text,
            "\n  {}: {} snapshot{plural}, the newest {}",
            host.name, host.count, host.newest
        );
        text
    })
}

/// A word as a shell takes it.
#[must_use]
pub fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| {
        c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | ':' | ',' | '=' | '+' | '@')
    };
    if !word.is_empty() && word.chars().all(is_plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''")).into()
    }
}

/// A path for a line to type.
#[must_use]
pub fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy()).into_owned()
}
