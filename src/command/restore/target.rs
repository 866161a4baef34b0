//! Where a restore goes: a new folder, a chosen one, or the original paths; and whether it may.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use fs_err as fs;
use jiff::Timestamp;
use nix::sys::statvfs::statvfs;

use crate::cli::Restore;
use crate::in_container::{device, is_in_container, mounted_of, nearest};
use crate::repository::Snapshot;
use crate::restore::Refusal;

use super::choice;

/// So many bytes stay free in the volume, where login and history are written too.
const LEFT_FREE: u64 = 64 * 1024 * 1024;
/// So many places that are in the way are named; the rest is counted.
const NAMED: usize = 10;

/// Where a restore goes.
#[derive(Debug)]
pub(super) struct Target {
    /// Below this folder.
    pub root: PathBuf,
    /// To the original paths.
    pub in_place: bool,
    /// Where files will be: the root, or the original paths.
    pub places: Vec<PathBuf>,
    /// The one path that was asked for, if it was one.
    pub path: Option<PathBuf>,
    /// So many bytes have to stay free, if any are written.
    left_free: u64,
}

impl Target {
    pub(super) fn of(
        wish: &Restore,
        snapshot: &Snapshot,
        home: &Path,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let paths = choice::asked(wish);
        let root = match &wish.target {
            _ if wish.in_place => PathBuf::from("/"),
            Some(target) => std::path::absolute(target).map_err(|source| Refusal::Target {
                target: target.clone(),
                source,
            })?,
            None => home.join(format!(
                "restored/{}-{}",
                snapshot.short_id,
                now.strftime("%Y%m%d-%H%M%S")
            )),
        };
        let path = match paths {
            [one] => Some(below(&root, Path::new(one))),
            _ => None,
        };
        let originals = if paths.is_empty() {
            &snapshot.paths
        } else {
            paths
        };
        let places = if wish.in_place {
            originals.iter().map(PathBuf::from).collect()
        } else {
            vec![root.clone()]
        };
        let left_free = if root.starts_with(home) { LEFT_FREE } else { 0 };
        Ok(Self {
            left_free,
            root,
            in_place: wish.in_place,
            places,
            path,
        })
    }

    /// That nothing is written over unasked, and nothing is put where it is lost with the container.
    pub(super) fn require_safe(&self, wish: &Restore, home: &Path) -> Result<(), Refusal> {
        if wish.overwrite.is_none() && !self.is_empty()? {
            return Err(Refusal::NotEmpty {
                target: self.root.clone(),
            });
        }
        match self.places.iter().find(|place| is_in_container(place)) {
            Some(place) => Err(Refusal::InContainer {
                place: place.clone(),
                in_place: self.in_place,
                line: self.mounted_alone(wish, home),
            }),
            None => Ok(()),
        }
    }

    /// The line for what is mounted at the original paths or below them.
    fn mounted_alone(&self, wish: &Restore, home: &Path) -> Option<String> {
        let originals = self.places.iter();
        let originals: Vec<String> = originals
            .map(|place| place.to_string_lossy().into_owned())
            .collect();
        let paths =
            mounted_of(&originals, home).filter(|paths| self.in_place && !paths.is_empty())?;
        Some(
            Restore {
                paths,
                ..wish.clone()
            }
            .line(),
        )
    }

    /// Where a path of the snapshot comes.
    pub(super) fn of_path(&self, path: &str) -> PathBuf {
        below(&self.root, Path::new(path))
    }

    fn is_empty(&self) -> Result<bool, Refusal> {
        match std::fs::read_dir(&self.root) {
            Ok(mut entries) => Ok(entries.next().is_none()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
            Err(source) => Err(self.unusable(&source)),
        }
    }

    /// That there is room for so many bytes, and for what has to stay free. Where the paths are on several file systems that is not known.
    pub(super) fn require_room(&self, needed: u64) -> Result<(), Refusal> {
        let devices = self.places.iter().map(|place| device(nearest(place)));
        let mut devices: Vec<_> = devices.collect();
        devices.dedup();
        let (Some(place), [Some(_)]) = (self.places.first(), &devices[..]) else {
            return Ok(());
        };
        let Ok(room) = statvfs(nearest(place)) else {
            return Ok(());
        };
        #[allow(clippy::unnecessary_cast)] // Not the same type on every system.
        let there = (room.blocks_available() as u64).saturating_mul(room.fragment_size() as u64);
        let needed = match needed {
            0 => return Ok(()),
            needed => needed.saturating_add(self.left_free),
        };
        if needed <= there {
            return Ok(());
        }
        Err(Refusal::NoRoom {
            needed,
            there,
            place: nearest(place).to_owned(),
        })
    }

    /// Makes the folder, and sees that it can be written to.
    pub(super) fn make(&self) -> Result<(), Refusal> {
        if self.in_place {
            // restic says of each file whether it may.
            return Ok(());
        }
        fs::create_dir_all(&self.root)
            .and_then(|()| tempfile::tempfile_in(&self.root).map(drop))
            .map_err(|error| self.unusable(&error))
    }

    fn unusable(&self, source: &io::Error) -> Refusal {
        Refusal::Target {
            target: self.root.clone(),
            // The kind alone: the rest of the sentence has the path already.
            source: source.kind().into(),
        }
    }
}

/// What is in the place of folders of the snapshot and is none.
#[derive(Debug)]
pub(super) struct InTheWay<'a> {
    root: &'a Path,
    places: Vec<PathBuf>,
    count: usize,
}

impl<'a> InTheWay<'a> {
    pub(super) fn new(root: &'a Path) -> Self {
        Self {
            root,
            places: Vec::new(),
            count: 0,
        }
    }

    /// Looks at the place of a folder of the snapshot.
    pub(super) fn look(&mut self, folder: &Path) {
        let place = below(self.root, folder);
        // The root itself may be a link: restic goes through it.
        let is_one =
            place != self.root && place.symlink_metadata().is_ok_and(|found| !found.is_dir());
        if is_one && !self.places.contains(&place) {
            self.count += 1;
            if self.places.len() < NAMED {
                self.places.push(place);
            }
        }
    }

    pub(super) fn judge(self) -> Result<(), Refusal> {
        if self.count == 0 {
            return Ok(());
        }
        Err(Refusal::InTheWay {
            places: self.places,
            count: self.count,
        })
    }
}

/// Where a path of a snapshot is below a folder.
fn below(folder: &Path, path: &Path) -> PathBuf {
    folder.join(path.strip_prefix("/").unwrap_or(path))
}
