//! What restic's output says beyond its exit code: unreadable files, the holder of a lock, the figures of a run.
//!
//! Written to the texts and the JSON messages of restic 0.18 (`internal/ui/backup`, "Scripting" in its manual).

use std::os::unix::process::ExitStatusExt;

use nix::sys::signal::Signal;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::supervise::{Stop, Streamed, exit_code};

/// So many unreadable files are named; the rest is counted.
const NAMED_FILES: usize = 50;

/// How a crash of restic begins, as of every program in Go.
pub(super) const PANIC: &str = "panic: ";

/// What was found in the output of one run.
#[derive(Debug, Default)]
pub struct Findings {
    unreadable: Vec<String>,
    unreadable_count: usize,
    damage: Vec<String>,
    not_removed: bool,
    /// The first snapshot that was asked for by an ID that none has.
    ignored: Option<String>,
    fatal: Option<String>,
    last_line: Option<String>,
    line_before: Option<String>,
    lock_holder: Option<String>,
    figure_lines: Vec<String>,
    figures: Figures,
}

/// What restic said of its work in figures; each is missing where it said nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// The snapshot's id: its first 8 digits, or all 64 with `--json`.
    pub snapshot: Option<String>,
    /// How many files were looked at.
    pub files: Option<u64>,
    /// By how many bytes the repository grew, before compression. With `--json` exact, else as printed: four digits or
    /// more.
    pub bytes_added: Option<u64>,
    /// How many bytes the files have; as exact as that.
    pub bytes_processed: Option<u64>,
}

/// A message of `restic --json`.
#[derive(Deserialize)]
#[serde(tag = "message_type", rename_all = "snake_case")]
enum Message {
    Error {
        error: ErrorText,
    },
    ExitError {
        message: String,
    },
    Summary {
        total_files_processed: u64,
        data_added: u64,
        total_bytes_processed: Option<u64>,
        #[serde(default)]
        snapshot_id: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct ErrorText {
    message: String,
}

/// `Ignoring "ffffffff": no matching ID found for prefix "ffffffff"`
fn ignored(line: &str) -> Option<&str> {
    let (id, reason) = line.strip_prefix("Ignoring \"")?.split_once("\": ")?;
    reason.starts_with("no matching ID found").then_some(id)
}

impl Findings {
    /// Reads one line of the output.
    pub fn read(&mut self, line: &str) {
        if line.starts_with('{') {
            if let Ok(message) = serde_json::from_str(line) {
                self.read_message(message);
            }
            return;
        }
        if let Some(file) = line.strip_prefix("error: ") {
            self.unreadable(file);
        } else if line.ends_with(" does not exist, skipping") {
            self.unreadable(line.trim_end_matches(", skipping"));
        } else if let Some(fatal) = line.strip_prefix("Fatal: ") {
            self.fatal = Some(fatal.to_owned());
        } else if line.starts_with(PANIC) {
            // What follows is a trace.
            self.fatal = Some(line.to_owned());
        } else if line.starts_with("unable to remove ") && line.ends_with(" from the repository") {
            self.not_removed = true;
        } else if let Some(id) = ignored(line) {
            self.ignored.get_or_insert_with(|| id.to_owned());
        } else if let Some(damage) = damage(line) {
            if self.damage.len() < NAMED_FILES {
                self.damage.push(damage.to_owned());
            }
        } else {
            self.read_lock(line);
            self.read_figures(line);
        }
        if line.starts_with('\t') {
            // A place in the trace of an error, under the name of its function: the error stands above them.
            self.last_line.clone_from(&self.line_before);
        } else if !line.trim().is_empty() {
            self.line_before = self.last_line.replace(line.to_owned());
        }
    }

    /// The first snapshot that was asked for by an ID that none has: restic goes on without it, and ends well.
    #[must_use]
    pub fn ignored(&self) -> Option<&str> {
        self.ignored.as_deref()
    }

    fn read_message(&mut self, message: Message) {
        match message {
            Message::Error { error } => self.unreadable(&error.message),
            Message::ExitError { message } => {
                message.lines().for_each(|line| self.read_lock(line));
                self.fatal = Some(message.trim_start_matches("Fatal: ").to_owned());
            }
            Message::Summary {
                total_files_processed,
                data_added,
                total_bytes_processed,
                snapshot_id,
            } => {
                self.figures = Figures {
                    snapshot: Some(snapshot_id.clone()).filter(|id| !id.is_empty()),
                    files: Some(total_files_processed),
                    bytes_added: Some(data_added),
                    bytes_processed: total_bytes_processed,
                };
                self.figure_lines
                    .push(format!("processed {total_files_processed} files"));
                self.figure_lines
                    .push(format!("snapshot {snapshot_id:.8} saved"));
                self.figure_lines
                    .push(format!("{data_added} bytes added to the repository"));
            }
            Message::Other => (),
        }
    }

    fn unreadable(&mut self, file: &str) {
        self.unreadable_count += 1;
        if self.unreadable.len() < NAMED_FILES {
            self.unreadable.push(file.to_owned());
        }
    }

    /// "repository is already locked (exclusively) by PID 42 on host by user (UID 1000, GID 1000)", then its age.
    fn read_lock(&mut self, line: &str) {
        if let Some((_, holder)) = line.split_once("already locked ") {
            let exclusive = if holder.starts_with("exclusively ") {
                ", exclusively"
            } else {
                ""
            };
            let holder = holder
                .trim_start_matches("exclusively ")
                .trim_start_matches("by ");
            self.lock_holder = Some(format!("{holder}{exclusive}"));
        } else if let (Some(since), Some(holder)) = (
            line.strip_prefix("lock was created at "),
            &mut self.lock_holder,
        ) {
            holder.push_str(" since ");
            holder.push_str(since);
        }
    }

    fn read_figures(&mut self, line: &str) {
        let kept_or_removed = |verb: &str| {
            line.strip_prefix(verb)
                .is_some_and(|rest| rest.ends_with(" snapshots:"))
        };
        if let Some(rest) = line.strip_prefix("processed ") {
            self.figures.files = rest
                .split(' ')
                .next()
                .and_then(|number| number.parse().ok());
            self.figures.bytes_processed = rest.split_once(", ").and_then(|(_, size)| bytes(size));
            self.figure_lines.push(line.to_owned());
        } else if let Some(size) = line.strip_prefix("Added to the repository: ") {
            self.figures.bytes_added = bytes(size);
            self.figure_lines.push(line.to_owned());
        } else if let Some(snapshot) = line
            .strip_prefix("snapshot ")
            .and_then(|rest| rest.strip_suffix(" saved"))
        {
            self.figures.snapshot = Some(snapshot.to_owned());
            self.figure_lines.push(line.to_owned());
        } else if kept_or_removed("keep ") || kept_or_removed("remove ") {
            self.figure_lines
                .push(line.trim_end_matches(':').to_owned());
        } else if let Some(size) = line.strip_prefix("remaining:") {
            self.figure_lines
                .push(format!("remaining after prune: {}", size.trim()));
        }
    }

    /// The figures of the run, for programs.
    #[must_use]
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// The unreadable files and damaged parts, then the figures of the run, for a report.
    #[must_use]
    pub fn summary(&self) -> Vec<String> {
        let mut lines = self.unreadable.clone();
        lines.extend(self.damage.iter().cloned());
        let unnamed = self.unreadable_count - self.unreadable.len();
        if unnamed > 0 {
            lines.push(format!("and {unnamed} more"));
        }
        if !self.figure_lines.is_empty() {
            lines.push(self.figure_lines.join("; "));
        }
        lines
    }

    /// How the run ended: `Ok` only where everything was done.
    ///
    /// Stricter than restic 0.18 in three cases that it ends with 0: a source that does not exist beside one that does,
    /// sources without any file, which is what a mistyped host directory looks like in a container, and snapshots or
    /// packs that the storage does not let it remove.
    pub fn judge(&self, streamed: &Streamed) -> Result<()> {
        match streamed.stopped {
            Some(Stop::Signal(signal)) => return Err(Error::Interrupted { signal }),
            Some(Stop::Silence(after)) => return Err(Error::NoAnswer { after }),
            None => (),
        }
        if let Some(signal) = streamed
            .status
            .signal()
            .and_then(|number| Signal::try_from(number).ok())
        {
            return Err(Error::Killed {
                program: "restic".to_owned(),
                signal,
            });
        }
        let incomplete = || Error::Incomplete {
            files: self.unreadable.clone(),
            count: self.unreadable_count,
        };
        match exit_code(streamed.status) {
            0 if self.unreadable_count > 0 => Err(incomplete()),
            0 if self.figures.files == Some(0) => Err(Error::NothingFound),
            0 if self.not_removed => Err(Error::NotRemoved),
            0 => Ok(()),
            3 if self.unreadable_count > 0 || self.figures.files.is_some() => Err(incomplete()),
            3 => Err(Error::NotRemoved),
            10 => Err(Error::NoRepository {
                remote: "the server".to_owned(),
            }),
            11 => Err(Error::Locked {
                holder: self
                    .lock_holder
                    .clone()
                    .unwrap_or_else(|| "an unknown process".to_owned()),
            }),
            12 => Err(Error::WrongPassword),
            code => Err(Error::Restic {
                code,
                message: self.last_words(code),
                complaint: None,
            }),
        }
    }

    fn last_words(&self, code: u8) -> String {
        let words = self.fatal.as_ref().or(self.last_line.as_ref());
        words.map_or_else(
            || format!("restic ended with code {code} and said nothing"),
            Clone::clone,
        )
    }
}

/// What `restic check` or `restic restore` says of a part that is damaged or missing, without its details: those may be
/// a line of kilobytes.
fn damage(line: &str) -> Option<&str> {
    let is_one = line.starts_with("ignoring error for ")
        || line.starts_with("error for tree ")
        || line
            .strip_prefix("pack ")
            .and_then(|rest| rest.split_once([' ', ':']))
            .is_some_and(|(id, _)| id.len() == 64);
    is_one.then(|| line.split_once(": [").map_or(line, |(said, _)| said))
}

/// The size that a text begins with, in bytes, as restic prints sizes: `512 B`, `484.083 KiB`.
fn bytes(text: &str) -> Option<u64> {
    let (number, rest) = text.split_once(' ')?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let unit = rest.split([' ', ',']).next();
    let unit = ["B", "KiB", "MiB", "GiB", "TiB"]
        .iter()
        .position(|known| unit == Some(known))?;
    // Without floating point: thousandths of the unit.
    let thousandths = whole.parse::<u64>().ok()?.checked_mul(1000)?
        + format!("{decimals:0<3.3}").parse::<u64>().ok()?;
    u64::try_from(u128::from(thousandths) * (1 << (10 * unit)) / 1000).ok()
}

#[cfg(test)]
mod tests;
