//! `copy` to a second destination, and the commands that work there, on local storage.

use std::process::Stdio;

use crate::harness::{Container, Ended, Installation, docker, ended};
use crate::healthchecks::Healthchecks;

mod documented;

/// The password of the second repository, to be looked for where it must not be.
const COPY_PASSWORD: &str = "planted-copy-password-5e2a";
/// Where the second repository is, in the same volume.
const COPIES: &str = "/home/user/copies";

fn with_second() -> Installation {
    Installation::new()
        .env("COPY_REMOTE", COPIES)
        .env("COPY_PASSWORD", COPY_PASSWORD)
}

/// A command on the second destination, in a one-shot container.
fn at_second<'a>(installation: &Installation, args: impl IntoIterator<Item = &'a str>) -> Ended {
    let mut command = installation.command(["--env=DESTINATION=copy"], args);
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    ended("at the second", child.expect("docker can be started"))
}

fn snapshots(listed: &Ended) -> usize {
    let list: serde_json::Value = serde_json::from_str(&listed.stdout).expect("JSON");
    list.as_array().expect("a list").len()
}

fn polynomial(config: &Ended) -> String {
    let from = config.stdout.find('{').expect("JSON");
    let config: serde_json::Value =
        serde_json::from_str(&config.stdout[from..]).expect("restic's config");
    config["chunker_polynomial"].to_string()
}

#[test]
fn snapshots_are_copied_reported_restored_and_forgotten_there() {
    let healthchecks = Healthchecks::start();
    // Both servers ask for the same name and password.
    let installation = with_second()
        .env("COPY_CHECK_URL", &healthchecks.url_for_containers())
        .env("RESTIC_REST_USERNAME", "somebody")
        .env("RESTIC_REST_PASSWORD", "planted-rest-password");
    installation.write_random("file", 300_000);
    let server = installation.server();
    for host in ["my-VM", "another"] {
        let host = format!("--env=RESTIC_HOST={host}");
        let backup = ["backup", "/backup/dir1"];
        server.exec_with([host.as_str()], backup).ok();
    }
    // As in a job with the host of its backups: all hosts are copied all the same.
    let first = server.exec_with(["--env=RESTIC_HOST=my-VM"], ["copy"]).ok();
    let first = first
        .says("no repository was at /home/user/copies/: one was initialised")
        .says("cloud-backup: Successful copy to /home/user/copies/: 2 snapshots copied, ")
        .says(" KiB added, 2 there in all");
    assert!(!first.all().contains(COPY_PASSWORD));
    assert_eq!(healthchecks.signals(), ["start", "0"]);
    let body = healthchecks.last_body();
    assert!(
        body.starts_with("Successful copy to /home/user/copies/: 2 snapshots copied, "),
        "{body}"
    );

    server.exec(["copy"]).ok().says(
        "Successful copy to /home/user/copies/: 0 snapshots copied, 0 B added, 2 there in all",
    );
    // Other chunks would be stored beside those that are there.
    let config = ["restic", "cat", "config"];
    assert_eq!(
        polynomial(&at_second(&installation, config).ok()),
        polynomial(&installation.run(config).ok())
    );

    // Beside the server, which serves the first.
    let restore = ["restore", "--target=/home/user/back", "/backup/dir1/file"];
    at_second(&installation, restore)
        .ok()
        .says("Restored 3 files");
    let same = "cmp /home/user/back/backup/dir1/file /backup/dir1/file";
    server.shell(same).ok();
    at_second(&installation, ["verify"]).ok();

    let forget = ["forget", "--host=another", "--keep-last=1", "--prune"];
    at_second(&installation, forget).ok();
    let forget = ["restic", "forget", "--tag=", "--unsafe-allow-remove-all"];
    at_second(
        &installation,
        forget.into_iter().chain(["--host=another", "--prune"]),
    )
    .ok();
    let list = ["restic", "snapshots", "--json", "--no-lock"];
    assert_eq!(snapshots(&at_second(&installation, list).ok()), 1);
    assert_eq!(snapshots(&server.exec(list).ok()), 2);
    // What the first still has comes back.
    server.exec(["copy"]).ok().says("1 snapshot copied");
    server
        .exec(["recovery-kit"])
        .ok()
        .says("COPY_REMOTE=/home/user/copies");
    assert_history(&server);
}

/// The history has each run, those at the second destination as jobs of their own.
fn assert_history(server: &Container) {
    let told = server.exec(["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&told.stdout).expect("JSON");
    let jobs = status["jobs"].as_array().expect("jobs");
    let of = |command: &str| {
        let job = jobs.iter().find(|job| job["command"] == command);
        job.unwrap_or_else(|| panic!("no {command} in {jobs:#?}"))
    };
    assert_eq!(of("copy")["last_run"]["result"], "success");
    assert_eq!(of("forget")["args"][0], "DESTINATION=copy");
    assert_eq!(of("verify")["args"][0], "DESTINATION=copy");
}

#[test]
fn what_fails_at_the_second_destination_is_told_as_that_and_fails_no_backup() {
    let healthchecks = Healthchecks::start();
    let installation = with_second().env("COPY_CHECK_URL", &healthchecks.url_for_containers());
    installation.write("file", "content");
    let server = installation.server();
    let with = |name: &str, value: &str, args: &[&str]| {
        let set = format!("--env={name}={value}");
        server.exec_with([set.as_str()], args.iter().copied())
    };
    // There is nothing to copy yet, and no second repository is made for it.
    server
        .exec(["copy"])
        .code(10)
        .says("Copy failed: there is no repository at /home/user/storage/");
    server.shell("[ ! -e /home/user/copies ]").ok();

    with("COPY_REMOTE", "copies", &["backup", "/backup/dir1"])
        .ok()
        .says("warning: COPY_REMOTE must be an absolute directory");
    with("COPY_REMOTE", "", &["copy"])
        .code(78)
        .says("COPY_REMOTE is missing");
    with("COPY_REMOTE", "nas:copies", &["copy"]).code(78).says(
        "Copy failed: at the second destination nas:copies/: not configured yet: \
         /home/user/.config/rclone/rclone.conf has no section [nas]",
    );
    with("COPY_REMOTE", "/home/user/storage/copies", &["copy"])
        .code(78)
        .says("COPY_REMOTE is where the backups are themselves, or one place lies in the other");
    with("COPY_REMOTE", "/tmp/copies", &["copy"])
        .code(73)
        .says("/tmp/copies/ is a place in the container, which goes with it");
    server.shell("[ ! -e /tmp/copies ]").ok();
    // The same place by another name: by a link, seen at once, and by a remote, seen by the ID.
    server.shell("ln -s storage /home/user/link").ok();
    for link in ["/home/user/link", "/home/user/link/inner"] {
        with("COPY_REMOTE", link, &["copy"]).code(78).says(
            "COPY_REMOTE is where the backups are themselves, or one place lies in the other",
        );
    }
    server
        .exec_with(
            [
                "--env=COPY_REMOTE=same:/home/user/storage",
                "--env=RCLONE_CONFIG_SAME_TYPE=local",
                "--env=COPY_PASSWORD=",
            ],
            ["copy"],
        )
        .code(78)
        .says("the repository there is that of the backups itself");
    // Nobody may write there: nothing is taken for an empty place.
    server
        .shell("install -d -m 000 -o user /home/user/closed")
        .ok();
    with("COPY_REMOTE", "/home/user/closed", &["copy"])
        .code(69)
        .says("Copy failed: at the second destination /home/user/closed/: ");
    // There is nothing there, and it is not ours: the storage's own words, and what to do.
    server.shell("install -d -m 755 /home/user/roots").ok();
    with("COPY_REMOTE", "/home/user/roots", &["copy"])
        .code(1)
        .says(
            "Copy failed: at the second destination /home/user/roots/: the storage does not work: ",
        )
        .says("mkdir /home/user/roots/data: permission denied (create repository at ")
        .says("Check the permissions, the space and the quota there: docker compose run --rm");
    // One of ours is not there, or none is what was asked for.
    with("COPY_REMOTE", "/home/user/copies", &["copy", "ffffffff"])
        .code(65)
        .says("Copy failed: nothing was copied: there is no snapshot ffffffff\n");
    with(
        "COPY_REMOTE",
        "/home/user/copies",
        &["copy", "--host", "nobody"],
    )
    .code(65)
    .says("Copy failed: nothing was copied: no snapshot is one of those that are asked for\n");

    server.exec(["copy"]).ok();
    with("COPY_PASSWORD", "another", &["copy"])
        .code(12)
        .says("at the second destination /home/user/copies/: COPY_PASSWORD is not the password of this repository")
        .says("Set COPY_PASSWORD to the password");
    with("RESTIC_PASSWORD", "another", &["copy"])
        .code(12)
        .says("Copy failed: RESTIC_PASSWORD is not the password of this repository");
    server
        .shell("mv /home/user/copies /home/user/elsewhere")
        .ok();
    server
        .exec(["copy"])
        .code(10)
        .says(" is gone from /home/user/copies/: nothing is left there")
        .says("-e DESTINATION=copy cloud-backup restic init");
    server.shell("[ ! -e /home/user/copies/config ]").ok();
    assert_eq!(
        healthchecks.signals().last().map(String::as_str),
        Some("10")
    );
    let body = healthchecks.last_body();
    assert!(
        body.starts_with("Copy failed: at the second destination /home/user/copies/: repository "),
        "{body}"
    );
}

#[test]
fn the_locks_of_a_killed_copy_are_removed_from_both() {
    let installation = with_second();
    installation.write_random("file", 3_000_000);
    installation.run(["backup", "/backup/dir1"]).ok();
    // The same job as below, and slow.
    let slow = ["--detach", "--env=RCLONE_BWLIMIT=100k"];
    let started = installation.command(slow, ["copy"]).output();
    let id = String::from_utf8(started.expect("docker").stdout).expect("an id");
    let copying = Container {
        id: id.trim().to_owned(),
    };
    let locks =
        "cd /home/user; ls storage/locks copies/locks copies/keys | grep -c '^[0-9a-f]\\{64\\}$'";
    copying.wait_for("both are locked", |container| {
        container.shell(locks).stdout.trim() == "3"
    });
    // With --rm it is gone then.
    copying.signal("KILL").ok();
    copying.wait_for("it is gone", |container| {
        docker(["inspect", &container.id]).code != 0
    });
    installation
        .run(["copy"])
        .ok()
        .says("the last run was killed: the lock that it has left was removed")
        .says("1 snapshot copied");
    for list in [&["restic", "list", "locks"][..], &["restic", "check"]] {
        installation.run(list.iter().copied()).ok();
        at_second(&installation, list.iter().copied()).ok();
    }
    for storage in ["storage", "copies"] {
        let left = format!("ls /home/user/{storage}/locks | wc -l");
        let left = installation.run_program("sh", ["-c", &left]).ok();
        assert_eq!(left.stdout.trim(), "0", "{storage}");
    }
}
