//! The page as a person sees it.

use std::path::PathBuf;

use super::super::jobs::ScheduleFile;
use super::super::server::Server;
use super::super::{Finding, Scheduler};
use super::*;
use crate::fold::WIDTH;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn job(name: &str, line: &str) -> Job {
    let mut words = line.split(' ').map(str::to_owned);
    Job {
        name: name.to_owned(),
        command: words.next().unwrap(),
        args: words.collect(),
        schedule: Some("@daily".to_owned()),
        watched: true,
        running_since: None,
        last_run: None,
        last_success: None,
        failed_in_a_row: 0,
        next_run: Some(time("2026-11-27T01:00:00Z")),
        overdue_from: None,
        overdue: false,
        keeps_failing: false,
    }
}

fn last_run(result: Outcome, code: u8, verdict: &str) -> LastRun {
    LastRun {
        started: time("2026-11-26T01:00:00Z"),
        ended: Some(time("2026-11-26T01:02:30Z")),
        result,
        exit_code: Some(code),
        verdict: Some(verdict.to_owned()),
        started_by: None,
    }
}

fn status() -> Status {
    let at = time("2026-11-26T08:12:00Z");
    let mut backup = job("backup", "backup --tag example /backup/dir1");
    backup.last_run = Some(last_run(
        Outcome::Success,
        0,
        "Successful backup of /backup/dir1",
    ));
    Status {
        ok: true,
        at,
        findings: Vec::new(),
        schedule: ScheduleFile {
            file: Some(PathBuf::from("/etc/ofelia/config.ini")),
            problem: None,
            passed_over: Vec::new(),
        },
        jobs: vec![backup],
        server: Server {
            running: true,
            healthy: true,
            says: "serving the repository at infncloud:/alice/vm/".to_owned(),
            container: Some("0123456789abcdef".to_owned()),
            host: Some("my-VM".to_owned()),
            since: Some("2026-11-20T07:00:00Z".to_owned()),
        },
        scheduler: Scheduler {
            running: false,
            file: None,
            container: None,
            host: None,
            since: None,
        },
        login: Some(Login {
            service: None,
            user: Some("alice".to_owned()),
            ends: Some(time("2026-12-20T08:00:00Z")),
            days_left: Some(23),
            estimated: false,
            problem: None,
        }),
        repository: State {
            remote: "infncloud:/alice/vm/".to_owned(),
            exists: Some(true),
            problem: None,
            size_bytes: Some(3_075_000_000),
            snapshots: vec![Group {
                host: "my-VM".to_owned(),
                paths: vec!["/backup/dir1".to_owned()],
                count: 31,
                newest: time("2026-11-26T01:00:01Z"),
                newest_id: "31b39f2e".to_owned(),
                newest_bytes: Some(2999),
            }],
        },
    }
}

fn shown(status: &Status) -> String {
    text(status, &TimeZone::get("Europe/Rome").unwrap())
}

#[test]
fn a_status_where_all_is_well() {
    let expected = "\
All is well. Thu 26 Nov 09:12, Europe/Rome

Jobs          of /etc/ofelia/config.ini
  backup: backup --tag example /backup/dir1
    last run  Thu 26 Nov 02:00 (7 hours ago), 2 minutes and 30 seconds: Successful backup of
              /backup/dir1
    next run  Fri 27 Nov 02:00 (in 16 hours)

Server        serving the repository at infncloud:/alice/vm/
              in container 0123456789ab (host name my-VM) since Fri 20 Nov 08:00 (6 days ago)
Scheduler     none of ours runs: the jobs are Ofelia's, or started by hand
Login         of alice, good for 23 days, until Sun 20 Dec 09:00
Repository    infncloud:/alice/vm/: 2.8 GiB on the storage
  my-VM /backup/dir1: 31 snapshots, the newest Thu 26 Nov 02:00 (7 hours ago), 2.9 KiB
";
    assert_eq!(shown(&status()), expected);
}

#[test]
fn what_is_not_well_stands_first_and_unknown_things_are_called_that() {
    let mut status = status();
    status.findings = vec![Finding {
        about: "server",
        problem: "no server runs on this volume".to_owned(),
        remedy: Some("docker compose up -d".to_owned()),
    }];
    let mut forget = job("forget", "forget --keep-last 1");
    forget.last_run = Some(last_run(Outcome::Failure, 12, "Failed"));
    forget.last_success = Some(time("2026-11-20T01:00:00Z"));
    forget.overdue = true;
    forget.running_since = Some(time("2026-11-26T08:00:00Z"));
    let mut find = job("clean-logs", "find /var/log/ofelia/");
    find.watched = false;
    find.next_run = None;
    status.jobs = vec![forget, find];
    status.server.running = false;
    status.server.healthy = false;
    status.server.says = "no server runs on this volume".to_owned();
    status.login = None;
    status.repository.exists = None;
    status.repository.problem = Some("the storage does not work".to_owned());
    status.repository.snapshots.clear();
    let expected = "\
1 thing is not well. Thu 26 Nov 09:12, Europe/Rome
  server: no server runs on this volume
    -> docker compose up -d

Jobs          of /etc/ofelia/config.ini
  forget: forget --keep-last 1
    last run  Thu 26 Nov 02:00 (7 hours ago), 2 minutes and 30 seconds: Failed [12]
    success   Fri 20 Nov 02:00 (6 days ago)
    running   since Thu 26 Nov 09:00 (12 minutes ago)
    next run  Fri 27 Nov 02:00 (in 16 hours); overdue
  clean-logs: find /var/log/ofelia/
    last run  not known: Ofelia runs it, and keeps its log
    next run  not known: @every counts from the start of Ofelia

Server        not healthy: no server runs on this volume
Scheduler     none of ours runs: the jobs are Ofelia's, or started by hand
Repository    infncloud:/alice/vm/: not known: the storage does not work
";
    assert_eq!(shown(&status), expected);
}

#[test]
fn long_verdicts_are_folded_within_100_columns() {
    let mut status = status();
    let verdict = "word ".repeat(200);
    status.jobs[0].last_run = Some(last_run(Outcome::Failure, 1, &verdict));
    let shown = shown(&status);
    assert!(
        shown.lines().all(|line| line.chars().count() <= WIDTH),
        "{shown}"
    );
    assert_eq!(shown.matches("word").count(), 200);
}

#[test]
fn a_run_that_our_scheduler_has_written_is_told_while_it_does_not_run() {
    let mut status = status();
    let mut find = job("clean-logs", "find /none");
    find.watched = false;
    find.last_run = Some(last_run(Outcome::Success, 0, "clean-logs ended well"));
    status.jobs = vec![find];
    let shown = shown(&status);
    assert!(shown.contains(": clean-logs ended well\n"), "{shown}");
    assert!(!shown.contains("keeps its log"), "{shown}");
}

#[test]
fn sizes_are_rounded_down() {
    for (number, told) in [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1_048_575, "1023.9 KiB"),
        (5 << 40, "5.0 TiB"),
        (u64::MAX, "16777215.9 TiB"),
    ] {
        assert_eq!(bytes(number), told);
    }
}
