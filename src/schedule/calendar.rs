//! The times of a schedule of six fields, in a time zone with daylight saving.
//!
//! Two days a year have a time that does not exist (spring) or that comes twice (autumn). The rule, after cron(8) of
//! Debian ("special considerations exist when the clock is changed by less than 3 hours"):
//!
//! - **A schedule of certain hours runs exactly once for each of its times.** What falls into the skipped time runs
//!   once, at the first moment after it (several such times of one job are one run). What falls into the repeated
//!   time runs in its first pass only.
//! - **A schedule of every hour** (`*` or `0-23`) **follows the clock as it goes**: each real hour has its runs, those of
//!   the repeated time both times; the skipped time has none.
//!
//! Two differences to cron(8). A `*` among the minutes or a step such as `*/2` among the hours does not make a schedule
//! of every hour, so that no day loses a run because of how its hours are written. And it holds for a skip of any
//! length: also 3 hours and more, such as a whole day where the date line moved. robfig/cron, and Ofelia with it, does
//! not run what falls into the skipped time and runs twice what falls into the repeated one.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::cron::Set;

/// Longer than the 8 years from one 29 February to the next where a year such as 2100 is between them.
const MONTHS_AHEAD: usize = 9 * 12;

/// The most days that each month can have.
const DAYS: [i8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// The six fields of a schedule. None is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) seconds: Set,
    pub(super) minutes: Set,
    pub(super) hours: Set,
    pub(super) days: Set,
    pub(super) months: Set,
    pub(super) weekdays: Set,
    /// Both day fields restrict: one of them is enough. Otherwise both must fit.
    pub(super) either_day: bool,
}

impl Fields {
    /// Whether there is no such day in any year.
    pub(super) fn never_comes(&self) -> bool {
        let first = self.days.from(1);
        let exists = (1..)
            .zip(DAYS)
            .any(|(month, days)| self.months.has(month) && first.is_some_and(|day| day <= days));
        !self.either_day && !exists
    }

    /// The first of its times after the given one.
    pub(super) fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        if self.hours.len() == 24 {
            self.next_as_the_clock_goes(after, zone)
        } else {
            self.next_once_each(after, zone)
        }
    }

    /// For certain hours: the local times in their order, each at its one moment. These moments never go backwards, so
    /// the first one after `after` is the next.
    fn next_once_each(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut local = zone.to_datetime(after);
        loop {
            local = self.next_local(local)?;
            let moment = moment(local, zone)?;
            if moment > after {
                return Some(moment);
            }
        }
    }

    /// For every hour: from one change of the clock to the next, where local time simply runs.
    fn next_as_the_clock_goes(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut from = after;
        let mut offset = zone.to_offset(after);
        let mut local = offset.to_datetime(after);
        loop {
            let next = self
                .next_local(local)
                .and_then(|local| offset.to_timestamp(local).ok());
            let Some(change) = zone.following(from).next() else {
                return next;
            };
            if next.is_some_and(|next| next < change.timestamp()) {
                return next;
            }
            from = change.timestamp();
            offset = change.offset();
            // The moment of the change itself may be a time.
            local = offset
                .to_datetime(from)
                .checked_sub(SignedDuration::from_secs(1))
                .ok()?;
        }
    }

    /// The first local time after the given one that fits, whether it exists in a zone or not; whole seconds.
    fn next_local(&self, after: DateTime) -> Option<DateTime> {
        let from = after.checked_add(SignedDuration::from_secs(1)).ok()?;
        if self.fits(from.date())
            && let Some(time) = self.next_time(from.time())
        {
            return Some(from.date().to_datetime(time));
        }
        let date = self.next_date(from.date())?;
        Some(date.to_datetime(self.next_time(Time::MIN)?))
    }

    /// The first time of a day that is not before the given one.
    fn next_time(&self, from: Time) -> Option<Time> {
        let (second, minute, hour) = (self.seconds.from(0)?, self.minutes.from(0)?, from.hour());
        let (hour, minute, second) = if !self.hours.has(hour) {
            (self.hours.from(hour)?, minute, second)
        } else if let Some((minute, second)) = self.next_in_hour(from) {
            (hour, minute, second)
        } else {
            (self.hours.from(hour + 1)?, minute, second)
        };
        Time::new(hour, minute, second, 0).ok()
    }

    fn next_in_hour(&self, from: Time) -> Option<(i8, i8)> {
        if self.minutes.has(from.minute())
            && let Some(second) = self.seconds.from(from.second())
        {
            return Some((from.minute(), second));
        }
        Some((self.minutes.from(from.minute() + 1)?, self.seconds.from(0)?))
    }

    /// The first day after the given one that fits.
    fn next_date(&self, after: Date) -> Option<Date> {
        let mut date = after.tomorrow().ok()?;
        for _ in 0..=MONTHS_AHEAD {
            if self.months.has(date.month()) {
                let last = date.last_of_month();
                while date < last && !self.fits(date) {
                    date = date.tomorrow().ok()?;
                }
                if self.fits(date) {
                    return Some(date);
                }
            }
            date = date.last_of_month().tomorrow().ok()?;
        }
        None
    }

    fn fits(&self, date: Date) -> bool {
        let day = self.days.has(date.day());
        let weekday = self.weekdays.has(date.weekday().to_sunday_zero_offset());
        self.months.has(date.month())
            && if self.either_day {
                day || weekday
            } else {
                day && weekday
            }
    }
}

/// The one moment at which a local time's run is due.
fn moment(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok(),
        AmbiguousOffset::Gap { after, .. } => {
            // By the offset after the change the time lies before it.
            let before_change = after.to_timestamp(local).ok()?;
            Some(zone.following(before_change).next()?.timestamp())
        }
    }
}
