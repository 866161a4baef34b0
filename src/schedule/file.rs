//! The file of Ofelia, as jobs that we can keep, or everything that is wrong with it.
//!
//! The keys are those of Ofelia's docs/jobs.md for `[global]`, `[job-exec "name"]` and `[job-local "name"]`, and five of
//! ours: `catch-up`, `jitter`, `timeout`, `max-age` and `keep-logs-days`. Ofelia drops a job that it cannot read, or
//! the rest of the file, and goes on without a word; here every mistake is a refusal with its line. Whether a job's
//! container and user are ours is not told here: the caller knows who we are.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::Schedule;

mod global;
mod ini;
mod job;
mod keys;
mod words;

/// One thing that is wrong with the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct Refusal {
    /// Its line, counted from 1.
    pub line: usize,
    /// What is wrong and what to write instead; without values, which may be secrets, but for those of schedules.
    pub message: String,
}

impl Refusal {
    fn new(line: usize, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
        }
    }
}

/// What the file asks for.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The jobs in the order of the file; their names differ.
    pub jobs: Vec<Job>,
    /// `save-folder` of `[global]`: an absolute path.
    pub save_folder: Option<PathBuf>,
    /// `keep-logs-days`: how long the logs of runs are kept.
    pub keep_logs_days: Option<u32>,
}

/// One job.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its name: fit for the name of a log file.
    pub name: String,
    /// The line of its section.
    pub line: usize,
    /// Where it runs.
    pub kind: Kind,
    /// When it runs.
    pub schedule: Schedule,
    /// The program and its arguments; at least the program.
    pub command: Vec<String>,
    /// Variables beside those that the command has anyway. The values may be secrets: ping URLs are.
    pub environment: Vec<(String, SecretString)>,
    /// `no-overlap`; Ofelia's default is `false`.
    pub no_overlap: bool,
    /// `catch-up`: whether a missed run is made up; `true` unless the file says otherwise.
    pub catch_up: bool,
    /// `jitter`: a run may begin later by up to this time; at most a day.
    pub jitter: Duration,
    /// `timeout`: how long a run may take.
    pub timeout: Option<Duration>,
    /// `max-age`, else that of `[global]`: how old the last success may become.
    pub max_age: Option<Duration>,
    /// `save-folder`, else that of `[global]`: an absolute path.
    pub save_folder: Option<PathBuf>,
}

/// Where a job runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `job-exec`: in a container that runs already.
    Exec {
        /// The container's name.
        container: String,
        /// Who runs it; Ofelia's default is root.
        user: Option<String>,
        /// The line of `container`, for a refusal where it is not ours.
        line: usize,
    },
    /// `job-local`: where the scheduler runs.
    Local {
        /// The working directory.
        dir: Option<PathBuf>,
    },
}

/// Reads the bytes of the file, in which nothing may be wrong.
pub fn parse(bytes: &[u8]) -> Result<Plan, Vec<Refusal>> {
    let (plan, refusals) = read(bytes);
    if refusals.is_empty() {
        Ok(plan)
    } else {
        Err(refusals)
    }
}

/// What can be kept of the file, and every refusal, in the order of the lines.
#[must_use]
pub fn read(bytes: &[u8]) -> (Plan, Vec<Refusal>) {
    let mut refusals = Vec::new();
    let sections = ini::read(bytes, &mut refusals);
    let global = global::read(&sections, &mut refusals);
    let jobs = job::read(&sections, &global, &mut refusals);
    if jobs.is_empty() && refusals.is_empty() {
        refusals.push(Refusal::new(
            1,
            "the file has no job: write a section such as [job-exec \"backup\"]",
        ));
    }
    refusals.sort_by_key(|refusal| refusal.line);
    let plan = Plan {
        jobs,
        save_folder: global.save_folder,
        keep_logs_days: global.keep_logs_days,
    };
    (plan, refusals)
}
