//! Runs under hardship: first backups all at once, outputs that nobody reads, a full volume, a stop while the report
//! hangs, odd options, and a job that means another repository than the running server.

use std::os::unix::fs::PermissionsExt;
use std::process::Child;
use std::time::Duration;

use crate::harness::{Container, Ended, Installation, docker, ended};
use crate::healthchecks::{Answer, Healthchecks};
use crate::job_reports::reporting_to;

/// Folders of the source that differ, so that their backups are jobs of their own.
const FOLDERS: [&str; 4] = ["d1", "d2", "d3", "d4"];

/// How many repositories `restic init` has been at: each makes a key.
fn keys(installation: &Installation) -> String {
    let listed = installation.shell("ls storage/keys | wc -l").ok();
    listed.stdout.trim().to_owned()
}

fn snapshots(server: &Container) -> String {
    server.exec(["restic", "snapshots", "--json"]).ok().stdout
}

#[track_caller]
fn assert_one_whole_repository(installation: &Installation, snapshots: &str) {
    assert_eq!(keys(installation), "1", "keys");
    installation
        .run(["restic", "check"])
        .ok()
        .says("no errors were found");
    installation
        .run(["restic", "snapshots"])
        .ok()
        .says(snapshots);
}

/// Gives the installation's volume this size; what is in it lasts as long as one container runs.
fn shrink_volume(installation: &Installation, size: &str) {
    let volume = installation.volume();
    docker(["volume", "rm", volume]).ok();
    let options = format!("o=size={size},uid=1000,gid=1000,mode=0700");
    let tmpfs = ["--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt"];
    docker([&["volume", "create"], &tmpfs[..], &[&options, volume]].concat()).ok();
}

#[test]
fn first_backups_at_the_same_moment_make_one_repository() {
    let installation = Installation::new();
    for folder in FOLDERS {
        installation.write(&format!("{folder}/a"), folder);
    }
    let server = installation.server();
    let sources = FOLDERS.map(|folder| format!("/backup/dir1/{folder}"));
    let backups: Vec<Child> = sources
        .iter()
        .map(|source| server.spawn_exec([], ["backup", source]))
        .collect();
    let ends: Vec<Ended> = sources
        .iter()
        .zip(backups)
        .map(|(source, backup)| ended(source, backup))
        .collect();
    for end in ends {
        end.ok();
    }
    assert_one_whole_repository(&installation, "4 snapshots");
}

#[test]
fn first_backups_of_two_containers_without_a_server_make_one_repository() {
    let installation = Installation::new();
    installation.write("d1/a", "one");
    installation.write("d2/a", "two");
    let backups = ["d1", "d2"].map(|folder| {
        let source = format!("/backup/dir1/{folder}");
        installation.start(["backup", &source])
    });
    for backup in &backups {
        assert_eq!(backup.wait(), 0, "{}", backup.logs());
    }
    assert_one_whole_repository(&installation, "2 snapshots");
}

#[test]
fn restic_init_beside_a_first_backup_makes_no_second_repository() {
    let installation = Installation::new();
    installation.write("a", "one");
    let server = installation.server();
    let backup = server.spawn_exec([], ["backup", "/backup/dir1"]);
    let init = server.spawn_exec([], ["restic", "init"]);
    // Whoever comes second finds a repository, which only init takes for a failure.
    let init = ended("init", init);
    ended("backup", backup).ok();
    assert!(init.code == 0 || init.all().contains("already"), "{init:?}");
    assert_one_whole_repository(&installation, "1 snapshots");
}

#[test]
fn a_backup_whose_messages_cannot_be_written_succeeds_and_is_reported() {
    let healthchecks = Healthchecks::start();
    let installation = reporting_to(&healthchecks);
    installation.write("a", "one");
    let server = installation.server();
    server
        .exec(["sh", "-c", "backup /backup/dir1 2>/dev/full"])
        .ok();
    assert_eq!(healthchecks.signals(), ["start", "0"]);
}

#[test]
fn a_backup_whose_output_nobody_reads_is_reported() {
    let healthchecks = Healthchecks::start();
    let installation = reporting_to(&healthchecks);
    installation.write("a", "one");
    let server = installation.server();
    // The shell waits for both.
    server
        .exec(["sh", "-c", "backup /backup/dir1 2>&1 | true"])
        .ok();
    server.wait_for("both pings", |_| healthchecks.pings().len() == 2);
    assert_eq!(healthchecks.signals(), ["start", "0"]);
    assert!(snapshots(&server).contains("/backup/dir1"));
}

#[test]
fn a_job_for_another_remote_than_the_servers_is_refused() {
    let installation = Installation::new();
    installation.write("a", "one");
    let server = installation.server();
    server.exec(["backup", "/backup/dir1"]).ok();
    let pins = |installation: &Installation| {
        let listed = installation.shell("ls .cloud-backup/repositories").ok();
        listed.stdout.lines().count()
    };
    assert_eq!(pins(&installation), 1);

    let moved = installation.env("BACKUP_REMOTE", "/home/user/other");
    moved
        .run(["backup", "/backup/dir1"])
        .code(78)
        .says("/home/user/storage")
        .says("/home/user/other")
        .says("--force-recreate");
    assert_eq!(pins(&moved), 1, "no repository is pinned for the other one");
    assert_eq!(
        snapshots(&server).matches("\"short_id\"").count(),
        1,
        "nothing was backed up to the server's repository"
    );
}

#[test]
fn a_stop_of_the_container_breaks_off_a_report_that_hangs() {
    let healthchecks = Healthchecks::start().always(Answer::Hang);
    let installation = reporting_to(&healthchecks);
    installation.write("a", "one");
    let server = installation.server();
    let backup = server.spawn_exec([], ["backup", "/backup/dir1"]);
    server.wait_for("the result is on its way", |_| {
        healthchecks.pings().iter().any(|ping| ping.signal == "0")
    });
    let took = server.stop();
    assert!(took < Duration::from_secs(10), "{took:?}");
    let backup = ended("backup", backup).ok();
    assert!(backup.stderr.contains("broken off"), "{}", backup.stderr);
}

#[test]
fn jobs_run_where_the_volume_has_no_space_left() {
    let healthchecks = Healthchecks::start();
    let installation = reporting_to(&healthchecks)
        .env("FORGET_CHECK_URL", &healthchecks.url_for_containers())
        .env("BACKUP_REMOTE", "/tmp/storage")
        .env("RESTIC_CACHE_DIR", "/tmp/cache");
    installation.write("a", "one");
    shrink_volume(&installation, "1m");
    let server = installation.server();
    server.exec(["restic", "init"]).ok();
    server
        .exec(["dd", "if=/dev/zero", "of=/home/user/filler", "bs=4096"])
        .code(1)
        .says("No space left on device");

    server.exec(["backup", "/backup/dir1"]).ok();
    server.exec(["backup", "/backup/dir1"]).ok();
    server.exec(["forget", "--keep-last", "1"]).ok();
    assert_eq!(
        healthchecks.signals(),
        ["start", "0", "start", "0", "start", "0"]
    );
    assert_eq!(snapshots(&server).matches("\"short_id\"").count(), 1);
}

#[test]
fn a_server_that_began_on_a_full_volume_is_healthy_once_there_is_room() {
    let installation = Installation::new().env("BACKUP_REMOTE", "/tmp/storage");
    shrink_volume(&installation, "1m");
    let beside = installation.start_program("sleep", ["600"]);
    beside
        .exec(["dd", "if=/dev/zero", "of=/home/user/filler", "bs=4096"])
        .code(1);
    let server = installation.start(["start-server"]);
    server.wait_for("it is said", |server| {
        server.logs().contains("cannot tell in the volume")
    });
    beside.exec(["rm", "/home/user/filler"]).ok();
    server.wait_for("it is told where the server listens", |server| {
        server.exec(["healthcheck"]).code == 0
    });
}

#[test]
fn a_quiet_backup_that_could_not_read_a_file_says_just_that() {
    let installation = Installation::new();
    installation.write("readable", "one");
    let file = installation.write("locked away", "private");
    std::fs::set_permissions(file, PermissionsExt::from_mode(0o000)).expect("chmod");
    let backup = installation
        .run(["backup", "--quiet", "/backup/dir1"])
        .code(3);
    let said = &backup.stderr;
    assert!(said.contains("could not be read"), "{said}");
    assert!(!said.contains("snapshots could not be removed"), "{said}");
}

#[test]
fn a_dry_run_is_a_note_to_the_check_and_no_success() {
    let healthchecks = Healthchecks::start();
    let installation = Installation::new();
    installation.write("a", "one");
    installation.run(["backup", "/backup/dir1"]).ok();
    let installation = installation.env("BACKUP_CHECK_URL", &healthchecks.url_for_containers());
    let server = installation.server();
    let dry = server.exec(["backup", "--dry-run", "/backup/dir1"]).ok();
    assert!(dry.stderr.contains("Dry run"), "{}", dry.stderr);
    assert_eq!(healthchecks.signals(), ["log"]);
    assert_eq!(snapshots(&server).matches("\"short_id\"").count(), 1);
}

#[test]
fn a_folder_that_looks_like_an_option_is_backed_up() {
    let installation = Installation::new();
    installation.write("-odd/a", "one");
    let server = installation.server();
    server
        .exec_with(["--workdir=/backup/dir1"], ["backup", "--", "-odd"])
        .ok();
    server.exec(["restic", "ls", "latest"]).ok().says("/-odd/a");
}
