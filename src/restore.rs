//! Why a restore does not begin, or did not restore all: sentences for a person who is in a hurry, each with its next step.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use crate::size::bytes;

pub use failures::{Failure, Failures};

mod failures;

/// How a line to type begins.
pub const LINE: &str = "docker compose run --rm cloud-backup";

/// restic with root's rights, through the running server: `cloud-backup` itself gives them up.
pub const AS_ROOT: &str = "docker compose run --rm --user root --entrypoint /usr/bin/restic cloud-backup -r \
                           rest:http+unix:///home/user/.cloud-backup/run/rest.sock:/";

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
    #[error("the host {} has no snapshots here; these have:{}", shown(.host), hosts(.others))]
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
    #[error("{} does not have {}", shown(.snapshot), listed(.paths))]
    NoSuchPath {
        /// What is missing.
        paths: Vec<String>,
        /// Which snapshot, or all of a host.
        snapshot: String,
        /// What was backed up.
        holds: Vec<String>,
    },
    /// Other snapshots have a newer state of it.
    #[error(
        "newer snapshots than {snapshot} have {}: nothing was restored",
        listed(.paths)
    )]
    NotNewest {
        /// The only one with all that was asked for.
        snapshot: String,
        /// What newer ones have.
        paths: Vec<String>,
        /// The commands that take the newest of each path.
        lines: Vec<String>,
        /// The command for this snapshot all the same.
        line: String,
    },
    /// Data is there, and nobody said what shall become of it.
    #[error("{} is not empty: nothing was restored", target.display())]
    NotEmpty {
        /// Where.
        target: PathBuf,
    },
    /// It would be lost with the container.
    #[error("{} is a place in the container, which goes with it: nothing was restored", shown(&place.to_string_lossy()))]
    InContainer {
        /// Where.
        place: PathBuf,
        /// These are the original paths.
        in_place: bool,
        /// The command for what of them is not in the container, if anything is.
        line: Option<String>,
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
    /// What restic would remove, to make a folder of the snapshot there.
    #[error(
        "{} {} in the place of a folder of the snapshot: nothing was restored",
        named(.places, *.count),
        if *.count == 1 { "is a file or a link" } else { "are files or links" }
    )]
    InTheWay {
        /// The first of them.
        places: Vec<PathBuf>,
        /// How many there are.
        count: usize,
    },
    /// The snapshot has its files at other paths than it was made of.
    #[error("snapshot {snapshot} does not have {}, of which it was made: nothing was restored", shown(.path))]
    Relative {
        /// Its short id.
        snapshot: String,
        /// What was backed up.
        path: String,
        /// The command that restores all of it to a new folder.
        line: String,
        /// The command for an older snapshot that has what was asked for.
        older: Option<String>,
    },
    /// Some of it could not be restored.
    #[error("{}", .failures.told(.line.is_some()))]
    Incomplete {
        /// Which.
        failures: Failures,
        /// The command that tries them again; none where all of this was a dry run.
        line: Option<String>,
    },
    /// It was ended before it was done.
    #[error("interrupted by {signal}: {}", of_part(.target.as_deref()))]
    Interrupted {
        /// By what.
        signal: Signal,
        /// Where a part of it is, if it had begun.
        target: Option<PathBuf>,
        /// The command that goes on.
        line: String,
        /// It has another `--overwrite` than this one, by which half a file would stay so.
        instead_of: Option<&'static str>,
    },
    /// restic failed in another way.
    #[error("{message}")]
    Restic {
        /// restic's exit code.
        code: u8,
        /// restic's own words.
        message: String,
        /// The command that goes on, where the restore had begun.
        line: Option<String>,
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
            | Self::NotNewest { .. }
            | Self::Incomplete { .. } => 1,
            Self::NoRepository { .. } => 10,
            Self::NotEmpty { .. }
            | Self::InContainer { .. }
            | Self::Target { .. }
            | Self::InTheWay { .. }
            | Self::Relative { .. }
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
            Self::HostHasNone { line, .. } => shown(line).into(),
            Self::NoSuchSnapshot { .. } => {
                format!("To see them all: {LINE} restic snapshots").into()
            }
            Self::NoSuchPath { paths, holds, .. } => format!(
                "Write the path as it was backed up, such as {}. To see which snapshots have it: {LINE} restic find {}",
                shown(holds.first().map_or("/backup/dir1/file", String::as_str)),
                shown(&quoted(paths.first().map_or("", String::as_str))),
            )
            .into(),
            Self::NotNewest { lines, line, .. } => format!(
                "For the newest of each, one after the other:{}\n     This older state all the same: {}",
                lines.iter().fold(String::new(), |text, line| format!("{text}\n     {}", shown(line))),
                shown(line)
            )
            .into(),
            Self::NotEmpty { .. } => {
                "Take another --target, or leave it out: then it is a new folder. To restore over what is there say what \
                 shall become of it: --overwrite always, if-changed, if-newer or never"
                    .into()
            }
            Self::InContainer {
                line: Some(line), ..
            } => format!("Leave out --in-place; or for what is in the volumes of compose.yaml: {}", shown(line)).into(),
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
            Self::InTheWay { .. } => {
                "Move it away, or restore to a new folder (leave out --target and --in-place). With --overwrite always or \
                 if-changed it is removed, and the folder comes in its place."
                    .into()
            }
            Self::Relative { line, older, .. } => format!(
                "Its backup was given a path that is not whole. To a new folder, to copy from there: {}{}",
                shown(line),
                older.as_ref().map_or(String::new(), |older| {
                    format!("\n     An older snapshot has it: {}", shown(older))
                })
            )
            .into(),
            Self::Incomplete { failures, line } => failures.remedy(line.as_deref()),
            Self::Interrupted {
                target: Some(_),
                line,
                instead_of,
                ..
            } => format!("To go on from there: {line}{}", in_place_of(*instead_of)).into(),
            Self::Interrupted { line, .. } => format!("To begin again: {line}").into(),
            Self::Restic {
                line: Some(line), ..
            } => format!(
                "See docker compose logs cloud-backup for what the storage said. A part may be there; to go on from \
                 there: {line}"
            )
            .into(),
            Self::Restic { .. } => {
                "Nothing was restored. See docker compose logs cloud-backup for what the storage said.".into()
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

/// Why the line that goes on has another `--overwrite` than the one that was typed.
fn in_place_of(overwrite: Option<&'static str>) -> String {
    overwrite.map_or(String::new(), |overwrite| {
        format!(
            "\n     Not {overwrite}: by it half a file would stay so. Files that were changed since the backup become the \
             snapshot's by this line."
        )
    })
}

/// The first of some places, and how many more there are.
fn named(places: &[PathBuf], count: usize) -> String {
    let shown: Vec<String> = places
        .iter()
        .map(|place| shown(&place.to_string_lossy()))
        .collect();
    match count - shown.len().min(count) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Names one after the other.
fn listed(names: &[String]) -> String {
    shown(&names.join(" "))
}

/// A name as it can stand in a line, whatever a file or a client has put there.
#[must_use]
pub fn shown(name: &str) -> String {
    name.chars()
        .map(|char| if char.is_control() { '?' } else { char })
        .collect()
}

fn of_part(target: Option<&Path>) -> String {
    target.map_or("nothing was restored".to_owned(), |target| {
        if target == Path::new("/") {
            return "the original paths have a part of it".to_owned();
        }
        format!("{} has a part of it", target.display())
    })
}

fn hosts(hosts: &[Host]) -> String {
    hosts.iter().fold(String::new(), |mut text, host| {
        let plural = if host.count == 1 { "" } else { "s" };
        let _ = write!(
            text,
            "\n  {}: {} snapshot{plural}, the newest {}",
            shown(&host.name),
            host.count,
            host.newest
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

#[cfg(test)]
mod tests;
