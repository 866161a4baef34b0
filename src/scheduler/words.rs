//! What the scheduler says of jobs, in the log and to their checks.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::schedule::Missed;

use super::agenda::{Note, Then};

/// A time for people, in the zone of the schedule.
pub(super) fn time(time: Timestamp, zone: &TimeZone) -> String {
    let zoned = time.to_zoned_datetime(zone.clone());
    zoned.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A time span in its two largest units.
pub(super) fn span(duration: Duration) -> String {
    let rounded = if duration < Duration::from_mins(1) {
        Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    } else {
        Duration::from_secs(duration.as_secs())
    };
    humantime::format_duration(rounded).to_string()
}

/// A note as a sentence that begins with the job's name.
pub(super) fn note(job: &str, note: &Note, zone: &TimeZone) -> String {
    let at = |moment| time(moment, zone);
    match note {
        Note::Missed { missed, then } => {
            format!("{job} was missed {}: {}", times(*missed, zone), what(*then))
        }
        Note::BrokenOff { scheduled, then } => format!(
            "the run of {job} for {} was broken off by a stop or a power cut: {}",
            at(*scheduled),
            what(*then)
        ),
        Note::Skipped { due, underway } => format!(
            "{job} was skipped {}: its run for {} is still on its way",
            times(*due, zone),
            at(*underway)
        ),
        Note::Rests { until } => {
            let until = until.map_or("for ever".to_owned(), |until| {
                format!("until {}", at(until))
            });
            format!("the clock went back: what {job} has done is not done again, it rests {until}")
        }
        Note::Forgot { done } => format!(
            "the last run of {job} was for {}, which is far ahead of the clock: it goes on by the clock",
            at(*done)
        ),
    }
}

/// Whether a run was left out for good, so that it belongs into the history.
pub(super) fn is_left_out(note: &Note) -> bool {
    match note {
        Note::Skipped { .. } => true,
        Note::Missed { then, .. } | Note::BrokenOff { then, .. } => {
            matches!(then, Then::LeftOut | Then::NotAgain)
        }
        Note::Rests { .. } | Note::Forgot { .. } => false,
    }
}

fn times(missed: Missed, zone: &TimeZone) -> String {
    let Missed { first, latest } = missed;
    if first == latest {
        format!("at {}", time(first, zone))
    } else {
        format!("from {} to {}", time(first, zone), time(latest, zone))
    }
}

fn what(then: Then) -> &'static str {
    match then {
        Then::MadeUp => "it is made up now, once",
        Then::WithTheNext => "the run that begins now stands for it",
        Then::LeftOut => "it is not made up (catch-up = false)",
        Then::NotAgain => "it made up for another one, and is not tried again before the next time",
    }
}
