//! Storage that fails: a repository is made only where there provably is none, and nothing incomplete is green.

use std::time::{Duration, Instant};

use crate::harness::{Ended, Installation, ended};
use crate::healthchecks::Healthchecks;

/// A backup against an rclone with these answers: its end, and the body of its report. It must have made nothing.
fn backup_against(answers: &str) -> (Ended, String) {
    let healthchecks = Healthchecks::start();
    let installation = Installation::new()
        .fake_rclone(answers)
        .env("BACKUP_CHECK_URL", &healthchecks.url_for_containers());
    let backup = installation.run(["backup", "/backup/dir1"]);
    let requests = installation.requests();
    assert!(requests.contains("HEAD /config"), "{requests}");
    assert!(!requests.contains("POST"), "{requests}");
    assert!(!requests.contains("DELETE"), "{requests}");
    assert_eq!(
        healthchecks.signals(),
        ["start".to_owned(), backup.code.to_string()]
    );
    (backup, healthchecks.last_body())
}

const NOT_PROVEN: &str =
    "Backup of /backup/dir1 failed: no repository is seen, but that there is none is not proven: ";

#[test]
fn no_config_and_failing_lists_initialise_nothing() {
    for answers in [
        "config=404 keys=500 snapshots=files:0",
        "config=404 keys=files:0 snapshots=500",
    ] {
        let (backup, body) = backup_against(answers);
        backup.code(69);
        let list = if answers.contains("keys=500") {
            "keys"
        } else {
            "snapshots"
        };
        assert_eq!(
            body,
            format!(
                "{NOT_PROVEN}the storage does not work: the server answered 500 for the list of {list}\n\
                 Nothing was changed. See docker compose logs cloud-backup for what the storage said; it is tried again \
                 at the next run.\n"
            )
        );
    }
}

#[test]
fn no_config_and_refused_lists_initialise_nothing() {
    let (backup, body) = backup_against("config=404 keys=403 snapshots=403");
    assert_eq!(
        body,
        format!(
            "{NOT_PROVEN}the storage refuses access: the server answered 403 for the list of keys\n\
             Nothing was changed. Check that the account may read and write the backup path.\n"
        )
    );
    backup.code(69);
}

#[test]
fn no_config_and_lists_that_never_come_initialise_nothing() {
    let begun = Instant::now();
    let (backup, body) = backup_against("config=404 keys=files:0 snapshots=hang");
    assert!(begun.elapsed() < Duration::from_secs(30));
    backup.code(69);
    assert_eq!(
        body,
        format!(
            "{NOT_PROVEN}the server gave no answer within 10s\n\
             See whether the server is healthy: docker compose ps, docker compose logs cloud-backup.\n"
        )
    );
}

#[test]
fn no_config_beside_keys_or_snapshots_initialises_nothing() {
    for answers in [
        "config=404 keys=files:1 snapshots=files:0",
        "config=404 keys=files:0 snapshots=files:1",
    ] {
        let (backup, body) = backup_against(answers);
        backup.code(10);
        assert_eq!(
            body,
            "Backup of /backup/dir1 failed: the repository's config is missing in /home/user/storage/, but 1 key or \
             snapshot files are there\n\
             Nothing was initialised: the data may still be there. Look for a copy of the file config. Only \
             where restic init was broken off, and the storage holds nothing but the folder keys, delete that folder.\n"
        );
    }
}

#[test]
fn a_refused_config_initialises_nothing() {
    let (backup, body) = backup_against("config=403 keys=files:0 snapshots=files:0");
    backup.code(77);
    assert!(
        body.starts_with(
            "Backup of /backup/dir1 failed: the storage refuses access: the server answered 403 for the config\n"
        ),
        "{body}"
    );
}

#[test]
fn wrong_credentials_of_the_server_initialise_nothing() {
    let (backup, body) = backup_against("config=401 keys=401 snapshots=401");
    backup.code(77);
    assert!(
        body.starts_with(
            "Backup of /backup/dir1 failed: the server refuses RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD\n"
        ),
        "{body}"
    );
}

#[test]
fn a_config_that_fails_for_half_a_minute_initialises_nothing() {
    let begun = Instant::now();
    let (backup, body) = backup_against("config=500 keys=files:0 snapshots=files:0");
    let took = begun.elapsed();
    assert!(
        took > Duration::from_secs(25) && took < Duration::from_secs(45),
        "{took:?}"
    );
    backup.code(69);
    assert!(
        body.starts_with(
            "Backup of /backup/dir1 failed: the storage does not work: the server answered 500 for the config\n"
        ),
        "{body}"
    );
}

#[test]
fn proven_absence_initialises_exactly_once() {
    let installation = Installation::new()
        .fake_rclone("config=404 keys=files:0 snapshots=files:0")
        .fake_restic(&["say backed up"]);
    installation
        .run(["backup", "/backup/dir1"])
        .ok()
        .says("no repository was there: one was initialised");
    // The volume knows the repository by now: another init would be one over lost data.
    installation
        .run(["backup", "/backup/dir1"])
        .code(10)
        .says("repository fa4e0000 is gone from /home/user/storage/: nothing is left there");
}

#[test]
fn a_repository_that_is_gone_is_not_made_anew() {
    let healthchecks = Healthchecks::start();
    let installation =
        Installation::new().env("BACKUP_CHECK_URL", &healthchecks.url_for_containers());
    installation.write("a", "one");
    installation.run(["backup", "/backup/dir1"]).ok();
    let pin = installation
        .shell("cut -c1-8 .cloud-backup/repositories/*")
        .ok()
        .stdout;
    installation.shell("rm -r storage").ok();
    installation.run(["backup", "/backup/dir1"]).code(10);
    assert_eq!(
        healthchecks.last_body(),
        format!(
            "Backup of /backup/dir1 failed: repository {} is gone from /home/user/storage/: nothing is left there\n\
             Nothing was initialised. Check BACKUP_REMOTE and the storage; to begin a new repository there on purpose: \
             docker compose run --rm cloud-backup restic init\n",
            pin.trim()
        )
    );
    installation.shell("test ! -e storage/config").ok();

    // What the remedy says works.
    installation.run(["restic", "init"]).ok();
    installation.run(["backup", "/backup/dir1"]).ok();
}

#[test]
fn a_backup_over_a_killed_rclone_is_whole_or_red() {
    let healthchecks = Healthchecks::start();
    let installation =
        Installation::new().env("BACKUP_CHECK_URL", &healthchecks.url_for_containers());
    installation.write("small", "one");
    installation.run(["backup", "/backup/dir1"]).ok();
    installation.write_random("big", 40_000_000);
    let server = installation.server();
    let backup = server.spawn_exec([], ["backup", "--limit-upload", "6000", "/backup/dir1"]);
    let rclone = server.pid("rclone", "serve");
    server.wait_for("restic uploads", |server| {
        server
            .shell("find /home/user/storage/data -newer /home/user/storage/config -size +1M | grep -q .")
            .code
            == 0
    });
    server.kill("KILL", rclone);
    let backup = ended("backup", backup);
    assert_ne!(
        server.pid("rclone", "serve"),
        rclone,
        "it was started again"
    );
    assert_eq!(
        healthchecks.signals().last(),
        Some(&backup.code.to_string())
    );
    server.exec(["restic", "check", "--read-data"]).ok();
    if backup.code == 0 {
        server
            .exec(["restic", "restore", "latest", "--target", "/home/user/back"])
            .ok();
        server
            .exec(["diff", "-r", "/backup/dir1", "/home/user/back/backup/dir1"])
            .ok();
    } else {
        assert!(
            healthchecks
                .last_body()
                .starts_with("Backup of /backup/dir1 failed: "),
            "{}",
            healthchecks.last_body()
        );
    }
    println!("the backup ended with {}", backup.code);
}

#[test]
fn a_backup_over_an_rclone_that_does_not_come_back_ends_red() {
    let installation = Installation::new().env("BACKUP_REMOTE", "nowhere:/backup/");
    installation
        .env("RCLONE_CONFIG_NOWHERE_TYPE", "no-such-backend")
        .run(["backup", "/backup/dir1"])
        .code(69)
        .says("rclone does not serve the repository: ")
        .says("no-such-backend");
}
