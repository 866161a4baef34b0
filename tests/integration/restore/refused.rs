//! A restore that does not begin, or does not get to its end.

use super::{backed_up, filled, ids, run_with, shell};
use crate::harness::{Container, Installation, ended};

#[test]
fn a_machine_of_another_name_hears_who_has_snapshots_and_what_to_type() {
    let installation = backed_up();
    let refused = run_with(
        &installation,
        ["--hostname=new-VM"],
        ["restore", "/backup/dir1/file"],
    )
    .code(1)
    .says("the host new-VM has no snapshots here; these have:\n  my-VM: 1 snapshot, the newest ");
    let line = refused
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("  -> docker compose run --rm cloud-backup "));
    // As it stands there.
    let line = line.expect("a line to type");
    assert_eq!(line, "restore --host my-VM /backup/dir1/file");
    run_with(&installation, ["--hostname=new-VM"], line.split(' ')).ok();
    // RESTIC_HOST is the host of the backups, and so of the restores.
    run_with(
        &installation,
        ["--hostname=new-VM", "--env=RESTIC_HOST=my-VM"],
        ["restore", "--dry-run"],
    )
    .ok();
}

#[test]
fn what_is_not_in_the_snapshot_is_named_with_what_is() {
    let installation = backed_up();
    installation
        .run(["restore", "/backup/dir1/file", "/backup/dir1/nope"])
        .code(1)
        .says("does not have /backup/dir1/nope\n")
        .says("restic find /backup/dir1/nope");
    installation
        .run(["restore", "/elsewhere"])
        .code(1)
        .says("a backup of my-VM (/backup/dir1) does not have /elsewhere");
    installation
        .run(["restore", "--snapshot=00000000"])
        .code(1)
        .says("no snapshot has the ID 00000000")
        .says("restic snapshots");
    installation
        .run(["restore", "dir1/file"])
        .code(64)
        .says("write the whole path as it was backed up");
    shell(&installation, "! test -e /home/user/restored").ok();
}

#[test]
fn without_a_repository_none_is_made() {
    let installation = filled();
    installation
        .run(["restore"])
        .code(10)
        .says("there is no repository at /home/user/storage/")
        .says("Make none there now");
    shell(&installation, "! test -e /home/user/storage/config").ok();
    installation.run(["restic", "init"]).ok();
    installation
        .run(["restore"])
        .code(1)
        .says("has no snapshots");
}

#[test]
fn a_wrong_password_is_told() {
    let installation = backed_up();
    run_with(&installation, ["--env=RESTIC_PASSWORD=wrong"], ["restore"])
        .code(12)
        .says("RESTIC_PASSWORD is not the password of this repository");
}

#[test]
fn a_target_that_is_too_small_is_told_before_anything_is_written() {
    let installation = backed_up();
    run_with(
        &installation,
        ["--tmpfs=/small:size=1m,mode=1777"],
        ["restore", "--target=/small"],
    )
    .code(73)
    .says("not enough room: 2.8 MiB are needed, and /small has 1.0 MiB: nothing was restored");
    // The volume is where login and history are written, too: some of it stays free.
    run_with(
        &installation,
        ["--tmpfs=/home/user/restored:size=40m,mode=1777"],
        ["restore", "--target=/home/user/restored"],
    )
    .code(73)
    .says("not enough room: 66.8 MiB are needed, and /home/user/restored has 40.0 MiB");
    // What fits of it.
    run_with(
        &installation,
        ["--tmpfs=/small:size=1m,mode=1777"],
        ["restore", "--target=/small", "/backup/dir1/file"],
    )
    .ok();
    // A file system may be full in other ways: then restic names what it could not restore.
    run_with(
        &installation,
        ["--tmpfs=/small:size=10m,nr_inodes=5,mode=1777"],
        ["restore", "--target=/small"],
    )
    .code(1)
    .says("could not be restored:")
    .says("no space left on device")
    .says("Make room there");
}

#[test]
fn a_target_that_cannot_be_written_to_is_told() {
    let installation = backed_up();
    run_with(
        &installation,
        ["--tmpfs=/roots:mode=0755"],
        ["restore", "--target=/roots/new"],
    )
    .code(73)
    .says("cannot write to /roots/new: permission denied")
    .says("chown 1000:1000");
    // The sources belong to the VM's root here, who is not uid 1000.
    std::fs::remove_file(installation.source().join("file")).expect("a file");
    installation
        .run(["restore", "--in-place", "--overwrite=always"])
        .code(1)
        .says("could not be restored:\n  /backup/dir1/file: ")
        .says("docs/restore.md");
}

#[test]
fn nothing_is_restored_to_where_it_goes_with_the_container() {
    let installation = backed_up();
    installation
        .run(["restore", "--target=/tmp/restored"])
        .code(73)
        .says("/tmp/restored is a place in the container")
        .says("-v /srv/restored:/restored");
    installation.run(["backup", "/etc/debian_version"]).ok();
    installation
        .run(["restore", "--in-place", "--overwrite=never"])
        .code(73)
        .says("/etc/debian_version is a place in the container");
}

#[test]
fn an_interrupted_restore_says_how_to_go_on_and_leaves_no_lock() {
    let installation = Installation::new().env("RCLONE_BWLIMIT", "4M");
    installation.write_random("big", 40_000_000);
    installation.run(["backup", "/backup/dir1"]).ok();
    let restore = installation.start(["restore", "--target=/home/user/t"]);
    restore.wait_for("the restore has begun", |restore| {
        restore.logs().contains("Restoring ")
            && restore.shell("ls /home/user/t/backup/dir1").code == 0
    });
    restore.stop();
    assert_eq!(restore.exit_code(), 130, "{}", restore.logs());
    let logs = restore.logs();
    assert!(
        logs.contains("interrupted by SIGTERM: /home/user/t has a part of it"),
        "{logs}"
    );
    let line = logs.lines().find_map(|line| {
        line.strip_prefix("  -> To go on from there: docker compose run --rm cloud-backup ")
    });
    let line = line.expect("a line to type");
    assert!(
        line.ends_with("--target /home/user/t --overwrite if-changed"),
        "{line}"
    );
    assert_eq!(
        shell(&installation, "ls /home/user/storage/locks")
            .ok()
            .stdout,
        ""
    );
    run_with(&installation, ["--env=RCLONE_BWLIMIT="], line.split(' ')).ok();
    shell(
        &installation,
        "cmp /backup/dir1/big /home/user/t/backup/dir1/big",
    )
    .ok();
}

#[test]
fn a_live_exclusive_lock_is_waited_for_and_a_stale_one_is_removed() {
    let installation = backed_up();
    let server = installation.server();
    let is_locked = |server: &Container| {
        let locks = server.shell("ls /home/user/storage/locks").ok().stdout;
        locks.lines().count() == 1
    };
    let check = |rate| {
        let check = server.spawn_exec(
            [],
            ["restic", "check", "--read-data", "--limit-download", rate],
        );
        server.wait_for("there is a lock", is_locked);
        check
    };
    let live = check("400");
    server
        .exec(["restore"])
        .ok()
        .says("Locked by PID ")
        .says("waiting up to 5m");
    ended("check", live).ok();

    let killed = check("50");
    server.kill("KILL", server.pid("restic", "bin/restic .*check"));
    ended("check", killed).code(137);
    server
        .exec(["restore"])
        .ok()
        .says("A stale lock of PID ")
        .says("Restored 9 files");
    assert!(!is_locked(&server));
}

#[test]
fn a_snapshot_of_a_relative_path_says_so_and_which_older_one_has_the_whole_one() {
    let installation = backed_up();
    let old = ids(&installation).remove(0);
    run_with(&installation, ["--workdir=/backup/dir1"], ["backup", "."]).ok();
    let id = ids(&installation).remove(1);
    let refused = installation
        .run(["restore", "/backup/dir1/file"])
        .code(73)
        .says(&format!(
            "snapshot {id} does not have /backup/dir1, of which it was made"
        ))
        .says("Its backup was given a path that is not whole")
        .says(&format!("restore --snapshot {old} /backup/dir1/file\n"));
    let line = |begin: &str| {
        let line = refused
            .stderr
            .lines()
            .find_map(|line| line.split_once(begin));
        let (_, line) = line.expect("a line");
        line.trim_start_matches(" docker compose run --rm cloud-backup ")
            .to_owned()
    };
    for begin in ["to copy from there:", "An older snapshot has it:"] {
        installation.run(line(begin).split(' ')).ok();
    }
    shell(
        &installation,
        "cat /home/user/restored/*/file /home/user/restored/*/backup/dir1/file",
    )
    .ok()
    .says("contentcontent");
    // What neither has is simply not there.
    installation
        .run(["restore", "--snapshot", &old, "/backup/dir1/nope"])
        .code(1)
        .says("does not have /backup/dir1/nope");
}

#[test]
fn a_directory_in_the_place_of_a_file_has_to_be_moved_away() {
    let installation = backed_up();
    shell(
        &installation,
        "mkdir -p /home/user/t/backup/dir1/file/kept && touch /home/user/t/backup/dir1/file/kept/x",
    )
    .ok();
    let refused = installation
        .run(["restore", "--target=/home/user/t", "--overwrite=always"])
        .code(1)
        .says("directory not empty")
        .says("move it away, then type: docker compose run --rm cloud-backup restore ");
    let (_, line) = refused
        .stderr
        .split_once("then type: docker compose run --rm cloud-backup ")
        .expect("a line");
    shell(
        &installation,
        "mv /home/user/t/backup/dir1/file /home/user/moved",
    )
    .ok();
    installation.run(line.trim().split(' ')).ok();
    shell(&installation, "cat /home/user/t/backup/dir1/file")
        .ok()
        .says("content");
}
