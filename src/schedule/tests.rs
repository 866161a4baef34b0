//! Schedules and the file, with exact lists of run times and against second calculations that share no code with ours.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Schedule, Timetable};

mod clock;
mod dates;
mod daylight;
mod expressions;
mod file;
mod fuzz;
mod naive;
mod refusals;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn utc(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[track_caller]
fn timetable(schedule: &str, zone_name: &str) -> Timetable {
    Timetable::new(
        Schedule::parse(schedule).unwrap(),
        zone(zone_name),
        utc("2026-01-01T00:00:00Z"),
    )
}

/// The runs after one local time and up to another, as local times with their offsets.
#[track_caller]
fn runs(schedule: &str, zone_name: &str, after: &str, until: &str) -> Vec<String> {
    let timetable = timetable(schedule, zone_name);
    let instant = |text: &str| zone(zone_name).to_timestamp(text.parse().unwrap()).unwrap();
    let (mut time, until) = (instant(after), instant(until));
    let mut runs = Vec::new();
    while let Some(next) = timetable.next_after(time).filter(|next| *next <= until) {
        assert!(next > time);
        runs.push(
            next.to_zoned_datetime(zone(zone_name))
                .strftime("%m-%d %H:%M:%S%:z")
                .to_string(),
        );
        time = next;
    }
    runs
}
