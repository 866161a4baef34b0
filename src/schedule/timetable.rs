//! A schedule in its zone and with its anchor: when the next run is, what was missed, and what is due now.
//!
//! The one record of a job is the scheduled time that was last *done*: run, or given up with a word in the log. It
//! must be kept before the run starts. `Timetable::due` is a function of that record and the clock alone, and so it
//! stands restarts and any jump of the clock:
//!
//! - **Forward** (also: the machine was off): the times that were jumped over are missed. However many they are, one
//!   run makes up for them, and counts as the one for the latest of them.
//! - **Backward** by a day or less: the times up to the record were done and do not come a second time; the job goes on
//!   with the first one after it. Until then it rests, for as long as the clock went back, and `Due::Wait` says so.
//! - **Backward** by more: the record was made by a wrong clock, and waiting until the clock is there again could mean
//!   years. `Due::Forget` says so: with now as its record, the job goes on with the next of its times.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::cron::{Schedule, Times};

/// A run that begins within this time is on time. Long enough for a busy machine, short enough that nobody calls it
/// late.
pub const ON_TIME: SignedDuration = SignedDuration::from_secs(60);

/// A record may lie this far ahead of the clock and still be believed: a day, and the hour of daylight saving.
pub const FURTHEST_AHEAD: SignedDuration = SignedDuration::from_hours(25);

/// The times at which a job runs.
#[derive(Debug, Clone)]
pub struct Timetable {
    schedule: Schedule,
    zone: TimeZone,
    /// Whole seconds since 1970.
    anchor: i64,
}

/// Scheduled times that passed without a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// The first of them.
    pub first: Timestamp,
    /// The last of them; the same one if it is one.
    pub latest: Timestamp,
}

/// What a job has to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing before `until`.
    Wait {
        /// The next scheduled time; `None` where the calendar ends.
        until: Option<Timestamp>,
        /// The record is ahead of the clock, which went back.
        clock_went_back: bool,
    },
    /// It runs now, on time.
    Run {
        /// The time that the run is for, and the new record.
        scheduled: Timestamp,
        /// Earlier times without a run, for which it makes up.
        missed: Option<Missed>,
    },
    /// Its time is over: it is made up, or not, once. The new record is `latest` in both cases.
    Late(Missed),
    /// The record is too far ahead of the clock to be true: this is the new one. Then ask again.
    Forget(Timestamp),
}

impl Timetable {
    /// `zone` holds where the schedule names none. `anchor` is what `@every` counts from, in both directions: it must be
    /// kept with the job, or each restart puts the next run off. For the other schedules it does not matter.
    #[must_use]
    pub fn new(schedule: Schedule, zone: TimeZone, anchor: Timestamp) -> Self {
        Self {
            zone: schedule.zone().cloned().unwrap_or(zone),
            schedule,
            anchor: floor(anchor),
        }
    }

    /// The schedule as the file has it.
    #[must_use]
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The zone that the times are meant in.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The first scheduled time after the given one, in whole seconds; `None` beyond the year 9999.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        match self.schedule.times() {
            Times::Calendar(fields) => fields.next_after(whole(after)?, &self.zone),
            Times::Every(period) => {
                let passed = (floor(after) - self.anchor).div_euclid(*period);
                let next = period.checked_mul(passed + 1)?.checked_add(self.anchor)?;
                Timestamp::from_second(next).ok()
            }
        }
    }

    /// The last scheduled time that is after `after` and not after `until`.
    #[must_use]
    pub fn latest_between(&self, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let comes_after = |second| {
            Timestamp::from_second(second)
                .ok()
                .and_then(|from| self.next_after(from))
                .filter(|next| *next <= until)
        };
        let mut low = floor(after);
        let mut latest = comes_after(low)?;
        // What is known: `latest` is one, and nothing comes after `high`. Half of what is between goes at each step.
        let mut high = floor(until);
        low = low.max(floor(latest));
        while low < high {
            let middle = low + (high - low) / 2;
            match comes_after(middle) {
                Some(next) => {
                    latest = next;
                    low = floor(next);
                }
                None => high = middle,
            }
        }
        Some(latest)
    }

    /// What was missed after the last run, if anything: scheduled times that are over, those within `ON_TIME` too.
    #[must_use]
    pub fn missed_between(&self, last_run: Timestamp, now: Timestamp) -> Option<Missed> {
        let first = self.next_after(last_run).filter(|first| *first <= now)?;
        let latest = self.latest_between(first, now).unwrap_or(first);
        Some(Missed { first, latest })
    }

    /// What there is to do, by the scheduled time that was last done and the clock.
    ///
    /// For a job without a record `done` is the time at which it was first seen: nothing before it was missed.
    #[must_use]
    pub fn due(&self, done: Timestamp, now: Timestamp) -> Due {
        let wait = |from, clock_went_back| Due::Wait {
            until: self.next_after(from),
            clock_went_back,
        };
        if done.duration_since(now) > FURTHEST_AHEAD {
            return Due::Forget(now);
        }
        if done > now {
            return wait(done, true);
        }
        let Some(passed) = self.missed_between(done, now) else {
            return wait(done, false);
        };
        if now.duration_since(passed.latest) > ON_TIME {
            return Due::Late(passed);
        }
        Due::Run {
            scheduled: passed.latest,
            missed: self.before(passed),
        }
    }

    /// The missed times without the latest one.
    fn before(&self, passed: Missed) -> Option<Missed> {
        let second_before = Timestamp::from_second(floor(passed.latest) - 1).ok()?;
        (passed.first < passed.latest).then(|| Missed {
            first: passed.first,
            latest: self
                .latest_between(passed.first, second_before)
                .unwrap_or(passed.first),
        })
    }
}

/// The second that a time is in, since 1970.
fn floor(time: Timestamp) -> i64 {
    time.as_second() - i64::from(time.subsec_nanosecond() < 0)
}

/// All scheduled times are whole seconds: what comes after a part of a second comes after its beginning too.
fn whole(time: Timestamp) -> Option<Timestamp> {
    Timestamp::from_second(floor(time)).ok()
}
