//! The clock jumps, the machine is off: what runs, what is made up, and what never runs twice.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{timetable, utc};
use crate::schedule::{Due, Missed, Timetable};

/// A job with its record, as the scheduler keeps it, and what it did.
struct Job {
    timetable: Timetable,
    record: Timestamp,
    done: Vec<String>,
    scheduled: Vec<Timestamp>,
}

fn day(time: Timestamp) -> String {
    time.strftime("%d %H:%M").to_string()
}

impl Job {
    fn new(schedule: &str, record: &str) -> Self {
        Self {
            timetable: timetable(schedule, "UTC"),
            record: utc(record),
            done: Vec::new(),
            scheduled: Vec::new(),
        }
    }

    /// The clock runs from one time to another.
    fn runs_through(&mut self, from: Timestamp, until: Timestamp) {
        let mut now = from;
        loop {
            match self.timetable.due(self.record, now) {
                Due::Wait { until: next, .. } => match next.filter(|next| *next <= until) {
                    Some(next) => now = next.max(now),
                    None => return,
                },
                Due::Run { scheduled, missed } => {
                    let missed = missed.map_or(String::new(), |missed| {
                        format!(" and {} to {}", day(missed.first), day(missed.latest))
                    });
                    self.done.push(format!("{}{missed}", day(scheduled)));
                    self.take(scheduled);
                }
                Due::Late(missed) => {
                    self.done
                        .push(format!("{} made up at {}", day(missed.latest), day(now)));
                    self.take(missed.latest);
                }
                Due::Forget(record) => {
                    self.done.push(format!("forgot at {}", day(now)));
                    self.record = record;
                }
            }
        }
    }

    fn take(&mut self, scheduled: Timestamp) {
        self.record = scheduled;
        self.scheduled.push(scheduled);
    }

    fn clock(mut self, spans: &[(&str, &str)]) -> Vec<String> {
        for (from, until) in spans {
            self.runs_through(utc(from), utc(until));
        }
        self.done
    }
}

#[test]
fn a_clock_that_goes_on_runs_each_time_once() {
    assert_eq!(
        Job::new("0 0 2 * * *", "2026-11-20T12:00:00Z")
            .clock(&[("2026-11-20T12:00:00Z", "2026-11-23T12:00:00Z")]),
        ["21 02:00", "22 02:00", "23 02:00"]
    );
}

#[test]
fn a_day_forward_is_made_up_once() {
    assert_eq!(
        Job::new("0 0 2 * * *", "2026-11-20T12:00:00Z").clock(&[
            ("2026-11-20T12:00:00Z", "2026-11-21T12:00:00Z"),
            ("2026-11-22T12:00:00Z", "2026-11-24T12:00:00Z"),
        ]),
        [
            "21 02:00",
            "22 02:00 made up at 22 12:00",
            "23 02:00",
            "24 02:00"
        ]
    );
    assert_eq!(
        Job::new("0 0 */8 * * *", "2026-11-20T12:00:00Z").clock(&[
            ("2026-11-20T12:00:00Z", "2026-11-21T12:00:00Z"),
            ("2026-11-22T12:00:00Z", "2026-11-22T20:00:00Z"),
        ]),
        [
            "20 16:00",
            "21 00:00",
            "21 08:00",
            "22 08:00 made up at 22 12:00",
            "22 16:00"
        ]
    );
}

#[test]
fn a_day_backward_runs_no_time_twice_and_goes_on_after_the_last_one() {
    assert_eq!(
        Job::new("0 0 2 * * *", "2026-11-20T12:00:00Z").clock(&[
            ("2026-11-20T12:00:00Z", "2026-11-22T12:00:00Z"),
            ("2026-11-21T12:00:00Z", "2026-11-24T12:00:00Z"),
        ]),
        ["21 02:00", "22 02:00", "23 02:00", "24 02:00"]
    );
    assert_eq!(
        Job::new("@hourly", "2026-11-22T09:30:00Z").clock(&[
            ("2026-11-22T09:30:00Z", "2026-11-22T12:00:00Z"),
            ("2026-11-21T12:00:00Z", "2026-11-22T14:00:00Z"),
        ]),
        ["22 10:00", "22 11:00", "22 12:00", "22 13:00", "22 14:00"]
    );
    let (record, now) = (utc("2026-11-22T12:00:00Z"), utc("2026-11-21T12:00:00Z"));
    assert_eq!(
        timetable("@hourly", "UTC").due(record, now),
        Due::Wait {
            until: Some(utc("2026-11-22T13:00:00Z")),
            clock_went_back: true,
        }
    );
}

#[test]
fn a_record_of_a_clock_that_was_years_ahead_holds_no_job_up() {
    assert_eq!(
        Job::new("0 0 2 * * *", "2031-06-01T02:00:00Z")
            .clock(&[("2026-11-20T12:00:00Z", "2026-11-22T12:00:00Z"),]),
        ["forgot at 20 12:00", "21 02:00", "22 02:00"]
    );
    let anchor = utc("2031-06-01T02:00:00Z");
    let every = crate::schedule::Schedule::parse("@every 12h").unwrap();
    let every = Timetable::new(every, jiff::tz::TimeZone::UTC, anchor);
    assert_eq!(
        every.next_after(utc("2026-11-20T12:00:00Z")),
        Some(utc("2026-11-20T14:00:00Z"))
    );
}

#[test]
fn after_a_long_time_off_one_run_makes_up_for_all() {
    let missed = timetable("0 0 2 * * *", "Europe/Rome")
        .missed_between(utc("2025-01-10T01:00:00Z"), utc("2026-11-24T12:00:00Z"));
    assert_eq!(
        missed,
        Some(Missed {
            first: utc("2025-01-11T01:00:00Z"),
            latest: utc("2026-11-24T01:00:00Z"),
        })
    );
    // 30 million seconds are not counted one by one.
    let missed = timetable("* * * * * *", "UTC")
        .missed_between(utc("2026-01-01T00:00:00Z"), utc("2026-12-31T00:00:00.7Z"));
    assert_eq!(
        missed,
        Some(Missed {
            first: utc("2026-01-01T00:00:01Z"),
            latest: utc("2026-12-31T00:00:00Z"),
        })
    );
    assert_eq!(
        timetable("0 0 2 * * *", "UTC")
            .missed_between(utc("2026-11-24T02:00:00Z"), utc("2026-11-25T01:59:59.9Z")),
        None
    );
    assert_eq!(
        timetable("0 0 2 * * *", "UTC")
            .missed_between(utc("2026-11-25T02:00:00Z"), utc("2026-11-24T02:00:00Z")),
        None
    );
}

#[test]
fn a_run_is_on_time_for_a_minute_and_late_after_it() {
    let timetable = timetable("0 0 2 * * *", "UTC");
    let record = utc("2026-11-22T02:00:00Z");
    let scheduled = utc("2026-11-24T02:00:00Z");
    let first = utc("2026-11-23T02:00:00Z");
    for now in ["2026-11-24T02:00:00Z", "2026-11-24T02:01:00Z"] {
        assert_eq!(
            timetable.due(record, utc(now)),
            Due::Run {
                scheduled,
                missed: Some(Missed {
                    first,
                    latest: first
                }),
            },
            "{now}"
        );
        assert_eq!(
            timetable.due(first, utc(now)),
            Due::Run {
                scheduled,
                missed: None
            }
        );
    }
    assert_eq!(
        timetable.due(record, utc("2026-11-24T02:01:00.001Z")),
        Due::Late(Missed {
            first,
            latest: scheduled
        })
    );
    assert_eq!(
        timetable.due(scheduled, utc("2026-11-24T02:00:00.001Z")),
        Due::Wait {
            until: Some(utc("2026-11-25T02:00:00Z")),
            clock_went_back: false,
        }
    );
}

/// What a look at each minute of the clock makes of the same spans: it knows all times of the job, and no other rule than
/// those of the documentation (docs/scheduling.md, "Time zones and daylight saving" and "What is missed").
fn looked_at_each_minute(
    is_time: impl Fn(i8, i8) -> bool,
    mut record: Timestamp,
    spans: &[(Timestamp, Timestamp)],
) -> Vec<String> {
    let minute = SignedDuration::from_mins(1);
    let walk = |from: Timestamp, until: Timestamp| {
        std::iter::successors(Some(from), move |time| Some(*time + minute))
            .take_while(move |time| *time <= until)
    };
    // Longer than all spans and jumps together.
    let month = SignedDuration::from_hours(30 * 24);
    let times: Vec<Timestamp> = walk(record - month, record + month)
        .filter(|time| {
            let local = TimeZone::UTC.to_datetime(*time);
            is_time(local.hour(), local.minute())
        })
        .collect();
    let mut done = Vec::new();
    for (from, until) in spans {
        for now in walk(*from, *until) {
            if record.duration_since(now) > SignedDuration::from_hours(25) {
                done.push(format!("forgot at {}", day(now)));
                record = now;
            }
            let until = |end| times.partition_point(|time| *time <= end);
            let passed = times.get(until(record)..until(now)).unwrap_or_default();
            let Some((latest, missed)) = passed.split_last() else {
                continue;
            };
            done.push(match missed {
                _ if now.duration_since(*latest) > minute => {
                    format!("{} made up at {}", day(*latest), day(now))
                }
                [] => day(*latest),
                [first, .., last] | [first @ last] => {
                    format!("{} and {} to {}", day(*latest), day(*first), day(*last))
                }
            });
            record = *latest;
        }
    }
    done
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// The exact list of runs over jumps of up to three days in both directions.
    #[test]
    fn the_runs_over_jumps_are_those_of_a_look_at_each_minute(
        which in 0..4_usize,
        spans in prop::collection::vec((0..2_000_i64, -4_320..4_320_i64), 1..6),
    ) {
        type IsTime = fn(i8, i8) -> bool;
        let jobs: [(&str, IsTime); 4] = [
            ("@hourly", |_, minute| minute == 0),
            ("0 0 2 * * *", |hour, minute| (hour, minute) == (2, 0)),
            ("0 */20 3-5 * * *", |hour, minute| (3..=5).contains(&hour) && minute % 20 == 0),
            ("0 0 */8 * * *", |hour, minute| hour % 8 == 0 && minute == 0),
        ];
        let (schedule, is_time) = jobs[which];
        let begin = utc("2026-11-20T00:00:00Z");
        let mut now = begin;
        let spans: Vec<(Timestamp, Timestamp)> = spans
            .into_iter()
            .map(|(length, jump)| {
                let span = (now, now + SignedDuration::from_mins(length));
                now = span.1 + SignedDuration::from_mins(jump);
                span
            })
            .collect();
        let mut job = Job::new(schedule, "2026-11-20T00:00:00Z");
        for (from, until) in &spans {
            job.runs_through(*from, *until);
        }
        prop_assert_eq!(job.done, looked_at_each_minute(is_time, begin, &spans));
    }

    /// Whatever the clock does within a day: nothing runs twice, and at the end the job is not behind.
    #[test]
    fn jumps_of_a_day_run_nothing_twice_and_hold_nothing_up(
        schedule in prop::sample::select(vec!["@hourly", "0 0 2 * * *", "0 */7 3-5 * * *", "@every 5h", "@weekly"]),
        spans in prop::collection::vec((0..86_400_i64, -86_400..86_400_i64), 1..8),
    ) {
        let mut job = Job::new(schedule, "2026-11-20T00:00:00Z");
        let mut now = job.record;
        let mut highest = now;
        for (length, jump) in spans {
            let until = now + SignedDuration::from_secs(length);
            job.runs_through(now, until);
            highest = highest.max(until);
            prop_assert!(job.record <= highest);
            if job.record <= until {
                // Not behind: the next one is still to come.
                prop_assert!(job.timetable.next_after(job.record).unwrap() > until);
            }
            // No more than a day behind what was, together.
            now = (until + SignedDuration::from_secs(jump)).max(highest - SignedDuration::from_hours(24));
        }
        prop_assert!(job.scheduled.is_sorted_by(|one, other| one < other), "{:?}", job.done);
    }
}
