//! What restic's output says beyond its exit code: unreadable files, the holder of a lock, the figures of a run.
//!
//! Written to the texts and the JSON messages of restic 0.18 (`internal/ui/backup`, "Scripting" in its manual).

use std::os::unix::process::ExitStatusExt;

use nix::sys::signal::Signal;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::supervise::{Streamed, exit_code};

/// So many unreadable files are named; the rest is counted.
const NAMED_FILES: usize = 50;

/// What was found in the output of one run.
#[derive(Debug, Default)]
pub struct Findings {
    unreadable: Vec<String>,
    unreadable_count: usize,
    fatal: Option<String>,
    last_line: Option<String>,
    lock_holder: Option<String>,
    figures: Vec<String>,
    files: Option<u64>,
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
        } else {
            self.read_lock(line);
            self.read_figures(line);
        }
        if !line.trim().is_empty() {
            self.last_line = Some(line.to_owned());
        }
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
                snapshot_id,
            } => {
                self.files = Some(total_files_processed);
                self.figures
                    .push(format!("processed {total_files_processed} files"));
                self.figures
                    .push(format!("snapshot {snapshot_id:.8} saved"));
                self.figures
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
            self.files = rest
                .split(' ')
                .next()
                .and_then(|number| number.parse().ok());
            self.figures.push(line.to_owned());
        } else if line.starts_with("Added to the repository: ")
            || (line.starts_with("snapshot ") && line.ends_with(" saved"))
        {
            self.figures.push(line.to_owned());
        } else if kept_or_removed("keep ") || kept_or_removed("remove ") {
            self.figures.push(line.trim_end_matches(':').to_owned());
        } else if let Some(size) = line.strip_prefix("remaining:") {
            self.figures
                .push(format!("remaining after prune: {}", size.trim()));
        }
    }

    /// The unreadable files, then the figures of the run, for a report.
    #[must_use]
    pub fn summary(&self) -> Vec<String> {
        let mut lines = self.unreadable.clone();
        let unnamed = self.unreadable_count - self.unreadable.len();
        if unnamed > 0 {
            lines.push(format!("and {unnamed} more"));
        }
        if !self.figures.is_empty() {
            lines.push(self.figures.join("; "));
        }
        lines
    }

    /// How the run ended: `Ok` only where everything was done.
    ///
    /// Stricter than restic 0.18 in two cases that it ends with 0: a source that does not exist beside one that does,
    /// and sources without any file, which is what a mistyped host directory looks like in a container.
    pub fn judge(&self, streamed: &Streamed) -> Result<()> {
        if let Some(signal) = streamed.interrupted {
            return Err(Error::Interrupted { signal });
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
            0 if self.files == Some(0) => Err(Error::NothingFound),
            0 => Ok(()),
            3 if self.unreadable_count > 0 || self.files.is_some() => Err(incomplete()),
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

#[cfg(test)]
mod tests;
