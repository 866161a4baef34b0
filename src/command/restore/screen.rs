//! What a restore tells on its way.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::moment::seen_from;
use crate::repository::{Amount, Overwrite};
use crate::restore::{LINE, quoted_path, shown};
use crate::size::bytes;

use super::Place;
use super::choice::Choice;
use super::target::Target;

/// Between two figures on a terminal.
const PAUSE: Duration = Duration::from_millis(250);

/// Nobody listening is no reason to end.
fn say(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Which snapshot it is, and what else could have been meant.
pub(super) fn choice(choice: &Choice<'_>, place: &Place<'_>) {
    let snapshot = choice.snapshot;
    say(format_args!(
        "Snapshot {} of {} from {}: {}",
        snapshot.short_id,
        shown(&snapshot.hostname),
        seen_from(place.now, snapshot.time, &place.zone),
        shown(&snapshot.paths.join(" "))
    ));
    match choice.newer {
        0 => (),
        1 => say("  There is 1 newer one of it."),
        newer => say(format_args!("  There are {newer} newer ones of it.")),
    }
    for newer in &choice.newer_elsewhere {
        say(format_args!(
            "  NEWER: {} from {} has {}: name that alone to have its newest state",
            newer.newest_id,
            seen_from(place.now, newer.newest, &place.zone),
            shown(&newer.paths.join(" "))
        ));
    }
    for other in &choice.others {
        say(format_args!(
            "  Other directories of {} have snapshots of their own: {} (the newest is {} from {})",
            shown(&other.host),
            shown(&other.paths.join(" ")),
            other.newest_id,
            seen_from(place.now, other.newest, &place.zone)
        ));
    }
    if !choice.hosts.is_empty() {
        say(format_args!(
            "  Other hosts have snapshots here too (--host NAME): {}",
            shown(&choice.hosts.join(" "))
        ));
    }
    say(format_args!(
        "  To see all snapshots: {LINE} restic snapshots; to choose one: --snapshot ID"
    ));
}

/// `10 files and folders (2.8 MiB)`
fn amount(files: u64, size: u64) -> String {
    let plural = if files == 1 { "" } else { "s" };
    format!("{files} file{plural} and folder{plural} ({})", bytes(size))
}

fn skipped(done: Amount) -> String {
    match done.files_skipped {
        0 => String::new(),
        1 => format!(
            "; 1 that is there already ({}) is left as it is",
            bytes(done.bytes_skipped)
        ),
        files => format!(
            "; {files} that are there already ({}) are left as they are",
            bytes(done.bytes_skipped)
        ),
    }
}

/// The end of a dry run.
pub(super) fn would_be(done: Amount, target: &Target) {
    say(format_args!(
        "Would restore {} to {}{}. Nothing was written.",
        amount(done.files_restored, done.bytes_restored),
        destination(target),
        skipped(done)
    ));
}

/// Before it begins.
pub(super) fn begin(new: Amount, overwrite: Option<Overwrite>, target: &Target) {
    let there = match overwrite {
        Some(when) if new.files_skipped > 0 => format!(
            "; there already: {} (--overwrite {})",
            new.files_skipped,
            when.as_str()
        ),
        _ => String::new(),
    };
    say(format_args!(
        "Restoring {} to {}{there} ...",
        amount(new.files_restored, new.bytes_restored),
        destination(target),
    ));
}

/// The verdict.
pub(super) fn done(done: Amount, target: &Target, home: &Path) {
    say(format_args!(
        "Restored {} to {}{}",
        amount(done.files_restored, done.bytes_restored),
        destination(target),
        skipped(done)
    ));
    if !target.in_place && target.root.starts_with(home) {
        let from = target.path.as_deref().unwrap_or(&target.root);
        say(format_args!(
            "  -> That is in the container's volume. To copy it to the VM: docker compose cp {} .",
            crate::restore::quoted(&format!("cloud-backup:{}", from.display()))
        ));
    }
}

fn destination(target: &Target) -> String {
    match &target.path {
        Some(path) => quoted_path(path),
        None if target.in_place => "the original paths".to_owned(),
        None => quoted_path(&target.root),
    }
}

/// restic's figures as they grow, on a terminal.
pub(super) struct Progress {
    /// What there is to be done at least: restic itself learns of it only on its way.
    least: Amount,
    shown: Option<Instant>,
    on_terminal: bool,
}

impl Progress {
    pub(super) fn of(least: Amount) -> Self {
        Self {
            least,
            shown: None,
            on_terminal: std::io::stdout().is_terminal(),
        }
    }

    pub(super) fn show(&mut self, so_far: Amount) {
        if !self.on_terminal || self.shown.is_some_and(|at| at.elapsed() < PAUSE) {
            return;
        }
        self.shown = Some(Instant::now());
        let total_files = so_far.total_files.max(self.least.total_files);
        let total_bytes = so_far.total_bytes.max(self.least.total_bytes);
        let percent = (so_far.bytes_restored.saturating_mul(100))
            .checked_div(total_bytes)
            .unwrap_or(0);
        draw(&format!(
            "\r\x1b[2K{percent} %: {} of {total_files} files and folders, {} of {}",
            so_far.files_restored,
            bytes(so_far.bytes_restored),
            bytes(total_bytes)
        ));
    }

    /// Leaves the line to what comes next.
    pub(super) fn end(&self) {
        if self.shown.is_some() {
            draw("\r\x1b[2K");
        }
    }
}

/// Nobody looking is no reason to end.
fn draw(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
}
