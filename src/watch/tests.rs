//! What the tests of the watch share: jobs, and pasts of them.

use std::ffi::OsString;
use std::io::Write as _;

use uuid::Uuid;

use super::*;
use crate::history::{Beginning, End, Run, State};
use crate::repository::Figures;

pub(super) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A job named `job` with these lines, `command` aside.
pub(super) fn job(command: &str, lines: &str) -> plan::Job {
    let settings = Settings::from_vars(
        [
            ("BACKUP_REMOTE", "/store"),
            ("RESTIC_PASSWORD", "correct horse"),
        ]
        .map(|(name, value)| (OsString::from(name), OsString::from(value))),
    )
    .unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(
        file,
        "[job-local \"job\"]\ncommand = {command}\n{}\n",
        lines.replace("; ", "\n")
    )
    .unwrap();
    let mut plan = Plan::read(file.path(), &settings).unwrap();
    plan.jobs.pop().unwrap()
}

/// A run that began then and took three minutes.
pub(super) fn run(began: &str, exit_code: u8, verdict: &str) -> Run {
    let started = time(began);
    Run {
        beginning: Beginning {
            id: Uuid::new_v4(),
            command: "backup".to_owned(),
            args: Vec::new(),
            started_by: None,
            dry_run: false,
            started,
        },
        state: State::Ended(End {
            at: started + Duration::from_mins(3),
            exit_code,
            verdict: verdict.to_owned(),
            skipped: None,
            figures: Figures::default(),
        }),
    }
}

/// A job whose last success began then.
pub(super) fn succeeded(began: &str) -> Past {
    let success = run(began, 0, "Successful backup");
    Past {
        last: Some(success.clone()),
        last_success: Some(success),
        since: Some(time("2026-01-01T00:00:00Z")),
        ..Past::default()
    }
}

/// A job that has never succeeded, with so many failures, the last of which began then.
pub(super) fn failed(times: u32, began: &str) -> Past {
    let failure = run(began, 1, "Backup of /b failed: no connection");
    Past {
        last: Some(failure.clone()),
        last_failure: Some(failure),
        failed_in_a_row: times,
        since: Some(time("2026-01-01T00:00:00Z")),
        ..Past::default()
    }
}

pub(super) fn standing(job: &plan::Job, past: Past, now: &str) -> Standing {
    Standing::new(job, past, false, &TimeZone::UTC, time(now))
}

/// What is told of it; an empty text where nothing is.
fn told(job: &plan::Job, past: Past, now: &str) -> String {
    let rome = TimeZone::get("Europe/Rome").unwrap();
    let standing = Standing::new(job, past, false, &rome, time(now));
    words::report(job, &standing, false, &rome, time(now))
        .map(|report| report.body(10_000))
        .unwrap_or_default()
}

#[test]
fn an_overdue_job_is_told_with_its_last_success_in_local_time_and_what_to_look_at() {
    let daily = job("backup /b", "schedule = 0 0 2 * * *");
    assert_eq!(
        told(
            &daily,
            succeeded("2026-11-26T01:00:00Z"),
            "2026-11-28T08:03:00Z"
        ),
        "job has not succeeded since 2026-11-26 02:03 (2 days and 7 hours): it is scheduled for 0 0 2 * * *\n\
         Nothing has run it: see whether Ofelia runs and takes the job (docker compose ps, docker compose logs ofelia), \
         then: docker compose run --rm cloud-backup status\n\
         Last run, 2026-11-26 02:00: Successful backup\n"
    );
    let mut past = succeeded("2026-11-26T01:00:00Z");
    past.failed_in_a_row = 2;
    past.last_failure = Some(run(
        "2026-11-28T01:00:00Z",
        1,
        "Backup failed: no connection",
    ));
    past.running = Some(run("2026-11-28T02:00:00Z", 0, ""));
    assert_eq!(
        told(&daily, past, "2026-11-28T08:03:00Z"),
        "job has not succeeded since 2026-11-26 02:03 (2 days and 7 hours): it is scheduled for 0 0 2 * * *\n\
         Its last runs tell why; all at a glance: docker compose run --rm cloud-backup status\n\
         A run is under way since 2026-11-28 03:00\n\
         Its last 2 runs failed\n\
         Last run, 2026-11-28 02:00: Backup failed: no connection\n"
    );
}

#[test]
fn a_job_that_never_succeeded_is_told_since_it_was_planned() {
    let aged = job("backup /b", "schedule = @daily; max-age = 36h");
    let past = Past {
        since: Some(time("2026-11-26T01:00:00Z")),
        ..Past::default()
    };
    let told = told(&aged, past, "2026-11-27T13:00:00Z");
    let first = "job has not succeeded since it was planned, 2026-11-26 02:00 (1 day and 12 hours): its max-age is 1day \
                 12h\n";
    assert!(told.starts_with(first), "{told}");
}

#[test]
fn a_job_that_keeps_failing_is_told_with_its_last_verdict() {
    let monthly = job("forget --prune", "schedule = @monthly; max-age = 400d");
    assert_eq!(
        told(
            &monthly,
            failed(3, "2026-11-26T01:00:00Z"),
            "2026-11-26T08:00:00Z"
        ),
        "job keeps failing: its last 3 runs failed, the last one began 2026-11-26 02:00\n\
         Its last runs tell why; all at a glance: docker compose run --rm cloud-backup status\n\
         Last run, 2026-11-26 02:00: Backup of /b failed: no connection\n"
    );
    assert_eq!(
        told(
            &monthly,
            failed(2, "2026-11-26T01:00:00Z"),
            "2026-11-26T08:00:00Z"
        ),
        ""
    );
}

#[test]
fn secrets_of_the_job_are_not_told() {
    let job = job(
        "backup /b",
        "schedule = @daily; environment = RESTIC_PASSWORD=no connection",
    );
    let told = told(
        &job,
        failed(3, "2026-11-26T01:00:00Z"),
        "2026-11-26T08:00:00Z",
    );
    assert!(told.contains("failed: [redacted]"), "{told}");
}
