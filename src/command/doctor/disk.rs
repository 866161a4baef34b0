//! The volume: whether it can be used, and how much room its disk has.

use std::io::Write as _;

use nix::sys::statvfs::statvfs;

use crate::error::{Error, Result};
use crate::settings::Settings;
use crate::size::bytes;
use crate::volume::Volume;

use super::finding::Finding;
use super::ledger::Look;

/// What `verify` restores (200 MB and 64 MiB), and restic's cache of a repository of some size.
const LEAST: u64 = 512 << 20;
/// So much is written, to see whether it can be.
const TRIAL: [u8; 4096] = [0; 4096];

/// The volume, where it can be used.
pub(super) fn look(settings: &Settings) -> (Look, Option<Volume>) {
    let volume = match Volume::open(&settings.home).and_then(written) {
        Ok(volume) => volume,
        Err(error) => return (Look::found(Finding::Volume(error)), None),
    };
    let place = settings.home.clone();
    let Ok(disk) = statvfs(&place) else {
        return (Look::good(place.display().to_string()), Some(volume));
    };
    let blocks: u64 = disk.blocks_available();
    let free = blocks.saturating_mul(disk.fragment_size());
    let good = format!("{} can be written, {} free", place.display(), bytes(free));
    let low = (free < LEAST).then_some(Finding::DiskLow { place, free });
    (Look::of(low.into_iter().collect(), good), Some(volume))
}

/// A file is written there, and is gone again.
fn written(volume: Volume) -> Result<Volume> {
    let folder = volume.run_directory();
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(&folder)?;
        file.write_all(&TRIAL)?;
        file.as_file().sync_all()
    };
    match write() {
        Ok(()) => Ok(volume),
        Err(source) => Err(Error::Volume {
            path: folder,
            source,
        }),
    }
}
