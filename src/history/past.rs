//! The past of a job, as far as it tells how the job stands: its last run, its last success, and what failed since.

use jiff::Timestamp;

use super::{History, Run, State, rows, scheduled};
use crate::schedule::timetable::FURTHEST_AHEAD;

/// A job as the history knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its name in the schedule file; empty where there is none.
    pub job: String,
    /// Its schedule, in its very words.
    pub schedule: String,
    /// The command of its runs.
    pub command: String,
    /// Their arguments.
    pub args: Vec<String>,
}

/// What has become of a job so far. Dry runs are none of its runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    /// The newest run that is over, skipped or not.
    pub last: Option<Run>,
    /// The newest run that did all it should, skipped ones aside.
    pub last_success: Option<Run>,
    /// The newest run that failed or was broken off, where no success came after it.
    pub last_failure: Option<Run>,
    /// How many such runs there are.
    pub failed_in_a_row: u32,
    /// The run that is on its way.
    pub running: Option<Run>,
    /// Since when the job is known with this schedule.
    pub since: Option<Timestamp>,
    /// From where our own scheduler counts `@every`.
    pub anchor: Option<Timestamp>,
}

impl History {
    /// The past of each of these jobs, in their order. Writes nothing.
    ///
    /// A success that lies further ahead of the clock than a clock goes back for good reason is not believed: else a
    /// clock that was a year ahead for a day would make a job look well for a year.
    pub fn pasts(&self, jobs: &[Known], now: Timestamp) -> super::Result<Vec<Past>> {
        self.with(|database| {
            let past = |job: &Known| {
                let mut past = Past {
                    since: scheduled::seen(database, &job.job, &job.schedule, now)?,
                    anchor: scheduled::scheduled(database, &job.job, &job.schedule)?
                        .map(|scheduled| scheduled.anchor),
                    ..Past::default()
                };
                let mut has_succeeded = false;
                rows::newest_first(database, &job.command, &job.args, |row| {
                    past.take(self.judged(row), &mut has_succeeded, now);
                    past.last_success.is_none()
                })?;
                Ok(past)
            };
            jobs.iter().map(past).collect()
        })
    }
}

impl Past {
    /// Takes the next older run in; `has_succeeded`: one of the newer ones did.
    fn take(&mut self, run: Run, has_succeeded: &mut bool, now: Timestamp) {
        if run.state == State::Running {
            self.running.get_or_insert(run);
            return;
        }
        if self.last.is_none() {
            self.last = Some(run.clone());
        }
        match run.end() {
            Some(end) if end.skipped.is_some() => (),
            Some(end) if end.exit_code == 0 => {
                *has_succeeded = true;
                if end.at.duration_since(now) <= FURTHEST_AHEAD {
                    self.last_success = Some(run);
                }
            }
            _ if *has_succeeded => (),
            _ => {
                self.failed_in_a_row += 1;
                self.last_failure.get_or_insert(run);
            }
        }
    }
}
