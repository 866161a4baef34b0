//! One-shot containers and jobs: through the running server of their volume, else through a private one that goes with
//! them.

use std::time::{Duration, Instant};

use crate::harness::{Container, Installation, ended};

#[test]
fn containers_in_sequence_on_one_volume_see_one_repository() {
    let installation = Installation::new();
    installation.write("file", "content");
    installation.run(["restic", "init"]).ok();
    let id = installation.run(["restic", "cat", "config"]).ok().stdout;
    let server = installation.server();
    server.exec(["backup", "/backup/dir1"]).ok();
    installation.run(["backup", "/backup/dir1"]).ok();
    assert_eq!(server.exec(["restic", "cat", "config"]).ok().stdout, id);
    let snapshots = server.exec(["restic", "list", "snapshots"]).ok().stdout;
    assert_eq!(snapshots.lines().count(), 2);
    server.stop();
    let snapshots = installation.run(["restic", "list", "snapshots"]).ok();
    assert_eq!(snapshots.stdout.lines().count(), 2);
}

#[test]
fn a_one_shot_container_uses_the_running_server() {
    let installation = Installation::new();
    installation.write_random("big", 20_000_000);
    let server = installation.server();
    installation.run(["restic", "init"]).ok();
    let one_shot = installation.start(["backup", "--limit-upload=50", "/backup/dir1"]);
    one_shot.pid("restic", "backup --limit");
    assert_eq!(one_shot.pids("rclone", "").len(), 0, "no server of its own");
    one_shot.stop();

    // With the server's rclone asleep, a one-shot container waits for it.
    let rclone = server.pid("rclone", "serve");
    server.kill("STOP", rclone);
    let waiting = installation.start(["restic", "snapshots"]);
    std::thread::sleep(Duration::from_secs(3));
    assert!(waiting.is_running());
    server.kill("CONT", rclone);
    assert_eq!(waiting.wait(), 0);
}

#[test]
fn a_one_shot_container_without_a_server_starts_its_own_and_leaves_nothing() {
    let installation = Installation::new();
    installation.write_random("big", 20_000_000);
    installation.run(["restic", "init"]).ok();
    let one_shot = installation.start(["backup", "--limit-upload=50", "/backup/dir1"]);
    one_shot.pid("restic", "backup --limit");
    let rclone = one_shot.pid("rclone", "serve");
    let listening = one_shot.shell(&format!("tr '\\0' ' ' </proc/{rclone}/cmdline"));
    assert!(
        !listening.stdout.contains(":8080"),
        "no port is opened: {}",
        listening.stdout
    );
    one_shot.stop();
    // What it leaves in the volume is no server: the next one starts its own again.
    installation.run(["restic", "snapshots"]).ok();
}

/// A container whose first process is none of ours, as where another image's service mounts the volume.
fn foreign(installation: &Installation) -> Container {
    installation.start_program("sleep", ["600"])
}

#[test]
fn a_private_server_in_another_containers_service_goes_with_its_command() {
    let installation = Installation::new();
    let container = foreign(&installation);
    container.exec(["restic", "init"]).ok();
    container.exec(["backup", "/backup/dir1"]).code(3);
    assert_eq!(container.pids("rclone", ""), [0_u32; 0]);
    assert_eq!(container.pids("restic", ""), [0_u32; 0]);
    assert_eq!(
        container
            .shell("ls -d /tmp/cloud-backup-* 2>/dev/null; true")
            .stdout,
        ""
    );
}

#[test]
fn a_private_server_goes_also_when_its_command_is_killed() {
    let installation = Installation::new();
    installation.write_random("big", 20_000_000);
    let container = foreign(&installation);
    container.exec(["restic", "init"]).ok();
    for command in [&["backup"][..], &["restic", "backup"]] {
        let line = command
            .iter()
            .copied()
            .chain(["--limit-upload=50", "/backup/dir1"]);
        let job = container.spawn_exec([], line);
        container.wait_for("restic runs", |container| {
            container.pids("restic", "^/usr/bin/restic .*backup").len() == 1
        });
        let ours = container.pids(command[0], &format!("^{}", command[0]));
        container.kill("KILL", ours[0]);
        assert_eq!(ended("the job", job).code, 137);
        let begun = Instant::now();
        container.wait_for("all have gone", |container| {
            container.pids("rclone", "").is_empty() && container.pids("restic", "").is_empty()
        });
        assert!(begun.elapsed() < Duration::from_secs(15), "{command:?}");
        container.exec(["restic", "unlock"]).ok();
    }
}

#[test]
fn where_the_volume_carries_no_sockets_jobs_use_the_server_and_one_shots_their_own() {
    // A socket's path has 107 bytes at most: with this home, the volume carries none.
    let home = format!("/home/user/{}", "long".repeat(30));
    let installation = Installation::new()
        .env("HOME", &home)
        .env("BACKUP_REMOTE", "/home/user/storage");
    installation.write_random("big", 20_000_000);
    let server = installation.server();
    let log = server.logs();
    assert!(log.contains("the volume carries no sockets"), "{log}");
    server.exec(["restic", "init"]).ok();

    let job = server.spawn_exec([], ["backup", "--limit-upload=50", "/backup/dir1"]);
    server.wait_for("restic runs", |server| {
        server.pids("restic", "^/usr/bin/restic .*backup").len() == 1
    });
    assert_eq!(server.pids("rclone", "").len(), 1, "one for all");
    let one_shot = installation.start(["restic", "backup", "--limit-upload=50", "/backup/dir1"]);
    one_shot.pid("rclone", "serve");
    one_shot.stop();
    server.stop();
    assert_eq!(ended("the backup", job).code, 130);
}
