//! Fifty jobs at the same second.

use std::time::Duration;

use crate::harness::{Container, Installation};

use super::scene::{SAVE_FOLDER, ended_with, exec, local, soon, wait_at_most};

const JOBS: usize = 50;
/// What the scheduler runs at once.
const AT_ONCE: usize = 8;
/// Says when it began and when it ended.
const SCRIPT: &str = "echo $(date +%s%N) begin $1 >>/home/user/events\nsleep 0.4\n\
                      echo $(date +%s%N) end $1 >>/home/user/events\n";

#[test]
fn fifty_jobs_of_one_second_all_run_and_eight_at_once_at_most() {
    let installation = Installation::new();
    let script = installation.script("crowd.sh", SCRIPT);
    let (schedule, time) = soon();
    let names: Vec<String> = (0..JOBS).map(|number| format!("crowd-{number}")).collect();
    let jobs = names
        .iter()
        .map(|name| local(name, &schedule, &format!("{script} {name}"), &[]));
    let plan = SAVE_FOLDER.to_owned() + &jobs.collect::<String>();
    let server = installation.scheduled(&plan);
    server.wait_until_said("50 jobs are scheduled");
    server.wait_for("all have ended", |server| {
        server.said(": ended well") == JOBS
    });

    let events = server.file("/home/user/events");
    let mut events: Vec<(u128, bool, &str)> = events
        .lines()
        .map(|line| {
            let mut words = line.split(' ');
            let mut word = || words.next().expect("three words");
            (word().parse().expect("a time"), word() == "begin", word())
        })
        .collect();
    events.sort_unstable();
    let begun = events.iter().filter(|(_, begins, _)| *begins);
    let mut begun: Vec<&str> = begun.map(|(_, _, name)| *name).collect();
    begun.sort_unstable();
    let mut all: Vec<&str> = names.iter().map(String::as_str).collect();
    all.sort_unstable();
    assert_eq!(begun, all);
    let first = u128::try_from(time.as_nanosecond()).expect("after 1970");
    assert!(events[0].0 >= first, "{events:#?}");
    let mut now = 0;
    let mut most = 0;
    for (_, begins, _) in &events {
        now = if *begins { now + 1 } else { now - 1 };
        most = most.max(now);
    }
    assert!(most <= AT_ONCE, "{most} at once");
    assert!(most > 1, "not one after the other");

    let runs = installation.runs();
    assert_eq!(runs.len(), JOBS);
    assert!(runs.iter().all(|run| ended_with(run, 0)), "{runs:#?}");
    assert_eq!(server.said("WARN"), 0, "{}", server.logs());
    let logs = server
        .shell("ls /home/user/logs/*.json | wc -l")
        .ok()
        .stdout;
    assert_eq!(logs.trim(), JOBS.to_string());
}

#[test]
fn fifty_backups_of_one_second_all_run_and_are_in_the_history() {
    let installation = Installation::new();
    installation.run(["restic", "init"]).ok();
    let installation = installation.fake_restic(&["say done"]);
    let (schedule, _) = soon();
    let jobs = (0..JOBS).map(|number| {
        exec(
            &format!("backup-{number}"),
            &schedule,
            &format!("backup --tag t{number} /backup/dir1"),
            &[],
        )
    });
    let server = installation.scheduled(&jobs.collect::<String>());
    wait_at_most(Duration::from_mins(1), "all have ended", || {
        server.said(": ended well") == JOBS
    });
    let runs = installation.runs_of("backup");
    assert_eq!(runs.len(), JOBS);
    assert!(runs.iter().all(|run| ended_with(run, 0)), "{runs:#?}");
    assert!(
        runs.iter().all(|run| run["started_by"] == "the schedule"),
        "{runs:#?}"
    );
    assert_eq!(server.said("WARN"), 0, "{}", server.logs());
}

#[test]
fn a_stop_breaks_off_those_that_run_and_the_others_do_not_even_begin() {
    const CROWD: usize = 20;
    let installation = Installation::new();
    let script = installation.script("slow.sh", "echo ran >>/home/user/ran\nsleep 60\n");
    let (schedule, _) = soon();
    let jobs = (0..CROWD).map(|number| local(&format!("crowd-{number}"), &schedule, &script, &[]));
    let server = installation.scheduled(&jobs.collect::<String>());
    let ran = |server: &Container| server.file("/home/user/ran").lines().count();
    server.wait_for("as many as may run", |server| ran(server) == AT_ONCE);
    let took = server.stop();
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(server.exit_code(), 0);
    assert_eq!(server.said(": begins"), AT_ONCE, "{}", server.logs());

    installation.script("slow.sh", "echo ran >>/home/user/ran\n");
    server.start_again();
    server.wait_for("all are made up", |server| {
        server.said(": ended well") == CROWD
    });
    assert_eq!(server.said("it is made up now, once"), CROWD);
    assert_eq!(ran(&server), AT_ONCE + CROWD);
}
