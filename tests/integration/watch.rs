//! The dead man's watch beside Ofelia: what has not succeeded for too long, or keeps failing, reaches the job's own check.

use std::time::{Duration, Instant};

use crate::harness::{Container, Installation};
use crate::healthchecks::Healthchecks;
use crate::status::{Schedule, job};

const WATCHING: &str = "watching over 1 job of /etc/ofelia/config.ini";

/// An installation whose backups are scheduled with these lines and report to a check of their own.
fn scene(lines: &str, command: &str) -> (Installation, Schedule, Healthchecks) {
    let healthchecks = Healthchecks::start();
    let url = healthchecks.url_for_containers();
    let lines = format!("{lines}\nenvironment = BACKUP_CHECK_URL={url}");
    let schedule = Schedule::new(&job("nightly", command, &lines));
    let installation = schedule.mounted(Installation::new());
    installation.write("a", "one");
    (installation, schedule, healthchecks)
}

/// Waits until the check has got so many pings.
#[track_caller]
fn wait_for_pings(healthchecks: &Healthchecks, server: &Container, count: usize, at_most: u64) {
    let until = Instant::now() + Duration::from_secs(at_most);
    while healthchecks.pings().len() < count {
        let log = server.logs();
        assert!(Instant::now() < until, "not within {at_most} s:\n{log}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_job_without_success_for_longer_than_its_max_age_is_told_once_and_a_success_puts_it_off() {
    let (installation, _schedule, healthchecks) =
        scene("schedule = @daily\nmax-age = 1m", "backup /backup/dir1");
    let server = installation.server();
    let begun = Instant::now();
    server.wait_for("it watches", |server| server.logs().contains(WATCHING));
    std::thread::sleep(Duration::from_secs(30));
    server.exec(["backup", "/backup/dir1"]).ok();
    let success = Instant::now();
    std::thread::sleep(Duration::from_secs(40));
    assert!(begun.elapsed() > Duration::from_secs(70));
    assert_eq!(healthchecks.signals(), [""; 0], "the success counts");

    wait_for_pings(&healthchecks, &server, 1, 30);
    let late = success.elapsed();
    assert!(
        late > Duration::from_secs(55) && late < Duration::from_secs(65),
        "{late:?}"
    );
    let body = healthchecks.last_body();
    let lines: Vec<&str> = body.lines().collect();
    let since = lines[0].strip_prefix("nightly has not succeeded since 20");
    let since = since.expect("the first line");
    assert!(since.ends_with(" (1 minute): its max-age is 1m"), "{body}");
    let remedy = "Nothing has run it: see whether Ofelia runs and takes the job";
    assert!(lines[1].starts_with(remedy), "{body}");
    assert!(
        lines[2].ends_with(": Successful backup of /backup/dir1"),
        "{body}"
    );
    assert!(
        server
            .logs()
            .contains("WARN nightly has not succeeded since")
    );

    std::thread::sleep(Duration::from_secs(15));
    assert_eq!(healthchecks.signals(), ["fail"]);
}

#[test]
fn a_job_that_keeps_failing_is_told_at_the_start_and_one_that_failed_twice_is_not() {
    let (installation, _schedule, healthchecks) =
        scene("schedule = @yearly", "backup /backup/dir1 /none");
    let fail = || {
        installation
            .run(["backup", "/backup/dir1", "/none"])
            .code(3)
    };
    fail();
    fail();
    let server = installation.server();
    server.wait_for("it watches", |server| server.logs().contains(WATCHING));
    fail();
    // Only at its next look, within a day: here at its next start.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(healthchecks.signals(), [""; 0]);
    server.stop();
    let server = installation.server();
    wait_for_pings(&healthchecks, &server, 1, 30);
    assert_eq!(healthchecks.signals(), ["fail"]);
    let body = healthchecks.last_body();
    let first = "nightly keeps failing: its last 3 runs failed, the last one began 20";
    assert!(body.starts_with(first), "{body}");
    let verdict = ": Backup of /backup/dir1, /none failed: 1 file could not be read\n";
    assert!(body.ends_with(verdict), "{body}");
}

#[test]
fn a_check_that_does_not_answer_is_said_and_nothing_else() {
    let (installation, _schedule, healthchecks) = scene("schedule = @yearly", "backup /none");
    let healthchecks = healthchecks.always(crate::healthchecks::Answer::Status(404, ""));
    for _ in 0..3 {
        installation.run(["backup", "/none"]).code(1);
    }
    let server = installation.server();
    wait_for_pings(&healthchecks, &server, 1, 30);
    server.wait_for("the trouble is said", |server| {
        server.logs().contains("there is no such check")
    });
    let log = server.logs();
    assert!(!log.contains(crate::healthchecks::CHECK), "{log}");
    server.exec(["healthcheck"]).ok();
    server.stop();
    assert_eq!(server.exit_code(), 0);
}

#[test]
fn a_file_that_cannot_be_used_is_one_warning_and_the_server_serves() {
    let folder = tempfile::tempdir().expect("a folder");
    let mount = format!(
        "--volume={}:/etc/ofelia/config.ini:ro",
        folder.path().display()
    );
    let wrong = Schedule::new("[job-local \"a\"]\nschedule = never\n");
    for (installation, told) in [
        (
            Installation::new().with([mount.as_str()]),
            "Is a directory (os error 21). Docker makes a folder for a file that is not there",
        ),
        (
            wrong.mounted(Installation::new()),
            "has 2 problems: line 1: ",
        ),
    ] {
        let server = installation.server();
        let log = server.logs();
        let warnings: Vec<_> = log.lines().filter(|line| line.contains("WARN")).collect();
        let [warning] = warnings[..] else {
            panic!("not one warning:\n{log}")
        };
        let begin = "nobody watches whether the jobs run: ";
        assert!(
            warning.contains(begin) && warning.contains(told),
            "{warning}"
        );
    }
}
