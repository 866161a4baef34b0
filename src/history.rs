//! The history of runs: what ran when and how it ended, and which scheduled times are done.
//!
//! One SQLite file in the volume, written by the jobs themselves, whatever started them. It stands in nobody's way:
//! each call ends within [`PATIENCE`] unless the disk itself hangs, and a damaged file is set aside, said, and begun
//! anew. `file` opens it, `rows` has its tables, `past` sums up a job's, `scheduled` has what is kept of schedules, `live`
//! proves whether a run without an end still runs.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::repository::Figures;

mod file;
mod live;
mod past;
mod rows;
mod scheduled;

pub use live::Live;
pub use past::{Known, Past};
pub use scheduled::{Attempt, Scheduled};

/// So long all waiting for others who use the history takes.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Why the history could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refuses a file of it.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others had it all the time.
    #[error("others use it since {} s", PATIENCE.as_secs())]
    Busy,
    /// What is in the file is no history of ours.
    #[error("{0}")]
    Damaged(String),
    /// SQLite failed for another reason, such as a full volume.
    #[error("{0}")]
    Sqlite(rusqlite::Error),
}

type Result<T> = std::result::Result<T, Error>;

/// What is known of a run when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning {
    /// The run's id, which its report carries too.
    pub id: Uuid,
    /// The command: `backup`, `forget`, `check-refresh-token`.
    pub command: String,
    /// Its arguments, without secrets.
    pub args: Vec<String>,
    /// What started it, where that is known.
    pub started_by: Option<String>,
    /// Whether it only says what it would do: then it is no success of its job.
    pub dry_run: bool,
    /// When it began; kept to the millisecond.
    pub started: Timestamp,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// When; kept to the millisecond.
    pub at: Timestamp,
    /// The exit code of the command (`docs/exit-codes.md`).
    pub exit_code: u8,
    /// The first line of its report, without secrets.
    pub verdict: String,
    /// Why it was not carried out, where it left the work to another run.
    pub skipped: Option<String>,
    /// What restic said of its work.
    pub figures: Figures,
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Its process holds the run's lock.
    Running,
    /// Its process is gone and has written no end: it was killed, or the volume took no more.
    BrokenOff,
    /// It ended by itself.
    Ended(End),
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What was known at its beginning.
    pub beginning: Beginning,
    /// What became of it.
    pub state: State,
}

impl Run {
    /// Its end, where it has one.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        match &self.state {
            State::Ended(end) => Some(end),
            State::Running | State::BrokenOff => None,
        }
    }
}

/// The history of one volume; `Volume::history` gives it.
///
/// Each of its functions reads or writes the disk, and may wait for [`PATIENCE`]: not on the runtime's thread.
#[derive(Debug, Clone)]
pub struct History {
    /// The SQLite file.
    file: PathBuf,
    /// Whoever uses the file holds this lock.
    lock: PathBuf,
    /// A locked file for each run on its way.
    live: PathBuf,
}

impl History {
    /// The history in `file`; `lock` is the file of its lock, `live` the folder of the locks of runs.
    #[must_use]
    pub fn new(file: PathBuf, lock: PathBuf, live: PathBuf) -> Self {
        Self { file, lock, live }
    }

    /// Writes that a run began. It counts as running until its [`Live`] is dropped or its process is gone.
    ///
    /// A run whose end is written already, because this came late, stays as it is.
    pub fn begin(&self, run: &Beginning) -> Result<Live> {
        self.with(|database| {
            let live = self.live(run.id)?;
            rows::begin(database, run)?;
            rows::remove_old(database, run.started)?;
            Ok(live)
        })
    }

    /// Writes how a run ended, with its beginning, which may be missing.
    pub fn end(&self, run: &Beginning, end: &End) -> Result<()> {
        self.with(|database| Ok(rows::end(database, run, end)?))?;
        self.forget_live(run.id);
        Ok(())
    }

    /// The last run of a command, with these very arguments or, for `None`, with any.
    ///
    /// Dry runs are passed over, skipped runs are not.
    pub fn last(&self, command: &str, args: Option<&[String]>) -> Result<Option<Run>> {
        self.with(|database| {
            let run = rows::last(database, command, args)?;
            Ok(run.map(|run| self.judged(run)))
        })
    }

    /// The last run that did all its job should: exit code 0, no dry run, not skipped.
    pub fn last_success(&self, command: &str, args: Option<&[String]>) -> Result<Option<Run>> {
        self.with(|database| {
            let run = rows::last_success(database, command, args)?;
            Ok(run.map(|run| self.judged(run)))
        })
    }

    /// All runs that began at this time or later, in the order in which they began; dry runs too.
    pub fn since(&self, time: Timestamp) -> Result<Vec<Run>> {
        self.with(|database| {
            let runs = rows::since(database, time)?;
            Ok(runs.into_iter().map(|run| self.judged(run)).collect())
        })
    }

    fn judged(&self, row: rows::Row) -> Run {
        let rows::Row { beginning, end } = row;
        let state = match end {
            Some(end) => State::Ended(end),
            None if self.is_live(beginning.id) => State::Running,
            None => State::BrokenOff,
        };
        Run { beginning, state }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        if file::is_damage(&error) {
            Self::Damaged(error.to_string())
        } else {
            Self::Sqlite(error)
        }
    }
}

#[cfg(test)]
mod tests;
