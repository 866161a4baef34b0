//! restic's locks: what a killed run left behind is removed, what a living one holds is never touched.

use std::time::{Duration, Instant};

use crate::harness::{Container, Installation, ended};

/// How restic says that it has removed some.
const REMOVED: &str = "a stale lock of ";

/// A repository with enough in it that reading it slowly takes a while.
fn repository() -> Installation {
    let installation = Installation::new();
    installation.write_random("random", 2_000_000);
    installation.run(["backup", "/backup/dir1"]).ok();
    installation
}

/// `restic check` at this many KiB a second: it holds an exclusive lock, and ends well.
fn slow_check(rate: &str) -> [&str; 5] {
    ["restic", "check", "--read-data", "--limit-download", rate]
}

fn locks(installation: &Installation) -> usize {
    let listed = installation.shell("ls storage/locks").ok().stdout;
    listed.lines().count()
}

/// Waits until restic has left its lock in the storage.
fn wait_for_lock(installation: &Installation, container: &Container) {
    container.wait_for("there is a lock", |_| locks(installation) == 1);
}

#[test]
fn the_lock_of_a_killed_backup_is_removed_and_forget_goes_on() {
    let installation = repository();
    let server = installation.server();
    installation.write_random("more", 4_000_000);
    let backup = server.spawn_exec([], ["backup", "--limit-upload", "100", "/backup/dir1"]);
    wait_for_lock(&installation, &server);
    server.kill("KILL", server.pid("restic", "bin/restic .*backup"));
    ended("backup", backup).code(137);
    assert_eq!(locks(&installation), 1, "SIGKILL leaves the lock");

    server
        .exec(["forget", "--keep-last", "1", "--prune"])
        .ok()
        .says(REMOVED);
    assert_eq!(locks(&installation), 0);
    server.exec(["restic", "check"]).ok();
}

#[test]
fn the_lock_of_a_killed_check_is_removed_and_backup_goes_on() {
    let installation = repository();
    let server = installation.server();
    let check = server.spawn_exec([], slow_check("50"));
    wait_for_lock(&installation, &server);
    server.kill("KILL", server.pid("restic", "bin/restic .*check"));
    ended("check", check).code(137);
    assert_eq!(locks(&installation), 1, "SIGKILL leaves the lock");

    server.exec(["backup", "/backup/dir1"]).ok().says(REMOVED);
    assert_eq!(locks(&installation), 0);
}

#[test]
fn the_lock_of_a_killed_container_is_removed_and_backup_goes_on() {
    let installation = repository();
    let server = installation.server();
    // To restic a process with the same number in the next container would be the holder, alive.
    server.shell("for i in $(seq 500); do /bin/true; done").ok();
    let check = server.spawn_exec([], slow_check("50"));
    wait_for_lock(&installation, &server);
    server.signal("KILL").ok();
    server.wait();
    ended("check", check).code(137);
    installation
        .run(["backup", "--retry-lock", "1s", "/backup/dir1"])
        .ok()
        .says(REMOVED);
}

#[test]
fn the_lock_of_a_killed_run_is_removed_as_soon_as_no_other_run_is_at_work() {
    let installation = repository();
    let server = installation.server();
    let check = server.spawn_exec([], slow_check("50"));
    wait_for_lock(&installation, &server);
    server.kill("KILL", server.pid("restic", "bin/restic .*check"));
    ended("check", check).code(137);
    // It needs no lock; what it is at keeps others from judging the one that was left.
    let other = server.spawn_exec([], slow_check("200").into_iter().chain(["--no-lock"]));
    server.pid("restic", "bin/restic .*check");
    server
        .exec(["forget", "--keep-last", "1", "--prune"])
        .ok()
        .says("waiting up to 5m")
        .says(REMOVED);
    ended("check", other).ok();
    assert_eq!(locks(&installation), 0);
}

#[test]
fn a_live_lock_is_kept_and_its_holder_named() {
    let installation = repository();
    let server = installation.server();
    let check = server.spawn_exec([], slow_check("100"));
    wait_for_lock(&installation, &server);
    let pid = server.pid("restic", "bin/restic .*check");
    let begun = Instant::now();
    let backup = server
        .exec(["backup", "--retry-lock", "1s", "/backup/dir1"])
        .code(11);
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "the user's --retry-lock is kept"
    );
    backup.clone().says(&format!(
        "failed: the repository is locked by PID {pid} on my-VM by user"
    ));
    assert!(!backup.all().contains(REMOVED), "{}", backup.all());
    assert_eq!(locks(&installation), 1);
    ended("check", check).ok().says("no errors were found");
}

#[test]
fn a_live_lock_of_another_container_is_kept() {
    let installation = repository();
    let check = installation.start(slow_check("100"));
    wait_for_lock(&installation, &check);
    let backup = installation.run(["backup", "--retry-lock", "1s", "/backup/dir1"]);
    assert_eq!(locks(&installation), 1, "{}", backup.all());
    backup.code(11);
    assert_eq!(check.wait(), 0, "{}", check.logs());
}

#[test]
fn an_unlock_beside_a_run_in_another_container_is_refused() {
    let installation = repository();
    let check = installation.start(slow_check("100"));
    wait_for_lock(&installation, &check);
    installation
        .run(["restic", "unlock"])
        .code(75)
        .says("restic is at work on this volume");
    assert_eq!(locks(&installation), 1);
    assert_eq!(check.wait(), 0, "{}", check.logs());
    installation.run(["restic", "unlock"]).ok();
}

#[test]
fn a_live_lock_is_waited_for() {
    let installation = repository();
    let server = installation.server();
    let check = server.spawn_exec([], slow_check("400"));
    wait_for_lock(&installation, &server);
    let backup = server
        .exec(["backup", "/backup/dir1"])
        .ok()
        .says("waiting up to 5m");
    assert!(!backup.all().contains(REMOVED), "{}", backup.all());
    ended("check", check).ok().says("no errors were found");
}
