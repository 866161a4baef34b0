//! The command to type after a restore that did not get to its end, or did not restore all.
//!
//! restic (0.18) first writes the content of all files, then gives each its time: also one whose content did not come
//! whole. So after an end in the middle `if-changed` finds each half file by its time; after failures only `always` does,
//! which reads what is there and writes what differs.

use std::path::PathBuf;

use crate::cli::Restore;
use crate::repository::{Overwrite, Snapshot};
use crate::restore::Failures;

use super::target::Target;

/// After an end in the middle.
pub(super) fn after_an_end(wish: &Restore, snapshot: &Snapshot, target: &Target) -> String {
    let overwrite = match wish.overwrite {
        Some(Overwrite::Always) => Overwrite::Always,
        _ => Overwrite::IfChanged,
    };
    line(wish.clone(), snapshot, target, overwrite)
}

/// After failures; for the files that failed alone, where all of them are named.
pub(super) fn after_failures(
    wish: &Restore,
    snapshot: &Snapshot,
    target: &Target,
    failures: &Failures,
) -> String {
    let mut wish = wish.clone();
    let named = failures.named.iter().map(|failure| failure.path.clone());
    // A name that is no text cannot be typed; of a folder its owner and mode failed, not what is in it.
    let can_be_named = |path: &String| {
        path.starts_with('/')
            && !path.contains(char::REPLACEMENT_CHARACTER)
            && !target.of_path(path).is_dir()
    };
    let all_are_named = failures.count > 0 && failures.named.len() == failures.count;
    if all_are_named && named.clone().all(|path| can_be_named(&path)) {
        wish.paths = named.collect();
    }
    line(wish, snapshot, target, Overwrite::Always)
}

fn line(mut wish: Restore, snapshot: &Snapshot, target: &Target, overwrite: Overwrite) -> String {
    // By now there may be a newer one.
    wish.snapshot.clone_from(&snapshot.short_id);
    wish.host = None;
    if !wish.in_place {
        wish.target = Some(PathBuf::from(&target.root));
    }
    wish.overwrite = Some(overwrite);
    wish.line()
}
