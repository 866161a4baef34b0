//! How a job stands: when it runs next, whether it is overdue, whether it keeps failing. Pure: the clock comes in.
//!
//! A job is overdue when its last success is older than its `max-age`. Without one, its schedule tells: a run may fail
//! once. When its next turn has come too and there is still no success, the job is overdue an hour later, or earlier
//! for schedules below two hours: after half the time between the two turns. A run that is under way changes nothing,
//! for it may hang.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::history::{Known, Past};
use crate::plan;
use crate::schedule::Timetable;

/// A run may take this long after its second turn.
const SLACK: SignedDuration = SignedDuration::from_hours(1);
/// So many failed runs in a row are no accident.
const FAILURES: u32 = 3;

/// How a job of the schedule file stands at some time.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Its runs.
    pub past: Past,
    /// Its next turn; `None` where the calendar ends, or where only Ofelia knows.
    pub next: Option<Timestamp>,
    /// What is asked of it; `None` for a job whose runs nobody writes down, so that nothing can be said.
    pub terms: Option<Terms>,
    /// Its last runs all failed, or were broken off.
    pub keeps_failing: bool,
}

/// Until when a job must succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// From when the time counts: its last success, or when it was planned.
    pub base: Timestamp,
    /// From then on it is overdue; `None` where the calendar ends.
    pub overdue_from: Option<Timestamp>,
    /// Whether that has come.
    pub is_overdue: bool,
}

impl Standing {
    /// Of a job with this past. `scheduler_runs`: our own scheduler runs the jobs, not Ofelia.
    #[must_use]
    pub fn new(
        job: &plan::Job,
        past: Past,
        scheduler_runs: bool,
        zone: &TimeZone,
        now: Timestamp,
    ) -> Self {
        let base = base(&past, now);
        let anchor = past.anchor.filter(|_| scheduler_runs);
        // Where Ofelia began to count is not known: a run of its own is the nearest to it.
        let counted_from = past.last_success.as_ref().map(|run| run.beginning.started);
        let timetable = Timetable::new(
            job.job.schedule.clone(),
            zone.clone(),
            anchor.or(counted_from).unwrap_or(base),
        );
        let is_known = anchor.is_some() || !job.job.schedule.is_counted();
        let terms = (job.reports || scheduler_runs).then(|| {
            let overdue_from = overdue_from(&timetable, job.job.max_age, job.job.jitter, base);
            Terms {
                base,
                overdue_from,
                is_overdue: overdue_from.is_some_and(|from| from <= now),
            }
        });
        Self {
            next: timetable.next_after(now).filter(|_| is_known),
            keeps_failing: past.failed_in_a_row >= FAILURES,
            terms,
            past,
        }
    }

    /// Of a job that is in no schedule file.
    #[must_use]
    pub fn unplanned(past: Past) -> Self {
        Self {
            next: None,
            terms: None,
            keeps_failing: past.failed_in_a_row >= FAILURES,
            past,
        }
    }

    /// When it last succeeded; else since when it is asked to.
    pub(super) fn success(&self) -> Option<Timestamp> {
        let success = self.past.last_success.as_ref().and_then(|run| run.end());
        success.map(|end| end.at).or(self.past.since)
    }

    /// Whether it is overdue.
    #[must_use]
    pub fn is_overdue(&self) -> bool {
        self.terms.is_some_and(|terms| terms.is_overdue)
    }
}

/// What the history needs to know of the job.
#[must_use]
pub fn known(job: &plan::Job) -> Known {
    Known {
        job: job.job.name.clone(),
        schedule: job.job.schedule.to_string(),
        command: job.command.clone(),
        args: job.args.clone(),
    }
}

/// From when on the time counts.
///
/// From the last success; but nothing is asked of a job for the time before it had this schedule. A clock that went
/// back makes it now.
fn base(past: &Past, now: Timestamp) -> Timestamp {
    let success = past.last_success.as_ref().and_then(|run| run.end());
    let success = success.map(|end| end.at);
    success.max(past.since).map_or(now, |base| base.min(now))
}

fn overdue_from(
    timetable: &Timetable,
    max_age: Option<Duration>,
    jitter: Duration,
    base: Timestamp,
) -> Option<Timestamp> {
    if let Some(max_age) = max_age {
        return base.checked_add(max_age).ok();
    }
    let first = timetable.next_after(base)?;
    let second = timetable.next_after(first)?;
    let slack = SLACK.min(second.duration_since(first) / 2);
    second.checked_add(slack).ok()?.checked_add(jitter).ok()
}

#[cfg(test)]
mod tests;
