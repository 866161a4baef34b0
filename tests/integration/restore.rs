//! `restore`: what a person in a hurry types, and what may go wrong with it.

use std::process::Command;

use crate::harness::{Ended, Installation};

mod documented;
mod halfway;
mod refused;

/// Files of several kinds, some with signs of patterns in their names.
fn filled() -> Installation {
    let installation = Installation::new();
    installation.write("file", "content");
    installation.write("a[b]*?.txt", "odd");
    installation.write("ab1x.txt", "matches the odd one's name, were it a pattern");
    installation.write("sub/deep/file", "deep");
    installation.write_random("sub/random", 3_000_000);
    installation
}

fn backed_up() -> Installation {
    let installation = filled();
    installation.run(["backup", "/backup/dir1"]).ok();
    installation
}

/// A shell command as uid 1000 in a container on the volume.
fn shell(installation: &Installation, script: &str) -> Ended {
    installation.run_program("sh", ["-c", script])
}

/// With options of `docker run`.
fn run_with<'a>(
    installation: &Installation,
    options: impl IntoIterator<Item = &'a str>,
    args: impl IntoIterator<Item = &'a str>,
) -> Ended {
    ended_of(installation.command(options, args))
}

fn ended_of(mut command: Command) -> Ended {
    let output = command.output().expect("docker can be started");
    Ended::of(format!("{command:?}"), &output)
}

/// The IDs of all snapshots, the oldest first.
fn ids(installation: &Installation) -> Vec<String> {
    let listed = installation.run(["restic", "snapshots", "--json"]).ok();
    let json: serde_json::Value = serde_json::from_str(&listed.stdout).expect("JSON");
    let snapshots = json.as_array().expect("a list");
    let id = |snapshot: &serde_json::Value| snapshot["short_id"].as_str().map(str::to_owned);
    snapshots.iter().filter_map(id).collect()
}

#[test]
fn the_newest_snapshot_comes_back_whole_to_a_new_folder_with_and_without_a_server() {
    let installation = backed_up();
    let id = &ids(&installation)[0];
    let first = installation
        .run(["restore"])
        .ok()
        .says(&format!("Snapshot {id} of my-VM from "))
        .says(": /backup/dir1\n")
        // Five files; the folders backup, dir1, sub and deep.
        .says("Restored 9 files and folders (2.8 MiB) to /home/user/restored/")
        .says("docker compose cp cloud-backup:/home/user/restored/");
    assert_eq!(first.stderr, "");
    assert!(
        !first.stdout.contains('\x1b'),
        "no progress without a terminal"
    );
    let same = "set -e; for one in /home/user/restored/*; do diff -r /backup/dir1 $one/backup/dir1; done; ls /home/user/restored | wc -l";
    assert_eq!(shell(&installation, same).ok().stdout.trim(), "1");

    let server = installation.server();
    server.exec(["restore"]).ok().says("Restored 9 files");
    server
        .exec(["restore", "--target=/home/user/chosen"])
        .ok()
        .says("to /home/user/chosen\n");
    assert_eq!(shell(&installation, same).ok().stdout.trim(), "2");
    shell(
        &installation,
        "diff -r /backup/dir1 /home/user/chosen/backup/dir1",
    )
    .ok();
    assert_eq!(
        shell(&installation, "ls /home/user/storage/locks")
            .ok()
            .stdout,
        ""
    );
}

#[test]
fn a_chosen_snapshot_is_the_old_state_and_newer_ones_are_told() {
    let installation = backed_up();
    installation.write("file", "newer content");
    installation.run(["backup", "/backup/dir1"]).ok();
    let old = &ids(&installation)[0];
    installation
        .run(["restore", "--snapshot", old, "--target=/home/user/old"])
        .ok()
        .says("There is 1 newer one of it");
    installation
        .run(["restore", "--target=/home/user/new"])
        .ok();
    let content = |name: &str| {
        let file = format!("/home/user/{name}/backup/dir1/file");
        installation.run_program("cat", [file.as_str()]).ok().stdout
    };
    assert_eq!(
        (content("old"), content("new")),
        ("content".to_owned(), "newer content".to_owned())
    );
}

#[test]
fn chosen_paths_come_back_and_nothing_else_whatever_signs_are_in_their_names() {
    let installation = backed_up();
    run_with(
        &installation,
        // What is a secret elsewhere may be in a path.
        ["--env=MY_TOKEN=deep"],
        [
            "restore",
            "/backup/dir1/a[b]*?.txt",
            "/backup/dir1/sub/deep/",
            "--target=/home/user/some",
        ],
    )
    .ok();
    assert_eq!(
        shell(&installation, "cd /home/user/some; find . -type f | sort")
            .ok()
            .stdout,
        "./backup/dir1/a[b]*?.txt\n./backup/dir1/sub/deep/file\n"
    );
    // Of one path the screen has the place itself.
    installation
        .run(["restore", "/backup/dir1/file", "--target=/home/user/one"])
        .ok()
        .says("to /home/user/one/backup/dir1/file\n")
        .says("docker compose cp cloud-backup:/home/user/one/backup/dir1/file .");
}

#[test]
fn a_dry_run_tells_how_much_it_would_be_and_writes_nothing() {
    let installation = backed_up();
    installation
        .run(["restore", "--dry-run"])
        .ok()
        .says("Would restore 9 files and folders (2.8 MiB) to /home/user/restored/")
        .says("Nothing was written.");
    shell(&installation, "! test -e /home/user/restored").ok();
    shell(
        &installation,
        "mkdir -p /home/user/t/backup/dir1 && echo mine >/home/user/t/backup/dir1/file",
    )
    .ok();
    installation
        .run([
            "restore",
            "--dry-run",
            "--target=/home/user/t",
            "--overwrite=if-changed",
            "/backup/dir1/file",
        ])
        .ok()
        .says("(7 B)");
    assert_eq!(
        shell(&installation, "cat /home/user/t/backup/dir1/file")
            .ok()
            .stdout,
        "mine\n"
    );
}

#[test]
fn data_that_is_there_is_written_over_only_where_that_was_said() {
    let installation = backed_up();
    let make = "mkdir -p /home/user/t/backup/dir1 && echo mine >/home/user/t/backup/dir1/file";
    shell(&installation, make).ok();
    let mine = || {
        let script = "cat /home/user/t/backup/dir1/file; ls /home/user/t/backup/dir1 | wc -l";
        shell(&installation, script).ok().stdout
    };
    installation
        .run(["restore", "--target=/home/user/t"])
        .code(73)
        .says("/home/user/t is not empty: nothing was restored")
        .says("--overwrite always, if-changed, if-newer or never");
    assert_eq!(mine(), "mine\n1\n");
    installation
        .run(["restore", "--target=/home/user/t", "--overwrite=never"])
        .ok()
        .says("1 that is there already (7 B) is left as it is");
    assert_eq!(mine(), "mine\n4\n");
    installation
        .run(["restore", "--target=/home/user/t", "--overwrite=if-changed"])
        .ok();
    assert_eq!(mine(), "content4\n");
    // An empty folder is no data.
    shell(&installation, "mkdir /home/user/empty").ok();
    installation
        .run(["restore", "--target=/home/user/empty"])
        .ok();
}

#[test]
fn in_place_needs_a_word_on_what_is_there_and_mends_what_is_lost_or_changed() {
    let installation = backed_up();
    let server = installation.server();
    server.shell("chown -R user:user /backup/dir1").ok();
    installation
        .run(["restore", "--in-place"])
        .code(64)
        .says("--overwrite");
    shell(
        &installation,
        "cd /backup/dir1; rm -r sub; echo changed >file; echo new >mine",
    )
    .ok();
    installation
        .run(["restore", "--in-place", "--overwrite=never", "--dry-run"])
        .ok()
        .says("to the original paths");
    shell(&installation, "! test -e /backup/dir1/sub").ok();
    installation
        .run(["restore", "--in-place", "--overwrite=never"])
        .ok()
        .says("to the original paths");
    let state = || {
        let script = "cd /backup/dir1; cat file sub/deep/file mine; wc -c <sub/random";
        shell(&installation, script).ok().stdout
    };
    assert_eq!(state(), "changed\ndeepnew\n3000000\n");
    server
        .exec([
            "restore",
            "--in-place",
            "--overwrite=if-changed",
            "/backup/dir1/file",
        ])
        .ok()
        .says("to /backup/dir1/file\n");
    assert_eq!(state(), "contentdeepnew\n3000000\n");
}

#[test]
fn other_hosts_and_other_directories_are_told_and_the_path_finds_its_snapshot() {
    let installation = backed_up();
    shell(
        &installation,
        "mkdir -p /home/user/dir2 && echo two >/home/user/dir2/two",
    )
    .ok();
    installation.run(["backup", "/home/user/dir2"]).ok();
    run_with(
        &installation,
        ["--hostname=other-VM"],
        ["backup", "/backup/dir1"],
    )
    .ok();
    let all = ids(&installation);
    installation
        .run(["restore", "--dry-run"])
        .ok()
        .says(&format!("Snapshot {} of my-VM", all[1]))
        .says("Other directories of my-VM have snapshots of their own: /backup/dir1")
        .says("Other hosts have snapshots here too (--host NAME): other-VM");
    installation
        .run(["restore", "--dry-run", "/backup/dir1/file"])
        .ok()
        .says(&format!("Snapshot {} of my-VM", all[0]));
    installation
        .run(["restore", "--dry-run", "--host=other-VM"])
        .ok()
        .says(&format!("Snapshot {} of other-VM", all[2]));
}

#[test]
fn on_a_terminal_the_figures_grow() {
    let installation = Installation::new();
    installation.write_random("big", 200_000_000);
    installation.run(["backup", "/backup/dir1"]).ok();
    let screen = run_with(&installation, ["--tty"], ["restore"]).ok().stdout;
    let progress = screen.split('\r').find(|line| line.contains(" %: "));
    let progress = progress.unwrap_or_else(|| panic!("no progress: {screen}"));
    assert!(progress.contains(" of 190.7 MiB"), "{progress}");
}
