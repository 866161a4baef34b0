//! Runs that do not end by themselves: their timeout, a kill, a stop of the container.

use std::time::Duration;

use crate::harness::{Container, Installation};
use crate::healthchecks::Healthchecks;
use crate::process_model::{has_lock, locks_left};

use super::scene::{FILE, SAVE_FOLDER, SLOW_BACKUP, ended_with, exec, local, soon, wait_at_most};

const GRACE: Duration = Duration::from_secs(10);
/// Ignores what it is told.
const DEAF: &str = "trap '' TERM INT\necho deaf\nwhile :; do sleep 1; done\n";

fn reporting(healthchecks: &Healthchecks) -> Installation {
    Installation::new().env("BACKUP_CHECK_URL", &healthchecks.url_for_containers())
}

#[test]
fn a_backup_that_hangs_is_ended_at_its_timeout_says_so_and_runs_again() {
    let healthchecks = Healthchecks::start();
    let installation = reporting(&healthchecks).much_to_upload();
    let plan = exec("backup", "*/6 * * * * *", SLOW_BACKUP, &["timeout = 3s"]);
    let server = installation.scheduled(&plan);
    server.wait_for("two runs have ended", |_| {
        healthchecks.signals_of_runs().len() >= 4
    });
    let signals = healthchecks.signals_of_runs();
    assert_eq!(signals[..4], ["start", "124", "start", "124"]);
    let body = healthchecks.body_of("124");
    let verdict =
        "Backup of /backup/dir1 failed: it did not end within its timeout and was ended\n";
    assert!(body.starts_with(verdict), "{body}");
    server.wait_until_said("it did not end within its timeout of 3s and was ended");

    server.stop();
    assert_eq!(server.exit_code(), 0);
    assert_eq!(locks_left(&installation), "");
    let runs = installation.runs_of("backup");
    let timed_out = runs.iter().filter(|run| ended_with(run, 124)).count();
    assert!(timed_out >= 2, "{runs:#?}");
    // A run that was ended at its timeout is over, and nothing to make up.
    assert_eq!(server.said("broken off"), 0);
}

#[test]
fn a_backup_whose_restic_ignores_signals_is_ended_at_its_timeout_and_runs_again() {
    let healthchecks = Healthchecks::start();
    let installation = reporting(&healthchecks)
        .env("STOP_GRACE", "5")
        .fake_restic(&["say running", "deaf", "sleep 60000"]);
    let plan = exec(
        "backup",
        "*/6 * * * * *",
        "backup /backup/dir1",
        &["timeout = 1s"],
    );
    let server = installation.scheduled_on_nothing(&plan);
    server.wait_for("the next run", |_| {
        healthchecks.signals_of_runs().len() >= 3
    });
    assert_eq!(
        healthchecks.signals_of_runs()[..3],
        ["start", "124", "start"]
    );
    let body = healthchecks.body_of("124");
    assert!(
        body.contains("it did not end within its timeout and was ended"),
        "{body}"
    );
    assert!(body.contains("running"), "the output: {body}");
}

#[test]
fn a_backup_that_hangs_itself_is_killed_and_the_scheduler_reports_it() {
    let healthchecks = Healthchecks::start();
    let installation = reporting(&healthchecks)
        .env("STOP_GRACE", "5")
        .fake_restic(&["sleep 60000"]);
    let plan = exec(
        "backup",
        "*/3 * * * * *",
        "backup /backup/dir1",
        &["timeout = 3s"],
    );
    let server = installation.scheduled_on_nothing(&plan);
    server.wait_for("restic runs", |server| {
        !server.pids("restic", "backup").is_empty()
    });
    let restic = server.pid("restic", "backup");
    server.kill("STOP", server.pid("backup", "dir1"));
    wait_at_most(Duration::from_mins(1), "the next run", || {
        healthchecks.signals_of_runs().len() >= 3
    });
    let signals = healthchecks.signals_of_runs();
    assert_eq!(signals[..3], ["start", "124", "start"]);
    let body = healthchecks.body_of("124");
    let verdict = "backup failed: it did not end within its timeout of 3s and was killed\n";
    assert!(body.starts_with(verdict), "{body}");
    server.wait_for("nothing of the first one is left", |server| {
        !server.pids("restic", "backup").contains(&restic)
    });
}

#[test]
fn a_program_that_ignores_its_end_is_killed_at_its_timeout_and_runs_again() {
    let installation = Installation::new().env("STOP_GRACE", "5");
    let deaf = installation.script("deaf.sh", DEAF);
    let plan = SAVE_FOLDER.to_owned() + &local("deaf", "*/6 * * * * *", &deaf, &["timeout = 1s"]);
    let server = installation.scheduled(&plan);
    server.wait_for("the next run", |server| server.said("deaf: begins") >= 2);
    server.wait_until_said("it did not end within its timeout of 1s and was killed: deaf");
    let runs = installation.runs();
    assert!(ended_with(&runs[0], 124), "{runs:#?}");
    assert_eq!(
        runs[0]["end"]["verdict"],
        "deaf failed: it did not end within its timeout of 1s and was killed: deaf"
    );
    let summary = server.file("/home/user/logs/*_deaf.json");
    assert!(summary.contains("\"ExitCode\": 124"), "{summary}");
    assert!(summary.contains("and was killed\""), "{summary}");
}

#[test]
fn a_backup_that_somebody_kills_is_reported_by_the_scheduler() {
    let healthchecks = Healthchecks::start();
    let installation = reporting(&healthchecks).fake_restic(&["sleep 60000"]);
    let (schedule, _) = soon();
    let server = installation.scheduled(&exec("nightly", &schedule, "backup /backup/dir1", &[]));
    server.wait_for("the start is reported", |_| {
        healthchecks.signals().len() == 1
    });
    server.kill("KILL", server.pid("backup", "dir1"));
    server.wait_for("the report", |_| healthchecks.signals().len() == 2);
    assert_eq!(healthchecks.signals(), ["start", "137"]);
    let body = healthchecks.last_body();
    let verdict = "nightly failed: it was killed by SIGKILL\n";
    assert!(body.starts_with(verdict), "{body}");
    assert_eq!(installation.runs()[0]["state"], "broken off");
}

/// Stops a container in the middle of a backup and starts it again.
fn stop_and_return(healthchecks: &Healthchecks, installation: Installation, command: &[&str]) {
    let installation = installation.much_to_upload();
    let (schedule, _) = soon();
    installation.plan(&exec("backup", &schedule, SLOW_BACKUP, &[]));
    let container = installation.start(command.iter().copied());
    container.wait_for("restic has taken its lock", has_lock);

    let took = container.stop();
    assert!(took < GRACE, "{took:?}");
    assert_eq!(container.exit_code(), 0, "{}", container.logs());
    container.wait_until_said("stopped");
    assert_eq!(healthchecks.signals(), ["start", "130"]);
    let body = healthchecks.last_body();
    let verdict = "Backup of /backup/dir1 failed: it was interrupted by SIG";
    assert!(body.starts_with(verdict), "{body}");
    assert_eq!(locks_left(&installation), "");

    installation.little_to_upload();
    container.start_again();
    container.wait_for("it is made up", |_| {
        healthchecks.signals_of_runs().len() == 4
    });
    assert_eq!(
        healthchecks.signals_of_runs(),
        ["start", "130", "start", "0"]
    );
    let notes = healthchecks.notes();
    let broken_off = "was broken off by a stop or a power cut: it is made up now, once";
    assert_eq!(notes.len(), 1, "{notes:#?}");
    assert!(notes[0].contains(broken_off), "{notes:#?}");
    assert_eq!(container.said(broken_off), 1);
    nothing_more_is_made_up(&installation, &container);
}

fn nothing_more_is_made_up(installation: &Installation, container: &Container) {
    container.wait_until_said("backup: ended well");
    container.stop();
    let before = container.said(" scheduled, in ");
    container.start_again();
    container.wait_for("it is up again", |container| {
        container.said(" scheduled, in ") > before
    });
    std::thread::sleep(Duration::from_secs(2));
    let runs = installation.runs_of("backup");
    assert_eq!(runs.len(), 2, "{runs:#?}");
    assert!(
        ended_with(&runs[0], 130) && ended_with(&runs[1], 0),
        "{runs:#?}"
    );
}

#[test]
fn a_stop_interrupts_a_scheduled_backup_which_is_made_up_at_the_next_start() {
    let healthchecks = Healthchecks::start();
    let installation = reporting(&healthchecks);
    stop_and_return(
        &healthchecks,
        installation,
        &["start-server", "--schedule", FILE],
    );
}

#[test]
fn a_stop_under_another_init_interrupts_a_scheduled_backup_which_is_made_up() {
    let healthchecks = Healthchecks::start();
    let installation = reporting(&healthchecks).with(["--init"]);
    stop_and_return(
        &healthchecks,
        installation,
        &["start-server", "--schedule", FILE],
    );
}

#[test]
fn a_stop_of_the_scheduler_alone_interrupts_a_backup_which_is_made_up() {
    let healthchecks = Healthchecks::start();
    let installation = reporting(&healthchecks);
    stop_and_return(&healthchecks, installation, &["schedule", FILE]);
}

#[test]
fn a_stop_begins_none_of_the_jobs_that_wait_for_their_turn_and_all_are_made_up() {
    let installation = Installation::new();
    let (schedule, _) = soon();
    let sleeps = installation.script("sleeps.sh", "exec sleep 1000\n");
    let jobs = (0..20).map(|number| {
        let command = format!("{sleeps} {number}");
        local(&format!("job-{number}"), &schedule, &command, &[])
    });
    let server = installation.scheduled(&jobs.collect::<String>());
    let begun = |count: usize| {
        server.wait_for("as many run as may", |server| {
            server.said(": begins") == count
        });
        std::thread::sleep(Duration::from_secs(1));
        let took = server.stop();
        assert!(took < GRACE, "{took:?}");
        assert_eq!(server.said(": begins"), count, "{}", server.logs());
    };
    begun(8);
    let made_up = "it is made up now, once";
    server.start_again();
    begun(16);
    assert_eq!(server.said(made_up), 20);

    // What had no turn was not tried: it is still to be made up.
    server.start_again();
    begun(24);
    assert_eq!(server.said(made_up), 32);
    assert_eq!(server.said("it made up for another one"), 8);
}

#[test]
fn a_stop_ends_well_and_in_time_though_a_program_ignores_it() {
    for options in [&[][..], &["--init"]] {
        let installation = Installation::new().with(options.iter().copied());
        let deaf = installation.script("deaf.sh", DEAF);
        let plan = local("deaf", "* * * * * *", &deaf, &[]);
        let server = installation.scheduled(&plan);
        server.wait_until_said("deaf: begins");
        let took = server.stop();
        assert!(took < GRACE, "{options:?}: {took:?}");
        assert_eq!(server.exit_code(), 0, "{options:?}: {}", server.logs());
        assert!(server.logs().ends_with("stopped\n"), "{}", server.logs());
    }
}
