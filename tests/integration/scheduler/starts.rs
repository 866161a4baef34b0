//! What a scheduler refuses at its start, and what it starts in spite of.

use crate::harness::Installation;

use super::scene::{FILE, SAVE_FOLDER, ended_with, local};

/// Runs every second, so that a scheduler that starts with it is seen.
fn job() -> String {
    local("job", "* * * * * *", "touch /home/user/ran", &[])
}

/// That neither command starts with this schedule file, with this code; gives what the server said.
#[track_caller]
fn refused(installation: &Installation, plan: &str, code: i32) -> String {
    installation.plan(plan);
    let server = installation
        .run(["start-server", "--schedule", FILE])
        .code(code);
    let alone = installation.run(["schedule", FILE]).code(code);
    assert_eq!(server.stderr, alone.stderr);
    for said in [&server, &alone] {
        assert!(!said.all().contains("INFO"), "{}", said.all());
    }
    let ran = installation.shell("ls ran 2>&1; true").stdout;
    assert!(ran.contains("No such file"), "{ran}");
    server.stderr
}

#[test]
fn every_mistake_of_the_file_is_told_with_its_line_and_nothing_starts() {
    let installation = Installation::new();
    let plan = job()
        + "[job-exec \"one\"]\nschedule = 0 2 * * *\ncontainer = cloud-backup\nuser = user\ncommand = backup /a\n\
           [job-run \"two\"]\nimage = alpine\nschedule = @daily\ncommand = true\n\
           [job-exec \"three\"]\nschedule = @daily\ncontainer = web\ncommand = true\n\
           [job-exec \"four\"]\nschedule = @daily\ncontainer = cloud-backup\nuser = root\ncommand = true\n\
           [job-local \"five\"]\nschedule = 0 0 2 30 2 *\ncommand = true\ncatch_up = no\n";
    let said = refused(&installation, &plan, 78);
    for mistake in [
        "has 6 problems:",
        "line 6: schedule has five fields, and Ofelia reads the first of five as the seconds",
        "line 10: job-run starts a container of its own",
        "line 16: container is web, and jobs run in cloud-backup here",
        "line 18: user is root, and nobody but user runs jobs here",
        "line 24: schedule never comes",
        "line 26: ",
    ] {
        assert!(said.contains(mistake), "{mistake}: {said}");
    }
    let lines: Vec<usize> = said
        .lines()
        .filter_map(|line| {
            let number = line.trim_start().strip_prefix("line ")?.split(':').next()?;
            number.parse().ok()
        })
        .collect();
    assert!(lines.is_sorted(), "{said}");
}

#[test]
fn jobs_of_other_containers_are_all_told_by_line() {
    let installation = Installation::new();
    let other = |name: &str, more: &str| {
        format!("[job-exec \"{name}\"]\nschedule = @daily\ncommand = true\n{more}\n")
    };
    let plan = job()
        + &other("one", "container = web")
        + &other("two", "container = cloud-backup\nuser = root");
    let said = refused(&installation, &plan, 78);
    for mistake in [
        "has 2 problems:",
        "line 8: container is web, and jobs run in cloud-backup here",
        "line 9: user is root, and nobody but user runs jobs here",
    ] {
        assert!(said.contains(mistake), "{mistake}: {said}");
    }
}

#[test]
fn a_file_that_is_not_there_or_a_folder_that_takes_no_logs_is_named() {
    let installation = Installation::new();
    for command in [
        &["start-server", "--schedule", "/none.ini"][..],
        &["schedule", "/none.ini"],
    ] {
        installation
            .run(command.iter().copied())
            .code(78)
            .says("/none.ini");
    }
    // What Ofelia's container has is not to be had here, unless it is mounted.
    let plan = SAVE_FOLDER.replace("/home/user/logs", "/proc/logs") + &job();
    let said = refused(&installation, &plan, 73);
    assert!(said.contains("/proc/logs"), "{said}");
    installation.shell("mkdir logs && chmod 755 logs").ok();
    let plan = SAVE_FOLDER.to_owned() + &job();
    let said = refused(&installation, &plan, 73);
    assert!(said.contains("/home/user/logs"), "{said}");
}

#[test]
fn a_time_zone_that_is_not_known_is_refused() {
    let installation = Installation::new().env("TZ", "Europe/Roma");
    let said = refused(&installation, &job(), 78);
    assert!(said.contains("TZ is no time zone"), "{said}");
    let installation = installation.env("TZ", "");
    let plan = job() + &local("roma", "TZ=Europe/Roma @daily", "true", &[]);
    let said = refused(&installation, &plan, 78);
    assert!(
        said.contains("line 6: schedule names a time zone"),
        "{said}"
    );
}

#[test]
fn a_history_that_is_cut_or_no_history_is_survived_and_said() {
    const HISTORY: &str = ".cloud-backup/history.sqlite";
    let installation = Installation::new();
    let server = installation.scheduled(&local("job", "* * * * * *", "true", &[]));
    for damage in [
        format!("truncate -s $(($(stat -c %s {HISTORY}) / 2)) {HISTORY}"),
        format!("echo no history >{HISTORY}"),
        format!(": >{HISTORY}"),
    ] {
        let begun = server.said("job: ended well");
        server.wait_for("a run", |server| server.said("job: ended well") > begun);
        server.stop();
        installation.shell(&damage).ok();
        let before = server.said("the history of runs is damaged");
        let ended = server.said("job: ended well");
        server.start_again();
        server.wait_for("jobs run", |server| {
            server.said("job: ended well") > ended + 1
        });
        assert_eq!(
            server.said("the history of runs is damaged"),
            before + 1,
            "{damage}: {}",
            server.logs()
        );
        let runs = installation.runs();
        assert!(runs.iter().any(|run| ended_with(run, 0)), "{runs:#?}");
    }
    assert!(server.is_running());
}
