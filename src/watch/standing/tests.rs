//! From when on a job is overdue, by its schedule and its past.

use super::*;
use crate::watch::tests::{failed, job, run, standing, succeeded, time};

/// The job's moment, asked for just after its last success.
fn overdue(lines: &str, began: &str) -> String {
    let job = job("backup /b", lines);
    let past = succeeded(began);
    let ended = past.last_success.as_ref().unwrap().end().unwrap().at;
    let standing = Standing::new(&job, past, false, &TimeZone::UTC, ended);
    standing.terms.unwrap().overdue_from.unwrap().to_string()
}

#[test]
fn two_turns_may_pass_and_an_hour_or_half_the_time_between_them() {
    for (lines, began, from) in [
        (
            "schedule = 0 0 2 * * *",
            "2026-11-26T02:00:00Z",
            "2026-11-28T03:00:00Z",
        ),
        // A run by hand in between: its next turn is the same evening's.
        (
            "schedule = 0 0 2 * * *",
            "2026-11-26T20:00:00Z",
            "2026-11-28T03:00:00Z",
        ),
        (
            "schedule = @hourly",
            "2026-11-26T02:00:00Z",
            "2026-11-26T04:30:00Z",
        ),
        (
            "schedule = 0 */10 * * * *",
            "2026-11-26T02:00:00Z",
            "2026-11-26T02:25:00Z",
        ),
        (
            "schedule = 0 0 5 * * 0",
            "2026-11-22T05:00:00Z",
            "2026-12-06T06:00:00Z",
        ),
        (
            "schedule = 0 0 2 1 * *",
            "2026-11-01T02:00:00Z",
            "2027-01-01T03:00:00Z",
        ),
        // Twice a day, at odd times: half of the time between the two turns that passed.
        (
            "schedule = 0 0,30 2 * * *",
            "2026-11-26T02:30:00Z",
            "2026-11-27T02:45:00Z",
        ),
        (
            "schedule = @every 6h",
            "2026-11-26T02:10:00Z",
            "2026-11-26T15:10:00Z",
        ),
        (
            "schedule = @every 30m",
            "2026-11-26T02:10:00Z",
            "2026-11-26T03:25:00Z",
        ),
        // A night run that may begin two hours later.
        (
            "schedule = 0 0 2 * * *; jitter = 2h",
            "2026-11-26T03:50:00Z",
            "2026-11-28T05:00:00Z",
        ),
        // With a limit of its own the schedule says nothing.
        (
            "schedule = @daily; max-age = 1m",
            "2026-11-26T02:00:00Z",
            "2026-11-26T02:04:00Z",
        ),
        (
            "schedule = @hourly; max-age = 3d",
            "2026-11-26T02:00:00Z",
            "2026-11-29T02:03:00Z",
        ),
    ] {
        assert_eq!(overdue(lines, began), from, "{lines} {began}");
    }
}

#[test]
fn it_is_overdue_from_the_very_moment_on_also_while_a_run_is_under_way() {
    let job = job("backup /b", "schedule = 0 0 2 * * *");
    let mut past = succeeded("2026-11-26T02:00:00Z");
    let at = |past: &Past, now| standing(&job, past.clone(), now).is_overdue();
    assert!(!at(&past, "2026-11-28T02:59:59Z"));
    assert!(at(&past, "2026-11-28T03:00:00Z"));
    past.running = Some(run("2026-11-28T02:00:00Z", 0, ""));
    assert!(at(&past, "2026-11-28T03:00:00Z"));
}

#[test]
fn nothing_is_asked_for_the_time_before_the_job_had_this_schedule() {
    let job = job("backup /b", "schedule = 0 0 2 * * *");
    let mut past = succeeded("2026-11-01T02:00:00Z");
    past.since = Some(time("2026-11-20T12:00:00Z"));
    let terms = |past: Past, now| standing(&job, past, now).terms.unwrap();
    let from = terms(past.clone(), "2026-11-20T12:00:00Z").overdue_from;
    assert_eq!(from, Some(time("2026-11-22T03:00:00Z")));
    // Never seen before: from now on.
    past = Past::default();
    let from = terms(past, "2026-11-20T12:00:00Z").overdue_from;
    assert_eq!(from, Some(time("2026-11-22T03:00:00Z")));
}

#[test]
fn a_clock_that_went_back_makes_nothing_overdue() {
    let job = job("backup /b", "schedule = 0 0 2 * * *");
    let past = succeeded("2026-11-26T02:00:00Z");
    let standing = standing(&job, past, "2026-11-26T01:00:00Z");
    let terms = standing.terms.unwrap();
    assert_eq!(terms.base, time("2026-11-26T01:00:00Z"));
    assert!(!terms.is_overdue);
}

#[test]
fn three_failures_in_a_row_are_no_accident() {
    let job = job("backup /b", "schedule = 0 0 2 * * *; max-age = 30d");
    for (times, keeps) in [(0, false), (2, false), (3, true), (30, true)] {
        let standing = standing(
            &job,
            failed(times, "2026-01-02T02:00:00Z"),
            "2026-01-02T08:00:00Z",
        );
        assert_eq!(standing.keeps_failing, keeps, "{times}");
    }
}

#[test]
fn of_a_job_whose_runs_only_our_scheduler_writes_nothing_is_asked_without_it() {
    let check = job("restic check", "schedule = @hourly");
    let past = Past {
        since: Some(time("2026-01-01T00:00:00Z")),
        ..Past::default()
    };
    let now = time("2026-11-26T02:00:00Z");
    let stands =
        |scheduler_runs| Standing::new(&check, past.clone(), scheduler_runs, &TimeZone::UTC, now);
    assert_eq!(stands(false).terms, None);
    assert!(stands(true).is_overdue());
}

#[test]
fn the_next_turn_is_told_where_it_is_known() {
    let rome = TimeZone::get("Europe/Rome").unwrap();
    let now = time("2026-11-26T02:00:00Z");
    let next = |lines: &str, scheduler_runs| {
        let mut past = succeeded("2026-11-26T01:00:00Z");
        past.anchor = Some(time("2026-11-26T01:30:00Z"));
        let job = job("backup /b", lines);
        let next = Standing::new(&job, past, scheduler_runs, &rome, now).next;
        next.map(|next| next.to_string())
    };
    let two = "schedule = 0 0 2 * * *";
    assert_eq!(next(two, false).as_deref(), Some("2026-11-27T01:00:00Z"));
    let hourly = "schedule = @every 1h";
    assert_eq!(next(hourly, true).as_deref(), Some("2026-11-26T02:30:00Z"));
    assert_eq!(
        next(hourly, false),
        None,
        "Ofelia counts from its own start"
    );
}
