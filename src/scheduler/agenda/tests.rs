//! What is started and said in single situations, and that no scheduled time is lost or run twice in any of them.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::schedule::Schedule;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// So many seconds after a midnight.
fn at(seconds: i64) -> Timestamp {
    "2026-11-28T00:00:00Z"
        .parse::<Timestamp>()
        .unwrap()
        .checked_add(SignedDuration::from_secs(seconds))
        .unwrap()
}

fn timetable(schedule: &str, anchor: i64) -> Timetable {
    Timetable::new(
        Schedule::parse(schedule).unwrap(),
        TimeZone::UTC,
        at(anchor),
    )
}

fn record(done: i64, attempt: Option<Attempt>) -> Scheduled {
    Scheduled {
        anchor: at(done),
        done: at(done),
        attempt,
    }
}

/// One job that runs daily at two, last done at `done`.
fn nightly(catch_up: bool, done: i64, attempt: Option<Attempt>) -> Agenda {
    let timetable = timetable("0 0 2 * * *", done);
    Agenda::new([(timetable, catch_up, record(done, attempt))])
}

fn start(scheduled: i64, attempt: Attempt) -> Action {
    Action::Start {
        job: 0,
        scheduled: at(scheduled),
        attempt,
    }
}

fn tell(note: Note) -> Action {
    Action::Tell { job: 0, note }
}

fn missed(first: i64, latest: i64) -> Missed {
    Missed {
        first: at(first),
        latest: at(latest),
    }
}

#[test]
fn a_job_starts_at_its_time_and_not_again() {
    let mut agenda = nightly(true, 0, None);
    assert_eq!(agenda.look(at(2 * HOUR - 1)), []);
    assert_eq!(agenda.next(at(0)), Some(at(2 * HOUR)));
    let due = at(2 * HOUR);
    assert_eq!(agenda.look(due), [start(2 * HOUR, Attempt::Regular)]);
    let kept = agenda.record(0);
    assert_eq!((kept.done, kept.attempt), (due, Some(Attempt::Regular)));
    assert_eq!(agenda.look(due), [], "while it runs");
    agenda.ended(0, false);
    assert_eq!(agenda.record(0).attempt, None);
    assert_eq!(agenda.look(due), [], "after its end");
    assert_eq!(agenda.next(due), Some(at(2 * HOUR + DAY)));
}

#[test]
fn what_was_missed_is_made_up_once_however_often_it_was() {
    let mut agenda = nightly(true, 2 * HOUR, None);
    let note = Note::Missed {
        missed: missed(2 * HOUR + DAY, 2 * HOUR + 3 * DAY),
        then: Then::MadeUp,
    };
    let now = at(3 * DAY + 9 * HOUR);
    assert_eq!(
        agenda.look(now),
        [tell(note), start(2 * HOUR + 3 * DAY, Attempt::MakeUp)]
    );
    agenda.ended(0, false);
    assert_eq!(agenda.look(now), []);
}

#[test]
fn without_catch_up_it_is_said_and_left() {
    let mut agenda = nightly(false, 2 * HOUR, None);
    let now = at(DAY + 9 * HOUR);
    let note = Note::Missed {
        missed: missed(2 * HOUR + DAY, 2 * HOUR + DAY),
        then: Then::LeftOut,
    };
    assert_eq!(agenda.look(now), [tell(note)]);
    assert_eq!(
        agenda.record(0),
        Scheduled {
            done: at(2 * HOUR + DAY),
            ..record(2 * HOUR, None)
        }
    );
    assert_eq!(agenda.look(now), []);
}

#[test]
fn a_run_that_was_broken_off_is_made_up_once_and_its_make_up_is_not() {
    let done = 2 * HOUR;
    let now = at(3 * HOUR);
    let broken_off = |then| {
        tell(Note::BrokenOff {
            scheduled: at(done),
            then,
        })
    };
    let mut agenda = nightly(true, done, Some(Attempt::Regular));
    assert_eq!(
        agenda.look(now),
        [broken_off(Then::MadeUp), start(done, Attempt::MakeUp)]
    );
    let mut again = nightly(true, done, agenda.record(0).attempt);
    assert_eq!(again.look(now), [broken_off(Then::NotAgain)]);
    assert_eq!(again.record(0).attempt, None);
    let mut without = nightly(false, done, Some(Attempt::Regular));
    assert_eq!(without.look(now), [broken_off(Then::LeftOut)]);
    assert_eq!(without.look(now), []);
}

#[test]
fn a_make_up_that_was_stopped_before_it_began_is_made_up_all_the_same() {
    let now = at(DAY + 9 * HOUR);
    let mut agenda = nightly(true, 2 * HOUR, None);
    let scheduled = 2 * HOUR + DAY;
    assert_eq!(
        agenda.look(now).last(),
        Some(&start(scheduled, Attempt::MakeUp))
    );
    agenda.put_back(0);
    let mut again = nightly(true, scheduled, agenda.record(0).attempt);
    assert_eq!(
        again.look(now).last(),
        Some(&start(scheduled, Attempt::MakeUp))
    );
}

#[test]
fn one_run_stands_for_one_that_was_broken_off_and_those_that_were_missed_since() {
    let mut agenda = nightly(true, 2 * HOUR, Some(Attempt::Regular));
    let now = at(DAY + 9 * HOUR);
    let actions = agenda.look(now);
    let starts = actions
        .iter()
        .filter(|action| matches!(action, Action::Start { .. }));
    assert_eq!(starts.count(), 1, "{actions:?}");
    assert_eq!(actions.len(), 3, "{actions:?}");
}

#[test]
fn a_job_that_is_still_on_its_way_is_skipped_and_said() {
    let mut agenda = nightly(true, 0, None);
    agenda.look(at(2 * HOUR));
    let due = 2 * HOUR + DAY;
    let note = Note::Skipped {
        due: missed(due, due),
        underway: at(2 * HOUR),
    };
    assert_eq!(agenda.look(at(due)), [tell(note)]);
    let kept = agenda.record(0);
    assert_eq!(kept.done, at(due));
    assert_eq!(
        kept.attempt,
        Some(Attempt::Regular),
        "that of the run on its way"
    );
    agenda.ended(0, false);
    assert_eq!(
        agenda.look(at(due + 2 * HOUR)),
        [],
        "what was skipped is not made up"
    );
}

#[test]
fn a_clock_that_goes_back_a_day_repeats_nothing_and_says_so_once() {
    let mut agenda = nightly(true, 2 * HOUR, None);
    let back = at(2 * HOUR - DAY + 60);
    let until = Some(at(2 * HOUR + DAY));
    assert_eq!(agenda.look(back), [tell(Note::Rests { until })]);
    assert_eq!(agenda.look(back), []);
    assert_eq!(agenda.look(at(2 * HOUR)), []);
    assert_eq!(
        agenda.look(at(2 * HOUR + DAY)),
        [start(2 * HOUR + DAY, Attempt::Regular)]
    );
}

#[test]
fn a_record_of_a_clock_that_was_years_ahead_is_given_up() {
    let done = 1000 * DAY;
    let mut agenda = nightly(true, done, None);
    let note = Note::Forgot { done: at(done) };
    assert_eq!(agenda.look(at(HOUR)), [tell(note)]);
    assert_eq!(
        agenda.look(at(2 * HOUR)),
        [start(2 * HOUR, Attempt::Regular)]
    );
}

#[test]
fn jobs_of_one_second_start_in_the_order_of_the_file() {
    let entry = || (timetable("0 0 2 * * *", 0), true, record(0, None));
    let mut agenda = Agenda::new((0..50).map(|_| entry()));
    let started: Vec<usize> = agenda
        .look(at(2 * HOUR))
        .iter()
        .map(|action| match action {
            Action::Start { job, .. } => *job,
            Action::Tell { .. } => panic!("{action:?}"),
        })
        .collect();
    assert_eq!(started, (0..50).collect::<Vec<_>>());
}

/// All scheduled times of these.
fn times(table: &Timetable, missed: Missed) -> impl Iterator<Item = Timestamp> {
    std::iter::successors(Some(missed.first), |time| table.next_after(*time))
        .take_while(move |time| *time <= missed.latest)
}

/// What happens to a scheduler.
#[derive(Debug, Clone)]
enum Event {
    /// It is looked at the next due time, or this much before it, as a jump of the clock makes it.
    Due { early: i64 },
    /// So many seconds pass, or the clock jumps so far ahead.
    Pass(i64),
    /// The run on its way ends.
    End,
    /// The power goes, for so many seconds.
    PowerCut(i64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Due { early: 0 }),
        1 => (1..100_i64).prop_map(|early| Event::Due { early }),
        2 => (1..3 * DAY).prop_map(Event::Pass),
        1 => (1..120_i64).prop_map(Event::Pass),
        4 => Just(Event::End),
        1 => (0..3 * DAY).prop_map(Event::PowerCut),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Every scheduled time is run, or told to be missed or skipped; none is run twice; never two runs at once.
    #[test]
    fn no_scheduled_time_is_lost_or_run_twice(
        schedule in prop::sample::select(vec!["0 0 2 * * *", "0 */20 * * * *", "@every 7h", "0 30 4 * * 1"]),
        catch_up: bool,
        events in prop::collection::vec(event(), 1..60),
    ) {
        let table = timetable(schedule, 0);
        let mut agenda = Agenda::new([(table.clone(), catch_up, record(0, None))]);
        let mut now = 0;
        let mut underway: Option<(Timestamp, Attempt)> = None;
        let mut broken_make_up = None;
        let mut regular = BTreeSet::new();
        let mut accounted: BTreeSet<Timestamp> = BTreeSet::new();
        for event in events {
            match event {
                Event::Due { early } => {
                    let next = agenda.next(at(now)).map_or(now, |next| next.as_second() - at(0).as_second());
                    now = now.max(next - early);
                }
                Event::Pass(seconds) => now += seconds,
                Event::End => {
                    if underway.take().is_some() {
                        agenda.ended(0, false);
                    }
                }
                Event::PowerCut(seconds) => {
                    now += seconds;
                    if let Some((scheduled, Attempt::MakeUp)) = underway.take() {
                        broken_make_up = Some(scheduled);
                    }
                    agenda = Agenda::new([(table.clone(), catch_up, agenda.record(0))]);
                }
            }
            for action in agenda.look(at(now)) {
                match action {
                    Action::Start { scheduled, attempt, .. } => {
                        prop_assert!(underway.is_none(), "two runs at once");
                        prop_assert!(scheduled <= at(now), "before its time");
                        underway = Some((scheduled, attempt));
                        match attempt {
                            Attempt::Regular => prop_assert!(regular.insert(scheduled), "twice"),
                            Attempt::MakeUp => {
                                prop_assert!(catch_up);
                                prop_assert_ne!(Some(scheduled), broken_make_up);
                            }
                        }
                        accounted.insert(scheduled);
                    }
                    Action::Tell { note: Note::Missed { missed, .. } | Note::Skipped { due: missed, .. }, .. } => {
                        accounted.extend(times(&table, missed));
                    }
                    Action::Tell { note: Note::BrokenOff { .. }, .. } => (),
                    Action::Tell { note, .. } => prop_assert!(false, "the clock went ahead only: {note:?}"),
                }
            }
            prop_assert_eq!(agenda.look(at(now)), [], "all was done");
        }
        let mut time = at(0);
        while let Some(next) = table.next_after(time).filter(|next| *next <= at(now)) {
            prop_assert!(accounted.contains(&next), "{} is lost", next);
            time = next;
        }
    }

    /// With any jumps of the clock, in both directions: never two runs at once, no run before its time, no time twice
    /// within the day that the clock may go back.
    #[test]
    fn a_clock_that_jumps_starts_nothing_twice(
        jumps in prop::collection::vec((-2 * DAY..2 * DAY, any::<bool>()), 1..60),
    ) {
        let mut agenda = nightly(true, 0, None);
        let mut now = 0;
        let mut last = at(0);
        let mut underway = false;
        for (jump, ends) in jumps {
            if ends && underway {
                agenda.ended(0, false);
                underway = false;
            }
            now += jump;
            for action in agenda.look(at(now)) {
                match action {
                    Action::Start { scheduled, .. } => {
                        prop_assert!(!underway);
                        prop_assert!(scheduled <= at(now));
                        prop_assert!(scheduled > last, "{} again, after {}", scheduled, last);
                        underway = true;
                        last = scheduled;
                    }
                    // From here on times may come again: the clock that was before was wrong.
                    Action::Tell { note: Note::Forgot { .. }, .. } => last = at(now),
                    Action::Tell { .. } => (),
                }
            }
        }
    }
}
