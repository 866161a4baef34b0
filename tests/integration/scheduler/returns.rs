//! What becomes of runs that did not happen while the machine was off, or that went off with it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::harness::{Installation, docker, image};
use crate::healthchecks::Healthchecks;
use crate::history::example;
use crate::process_model::{has_lock, locks_left};

use super::scene::{SLOW_BACKUP, daily, ended_with, exec, local, soon};

const BROKEN_OFF: &str = "was broken off by a stop or a power cut: ";

impl Installation {
    /// As if the job with this schedule had been done last at this time.
    fn was_done(&self, job: &str, schedule: &str, time: Timestamp) {
        let home = format!("--volume={}:/home/user", self.volume());
        docker([
            "run",
            "--rm",
            "--network=none",
            &home,
            &example("set-scheduled"),
            "--entrypoint=/set-scheduled",
            &image(),
            job,
            schedule,
            &time.as_second().to_string(),
        ])
        .ok();
    }
}

fn reporting(healthchecks: &Healthchecks) -> Installation {
    Installation::new().env("BACKUP_CHECK_URL", &healthchecks.url_for_containers())
}

#[test]
fn a_backup_in_a_power_cut_is_made_up_exactly_once_and_leaves_no_lock() {
    let healthchecks = Healthchecks::start();
    let installation = reporting(&healthchecks).much_to_upload();
    let (schedule, _) = soon();
    let server = installation.scheduled(&exec("backup", &schedule, SLOW_BACKUP, &[]));
    server.wait_for("restic has taken its lock", has_lock);
    server.power_cut();
    assert_ne!(locks_left(&installation), "", "that is how it was left");

    installation.little_to_upload();
    server.start_again();
    server.wait_until_said("backup: ended well");
    assert_eq!(
        healthchecks.signals_of_runs(),
        ["start", "start", "0"],
        "{}",
        server.logs()
    );
    let notes = healthchecks.notes();
    let made_up = format!("{BROKEN_OFF}it is made up now, once");
    assert_eq!(notes.len(), 1, "{notes:#?}");
    assert!(notes[0].contains(&made_up), "{notes:#?}");
    assert_eq!(server.said(&made_up), 1);
    server.stop();
    assert_eq!(locks_left(&installation), "");

    // It has its end: another start, or another power cut, makes nothing up.
    server.start_again();
    server.wait_for("it is up again", |server| {
        server.said(" scheduled, in ") == 3
    });
    std::thread::sleep(Duration::from_secs(2));
    let runs = installation.runs_of("backup");
    assert_eq!(runs.len(), 2, "{runs:#?}");
    assert_eq!(runs[0]["state"], "broken off");
    assert!(ended_with(&runs[1], 0), "{runs:#?}");
    assert_eq!(server.said(BROKEN_OFF), 1);
}

#[test]
fn a_backup_whose_make_up_is_in_a_power_cut_too_waits_for_its_next_time() {
    let healthchecks = Healthchecks::start();
    let installation = reporting(&healthchecks).much_to_upload();
    let (schedule, _) = soon();
    let server = installation.scheduled(&exec("backup", &schedule, SLOW_BACKUP, &[]));
    server.wait_for("restic has taken its lock", has_lock);
    server.power_cut();
    server.start_again();
    server.wait_for("it is made up", |_| {
        healthchecks.signals_of_runs().len() == 2
    });
    server.wait_for("by restic", |server| {
        server.pids("restic", "backup").len() == 1
    });
    server.power_cut();

    server.start_again();
    let not_again = "it made up for another one, and is not tried again before the next time";
    server.wait_until_said(not_again);
    server.wait_for("it is reported", |_| healthchecks.notes().len() == 2);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(healthchecks.signals_of_runs(), ["start", "start"]);
    assert!(
        healthchecks.notes()[1].contains(not_again),
        "{:#?}",
        healthchecks.notes()
    );
    let runs = installation.runs_of("backup");
    assert_eq!(runs.len(), 3, "{runs:#?}");
    assert_eq!(runs[0]["state"], "broken off");
    assert_eq!(runs[1]["state"], "broken off");
    assert!(ended_with(&runs[2], 75), "{runs:#?}");
    assert!(
        runs[2]["end"]["skipped"]
            .as_str()
            .is_some_and(|why| why.contains(not_again)),
        "{runs:#?}"
    );
}

#[test]
fn without_catch_up_what_was_broken_off_or_missed_is_told_and_left_out() {
    let healthchecks = Healthchecks::start();
    let installation = reporting(&healthchecks).fake_restic(&["sleep 60000"]);
    let (schedule, _) = soon();
    let (missed, _) = daily(-300);
    let plan = exec(
        "backup",
        &schedule,
        "backup /backup/dir1",
        &["catch-up = false"],
    ) + &exec(
        "forget",
        &missed,
        "forget --keep-last 1",
        &["catch-up = false"],
    );
    let server = installation.scheduled(&plan);
    server.wait_for("restic runs", |server| {
        server.pids("restic", "backup").len() == 1
    });
    server.power_cut();
    let two_days_ago = Timestamp::now() - SignedDuration::from_hours(48);
    installation.was_done("forget", &missed, two_days_ago);

    server.start_again();
    let left_out = "it is not made up (catch-up = false)";
    server.wait_for("both are told", |server| server.said(left_out) == 2);
    server.wait_for("one is reported", |_| healthchecks.notes().len() == 1);
    std::thread::sleep(Duration::from_secs(2));
    assert!(
        healthchecks.notes()[0].contains(&format!("{BROKEN_OFF}{left_out}")),
        "{:#?}",
        healthchecks.notes()
    );
    assert_eq!(healthchecks.signals_of_runs(), ["start"]);
    let runs = installation.runs();
    assert_eq!(runs.len(), 3, "{runs:#?}");
    assert_eq!(runs[0]["state"], "broken off");
    for (run, command) in runs[1..].iter().zip(["backup", "forget"]) {
        assert!(ended_with(run, 75), "{runs:#?}");
        assert!(runs[1..].iter().any(|run| run["command"] == command));
        assert!(run["end"]["skipped"].is_string(), "{runs:#?}");
    }
}

#[test]
fn what_was_missed_while_the_machine_was_off_is_made_up_once_however_often_it_was() {
    let healthchecks = Healthchecks::start();
    let installation = reporting(&healthchecks);
    installation.run(["restic", "init"]).ok();
    let installation = installation.fake_restic(&["say done"]);
    let ran = installation.script("ran.sh", "echo ran >>/home/user/ran\n");
    let (schedule, time) = daily(-300);
    let ten_days_ago = time - SignedDuration::from_hours(240);
    installation.was_done("backup", &schedule, ten_days_ago);
    installation.was_done(
        "every",
        "@every 20m",
        ten_days_ago + SignedDuration::from_mins(10),
    );
    let plan = exec("backup", &schedule, "backup /backup/dir1", &[])
        + &local("every", "@every 20m", &ran, &[])
        // One that is new has missed nothing.
        + &local("new", &schedule, &ran, &[]);
    let server = installation.scheduled(&plan);
    server.wait_until_said("backup: ended well");
    server.wait_until_said("every: ended well");

    let shown = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let told = format!(
        "backup was missed from {} to {}: it is made up now, once",
        shown(time - SignedDuration::from_hours(216)),
        shown(time)
    );
    server.wait_until_said(&told);
    server.wait_for("it is reported", |_| healthchecks.notes().len() == 1);
    assert!(
        healthchecks.notes()[0].starts_with(&told),
        "{:#?}",
        healthchecks.notes()
    );
    assert_eq!(healthchecks.signals_of_runs(), ["start", "0"]);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(server.file("/home/user/ran"), "ran\n");
    assert_eq!(server.said(": begins"), 2, "{}", server.logs());

    server.stop();
    server.start_again();
    server.wait_for("it is up again", |server| {
        server.said(" scheduled, in ") == 2
    });
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(installation.runs_of("backup").len(), 1);
    assert_eq!(server.said(": begins"), 2, "{}", server.logs());
}

#[test]
fn a_backup_that_was_due_a_moment_before_the_start_runs_at_once_and_finds_the_server() {
    let healthchecks = Healthchecks::start();
    let installation = reporting(&healthchecks);
    installation.write("a", "one");
    let (schedule, time) = daily(-5);
    installation.was_done("backup", &schedule, time - SignedDuration::from_hours(24));
    let server = installation.scheduled(&exec("backup", &schedule, "backup /backup/dir1", &[]));
    server.wait_until_said("backup: ended well");
    assert_eq!(healthchecks.signals(), ["start", "0"]);
}
