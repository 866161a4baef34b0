//! What a check hears of a job: the whole body of each kind of end.
//!
//! Only times, sizes and ids of restic are normalised.

use std::time::Duration;

use crate::harness::{Installation, ended};
use crate::healthchecks::Healthchecks;

/// An installation that reports to this double.
pub fn reporting_to(healthchecks: &Healthchecks) -> Installation {
    Installation::new().env("BACKUP_CHECK_URL", &healthchecks.url_for_containers())
}

/// Replaces what differs from run to run: `#` for an id of restic, a number with its unit, a duration or a time.
fn normalised(body: &str) -> String {
    body.lines()
        .map(|line| normalised_line(line) + "\n")
        .collect()
}

fn normalised_line(line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in line.split(' ') {
        let bare = word.trim_matches(['(', ')', ',', ';']);
        let is_id = bare.len() == 8 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_size = bare.contains('.') && bare.bytes().all(|byte| b"0123456789.".contains(&byte));
        let is_time = bare.len() >= 4
            && bare.starts_with(|char: char| char.is_ascii_digit())
            && bare.contains([':', '-']);
        let is_seconds = bare.ends_with('s')
            && bare
                .trim_end_matches(['m', 's', 'µ'])
                .parse::<f64>()
                .is_ok();
        let is_unit = words.last().is_some_and(|last| last.ends_with('#'))
            && matches!(bare, "B" | "KiB" | "MiB");
        if is_unit {
            words
                .last_mut()
                .expect("a word before it")
                .push_str(&word.replace(bare, ""));
        } else if is_id || is_size || is_time || is_seconds {
            words.push(word.replace(bare, "#"));
        } else if matches!(bare, "B" | "KiB" | "MiB")
            && words
                .last()
                .is_some_and(|last| last.trim_start_matches('(').parse::<u32>().is_ok())
        {
            let last = words.pop().expect("a word before it");
            let number = last.trim_start_matches('(');
            words.push(last.replace(number, "#") + &word.replace(bare, ""));
        } else {
            words.push(word.to_owned());
        }
    }
    words.join(" ")
}

#[track_caller]
fn assert_body(healthchecks: &Healthchecks, expected: &str) {
    let body = normalised(&healthchecks.last_body());
    assert!(
        body == expected,
        "the body is\n{body}\ninstead of\n{expected}"
    );
}

#[test]
fn a_success_is_a_start_and_0_with_the_figures_and_the_output() {
    let healthchecks = Healthchecks::start();
    let installation = reporting_to(&healthchecks);
    installation.write("a", "one");
    installation.run(["backup", "/backup/dir1"]).ok();
    assert_eq!(healthchecks.signals(), ["start", "0"]);
    let pings = healthchecks.pings();
    assert_eq!(pings[0].rid, pings[1].rid);
    assert_body(
        &healthchecks,
        "Successful backup of /backup/dir1\n\
         Added to the repository: # (# stored); processed 1 files, # in #; snapshot # saved\n\
         \n\
         cloud-backup: no repository was there: one was initialised\n\
         no parent snapshot found, will read all files\n\
         \n\
         Files:           1 new,     0 changed,     0 unmodified\n\
         Dirs:            2 new,     0 changed,     0 unmodified\n\
         Added to the repository: # (# stored)\n\
         \n\
         processed 1 files, # in #\n\
         snapshot # saved\n",
    );
}

#[test]
fn an_incomplete_backup_names_the_unreadable_files_first() {
    let healthchecks = Healthchecks::start();
    let installation = reporting_to(&healthchecks);
    installation.run(["restic", "init"]).ok();
    installation.write("a", "one");
    let locked_away = installation.write("locked away", "two");
    std::fs::set_permissions(
        locked_away,
        std::os::unix::fs::PermissionsExt::from_mode(0o000),
    )
    .expect("chmod");
    installation.run(["backup", "/backup/dir1"]).code(3);
    assert_eq!(healthchecks.signals(), ["start", "3"]);
    assert_body(
        &healthchecks,
        "Backup of /backup/dir1 failed: 1 file could not be read\n\
         The snapshot holds all other files. To back up files that only root can read, uncomment cap_add: \
         [DAC_READ_SEARCH] in compose.yaml, then: docker compose up -d. Or make the named files readable for uid 1000, or \
         exclude them with --exclude.\n\
         open /backup/dir1/locked away: permission denied\n\
         Added to the repository: # (# stored); processed 1 files, # in #; snapshot # saved\n\
         \n\
         no parent snapshot found, will read all files\n\
         error: open /backup/dir1/locked away: permission denied\n\
         \n\
         Files:           1 new,     0 changed,     0 unmodified\n\
         Dirs:            2 new,     0 changed,     0 unmodified\n\
         Added to the repository: # (# stored)\n\
         \n\
         processed 1 files, # in #\n\
         snapshot # saved\n\
         Warning: at least one source file could not be read\n",
    );
}

#[test]
fn a_missing_source_directory_is_named_first() {
    let healthchecks = Healthchecks::start();
    let installation = reporting_to(&healthchecks);
    installation.run(["restic", "init"]).ok();
    installation.write("a", "one");
    installation
        .run(["backup", "/backup/dir1", "/backup/dir2"])
        .code(3);
    let body = normalised(&healthchecks.last_body());
    let lines: Vec<&str> = body.lines().collect();
    assert_eq!(
        lines[..4],
        [
            "Backup of /backup/dir1, /backup/dir2 failed: 1 file could not be read",
            "The snapshot holds all other files. Check the named ones, or exclude them with --exclude.",
            "/backup/dir2 does not exist",
            "Added to the repository: # (# stored); processed 1 files, # in #; snapshot # saved",
        ],
        "{body}"
    );
}

#[test]
fn sources_that_are_all_missing_are_restics_own_words() {
    let healthchecks = Healthchecks::start();
    let installation = reporting_to(&healthchecks);
    installation.run(["restic", "init"]).ok();
    installation.run(["backup", "/backup/dir2"]).code(1);
    assert_body(
        &healthchecks,
        "Backup of /backup/dir2 failed: all source directories/files do not exist\n\
         The output has restic's own words.\n\
         /backup/dir2 does not exist\n\
         \n\
         /backup/dir2 does not exist, skipping\n\
         Fatal: all source directories/files do not exist\n",
    );
}

#[test]
fn an_empty_source_directory_hints_at_the_volumes() {
    let healthchecks = Healthchecks::start();
    let installation = reporting_to(&healthchecks);
    installation.run(["restic", "init"]).ok();
    installation.run(["backup", "/backup/dir1"]).code(3);
    let body = healthchecks.last_body();
    assert!(
        body.starts_with(
            "Backup of /backup/dir1 failed: no file was found there\n\
             Check the host directory in the volumes of compose.yaml: Docker makes an empty one for a path that does \
             not exist. Where it is empty for now, put a file in it.\n"
        ),
        "{body}"
    );
}

#[test]
fn a_wrong_password_says_which_password() {
    let healthchecks = Healthchecks::start();
    let installation = reporting_to(&healthchecks);
    installation.run(["restic", "init"]).ok();
    installation
        .env("RESTIC_PASSWORD", "another-planted-password")
        .run(["backup", "/backup/dir1"])
        .code(12);
    assert_eq!(healthchecks.signals(), ["start", "12"]);
    assert_body(
        &healthchecks,
        "Backup of /backup/dir1 failed: RESTIC_PASSWORD is not the password of this repository\n\
         Set RESTIC_PASSWORD to the password that the repository was made with; without it the data cannot be read. (With \
         DESTINATION=copy it is COPY_PASSWORD.)\n\
         \n\
         Fatal: wrong password or no key found\n",
    );
}

#[test]
fn a_locked_repository_names_the_holder() {
    let healthchecks = Healthchecks::start();
    let installation = reporting_to(&healthchecks).fake_restic(&[
        "warn unable to create lock in backend: repository is already locked exclusively by PID 42 on other-VM by user (UID 1000, GID 1000)",
        "warn lock was created at 2026-01-02 03:04:05 (2.5s ago)",
        "warn storage ID 01234567",
        "warn the `unlock` command can be used to remove stale locks",
        "exit 11",
    ]);
    installation.run(["backup", "/backup/dir1"]).code(11);
    assert_eq!(healthchecks.signals(), ["start", "11"]);
    let told = "unable to create lock in backend: repository is already locked exclusively by PID 42 on other-VM by user \
                (UID # GID 1000)\n\
                lock was created at # # (# ago)\n\
                storage ID #\n\
                the `unlock` command can be used to remove stale locks\n"
        .replace("(UID # ", "(UID 1000, ");
    assert_body(
        &healthchecks,
        &format!(
            "Backup of /backup/dir1 failed: the repository is locked by PID 42 on other-VM by user (UID 1000, GID 1000), \
             exclusively since # # (# ago)\n\
             Wait for the other run to end. Where it is gone for good, and surely nobody else is working: docker \
             compose run --rm cloud-backup restic unlock --remove-all\n\
             \n\
             cloud-backup: no repository was there: one was initialised\n\
             {told}\
             cloud-backup: locked by PID 42 on other-VM by user (UID 1000, GID 1000), exclusively since # # (# ago), \
             waiting up to 5m\n\
             {told}"
        ),
    );
}

#[test]
fn a_killed_restic_is_137_with_the_output_so_far() {
    let healthchecks = Healthchecks::start();
    let installation = reporting_to(&healthchecks).fake_restic(&["say working", "signal 9"]);
    installation.run(["backup", "/backup/dir1"]).code(137);
    assert_eq!(healthchecks.signals(), ["start", "137"]);
    assert_body(
        &healthchecks,
        "Backup of /backup/dir1 failed: restic was killed by SIGKILL (out of memory?)\n\
         See the memory of the machine (dmesg, docker stats); the next run tries again.\n\
         \n\
         cloud-backup: no repository was there: one was initialised\n\
         working\n",
    );
}

#[test]
fn wrong_settings_are_told_where_the_check_is_known() {
    let healthchecks = Healthchecks::start();
    reporting_to(&healthchecks)
        .env("RESTIC_PASSWORD", "")
        .env("RESTIC_REST_PORT", "80")
        .run(["backup", "/backup/dir1"])
        .code(78);
    assert_eq!(healthchecks.signals(), ["78"]);
    assert_body(
        &healthchecks,
        "Backup of /backup/dir1 failed: the configuration has 2 problems:\n\
         Correct the .env file (or the environment of the job), then try again.\n  \
           RESTIC_PASSWORD is missing: choose the password that encrypts the repository\n  \
           RESTIC_REST_PORT must be a number from 1024 to 65535; empty means 8080\n",
    );
}

#[test]
fn a_remote_that_is_not_configured_is_told() {
    let healthchecks = Healthchecks::start();
    reporting_to(&healthchecks)
        .env("BACKUP_REMOTE", "infncloud:/user/backup/VM1")
        .run(["backup", "/backup/dir1"])
        .code(78);
    assert_body(
        &healthchecks,
        "Backup of /backup/dir1 failed: not configured yet: /home/user/.config/rclone/rclone.conf has no section \
         [infncloud]\n\
         For the storage of your login set OIDC_PASSWORD, then: docker compose run --rm cloud-backup config. For \
         another one write its section into that file (docker compose run --rm cloud-backup rclone config) or into .env \
         (RCLONE_CONFIG_NAME_TYPE=... and so on), or set BACKUP_REMOTE to a directory in the volume.\n",
    );
}

#[test]
fn forget_reports_to_its_own_check() {
    let (backups, forgets) = (Healthchecks::start(), Healthchecks::start());
    let installation =
        reporting_to(&backups).env("FORGET_CHECK_URL", &forgets.url_for_containers());
    installation.run(["restic", "init"]).ok();
    installation.write("a", "one");
    installation.run(["backup", "/backup/dir1"]).ok();
    installation.run(["backup", "/backup/dir1"]).ok();
    let before = backups.pings().len();
    installation.run(["forget", "--keep-last", "1"]).ok();
    assert_eq!(backups.pings().len(), before);
    assert_eq!(forgets.signals(), ["start", "0"]);
    let body = forgets.last_body();
    assert!(
        body.starts_with(
            "Successful forget --keep-last 1\nkeep 1 snapshots; remove 1 snapshots\n\n"
        ),
        "{body}"
    );
}

#[test]
fn a_stop_of_the_container_reports_the_interrupted_backup() {
    let healthchecks = Healthchecks::start();
    let installation = reporting_to(&healthchecks);
    installation.run(["restic", "init"]).ok();
    installation.write_random("big", 4_000_000);
    let server = installation.server();
    let backup = server.spawn_exec([], ["backup", "--limit-upload", "100", "/backup/dir1"]);
    server.wait_for("there is a lock", |server| {
        server.shell("ls /home/user/storage/locks/*").code == 0
    });
    let took = server.stop();
    assert!(took < Duration::from_secs(10), "{took:?}");
    ended("backup", backup).code(130);
    assert_eq!(healthchecks.signals(), ["start", "130"]);
    let pings = healthchecks.pings();
    assert_eq!(pings[0].rid, pings[1].rid);
    let body = healthchecks.last_body();
    assert!(
        body.starts_with(
            "Backup of /backup/dir1 failed: it was interrupted by SIGINT\n\
             What was uploaded is kept: the next run goes on from there.\n"
        ),
        "{body}"
    );
    assert_eq!(
        installation.shell("ls storage/locks").ok().stdout,
        "",
        "its lock is gone"
    );
}
