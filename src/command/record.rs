//! Writes a run to the history of the volume, beside the run: what goes wrong with it is one warning, never an error.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;
use uuid::Uuid;

use crate::history::{Beginning, End, History, Live};
use crate::report::Report;
use crate::repository::Figures;
use crate::settings::Environment;
use crate::volume::Volume;

/// Whoever starts a job may say here what it is, for the history.
const STARTED_BY: &str = "CLOUD_BACKUP_STARTED_BY";
/// The history keeps one line of a verdict, of at most so many bytes.
const LONGEST: usize = 1000;

/// One run in the history.
pub(super) struct Record {
    home: PathBuf,
    run: Beginning,
    begun: Option<JoinHandle<Begun>>,
}

/// `None` where it failed, and that has been said.
type Begun = Option<Live>;

impl Record {
    /// The run with this id, which begins now. Nothing is written yet.
    pub(super) fn new(
        home: &Path,
        id: Uuid,
        command: &str,
        args: &[String],
        environment: &Environment,
    ) -> Self {
        let redactor = environment.redactor();
        let started_by = match environment.get(STARTED_BY) {
            Some(starter) if !starter.is_empty() => Some(line(&redactor.text(starter))),
            _ => std::io::stdin()
                .is_terminal()
                .then(|| "a terminal".to_owned()),
        };
        Self {
            home: home.to_owned(),
            run: Beginning {
                id,
                command: command.to_owned(),
                args: args.iter().map(|arg| redactor.text(arg)).collect(),
                started_by,
                dry_run: false,
                started: Timestamp::now(),
            },
            begun: None,
        }
    }

    /// The same of a run that only says what it would do.
    pub(super) fn dry_run(mut self, dry_run: bool) -> Self {
        self.run.dry_run = dry_run;
        self
    }

    /// Writes that the run began: returns at once.
    pub(super) fn begin(&mut self) {
        let (home, run) = (self.home.clone(), self.run.clone());
        self.begun = Some(spawn_blocking(move || {
            history(&home)
                .and_then(|history| history.begin(&run).map_err(|error| error.to_string()))
                .map_err(|error| warn(&error))
                .ok()
        }));
    }

    /// Writes how the run ended, within the history's patience and `at_most` this time.
    pub(super) async fn end(
        self,
        exit_code: u8,
        report: &Report,
        skipped: Option<String>,
        figures: Figures,
        at_most: Duration,
    ) {
        let end = End {
            at: Timestamp::now(),
            exit_code,
            verdict: line(&report.verdict),
            skipped,
            figures,
        };
        let Self { home, run, begun } = self;
        let writing = async {
            let begun = match begun {
                Some(task) => Some(task.await.ok().flatten()),
                None => None,
            };
            let has_been_said = matches!(begun, Some(None));
            let written = spawn_blocking(move || {
                let written = history(&home)
                    .and_then(|history| history.end(&run, &end).map_err(|error| error.to_string()));
                // Only now: a run without lock and end is one that was broken off.
                drop(begun);
                written
            });
            match written.await {
                Ok(Err(error)) if !has_been_said => warn(&error),
                _ => (),
            }
        };
        if timeout(at_most.min(crate::history::PATIENCE), writing)
            .await
            .is_err()
        {
            warn("the disk does not answer in time");
        }
    }
}

fn history(home: &Path) -> Result<History, String> {
    Volume::open(home)
        .map(|volume| volume.history())
        .map_err(|error| error.to_string())
}

fn warn(error: &str) {
    tracing::warn!("this run is not in the history of runs, or not whole: {error}");
}

/// One line without control characters, which names of files may have.
fn line(text: &str) -> String {
    let words: Vec<&str> = text.split(char::is_control).map(str::trim).collect();
    let mut line = words.join(" ").trim().to_owned();
    line.truncate(line.floor_char_boundary(LONGEST));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_one_line_of_bounded_length() {
        assert_eq!(
            line("the configuration has 2 problems:\n  A is wrong\n  B is\u{1b}[31m wrong"),
            "the configuration has 2 problems: A is wrong B is [31m wrong"
        );
        assert_eq!(line(&"é".repeat(LONGEST)).len(), LONGEST);
    }
}
