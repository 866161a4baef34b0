//! Told once, once more each day, and anew where the trouble is a new one.

use super::*;
use crate::history::Past;
use crate::watch::tests::{failed, job, standing, succeeded, time};

/// One look at one job; whether it is told of, and the next look.
fn look(memory: &mut Memory, past: &Past, now: &str) -> (bool, String) {
    let job = job("backup /b", "schedule = 0 0 2 * * *; max-age = 2d");
    let standing = standing(&job, past.clone(), now);
    let (to_tell, next) = memory.look(&[("job", &standing)], time(now));
    (!to_tell.is_empty(), next.to_string())
}

#[track_caller]
fn assert_look(memory: &mut Memory, past: &Past, now: &str, told: bool, next: &str) {
    assert_eq!(look(memory, past, now), (told, next.to_owned()), "{now}");
}

#[test]
fn it_looks_when_a_job_becomes_overdue_and_each_day() {
    let memory = &mut Memory::default();
    let past = succeeded("2026-11-20T02:00:00Z");
    let (morning, next) = ("2026-11-20T08:00:00Z", "2026-11-21T08:00:00Z");
    assert_look(memory, &past, morning, false, next);
    let (next_day, overdue) = ("2026-11-21T08:00:00Z", "2026-11-22T02:03:00Z");
    assert_look(memory, &past, next_day, false, overdue);
    assert_look(memory, &past, overdue, true, "2026-11-23T02:03:00Z");
    // Just before, as a sleep may end early: once more, and not in a circle.
    let early = "2026-11-23T02:02:59.9Z";
    assert_look(memory, &past, early, false, "2026-11-23T02:03:00.9Z");
    assert_look(
        memory,
        &past,
        "2026-11-23T02:03:00.9Z",
        true,
        "2026-11-24T02:03:00.9Z",
    );
}

#[test]
fn another_success_between_two_looks_makes_it_a_new_trouble() {
    let memory = &mut Memory::default();
    let past = succeeded("2026-11-20T02:00:00Z");
    let (told, _) = look(memory, &past, "2026-11-22T03:00:00Z");
    assert!(told);
    let later = succeeded("2026-11-20T12:00:00Z");
    let (told, _) = look(memory, &later, "2026-11-22T13:00:00Z");
    assert!(told);
}

#[test]
fn what_is_well_again_is_forgotten() {
    let memory = &mut Memory::default();
    let failing = failed(3, "2026-01-02T02:00:00Z");
    assert!(look(memory, &failing, "2026-01-02T03:00:00Z").0);
    assert!(!look(memory, &failing, "2026-01-02T04:00:00Z").0);
    let well = succeeded("2026-01-02T05:00:00Z");
    assert!(!look(memory, &well, "2026-01-02T06:00:00Z").0);
    assert!(look(memory, &failing, "2026-01-02T07:00:00Z").0);
}

#[test]
fn a_clock_that_goes_back_a_year_puts_it_off_by_a_day_at_most() {
    let memory = &mut Memory::default();
    let past = failed(3, "2026-01-02T02:00:00Z");
    assert!(look(memory, &past, "2027-01-02T03:00:00Z").0);
    assert_look(
        memory,
        &past,
        "2026-01-02T03:00:00Z",
        false,
        "2026-01-03T03:00:00Z",
    );
    assert_look(
        memory,
        &past,
        "2026-01-03T03:00:00Z",
        true,
        "2026-01-04T03:00:00Z",
    );
}
