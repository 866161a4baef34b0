//! The second destination, beside the first and alone.

use super::{doctor, idle};
use crate::harness::Installation;
use crate::healthchecks::Healthchecks;

/// The password of the second repository, which nothing may show.
const COPY_PASSWORD: &str = "planted-copy-password-91d0";
const COPIES: &str = "/home/user/copies";

#[test]
fn it_is_looked_at_beside_the_first_and_alone() {
    let healthchecks = Healthchecks::start();
    let installation = Installation::new()
        .env("COPY_REMOTE", COPIES)
        .env("COPY_PASSWORD", COPY_PASSWORD)
        .env("COPY_CHECK_URL", &healthchecks.url_for_containers());
    installation.write("a", "one");
    let server = installation.server();
    doctor(&server, [])
        .found([])
        .says("reading and deleting in /home/user/copies/; none yet, the first copy makes it")
        .is("copy", "good");
    server.exec(["backup", "/backup/dir1"]).ok();
    server.exec(["copy"]).ok();
    assert_eq!(healthchecks.signals(), ["log", "start", "0"]);
    doctor(&server, [])
        .found([])
        .says("COPY_PASSWORD opens it; 1 snapshot, ");
    let alone = ["DESTINATION=copy", "RESTIC_PASSWORD=", "BACKUP_REMOTE="];
    doctor(&server, alone)
        .found([])
        .says("/home/user/copies/, the second destination, storage without a login")
        .says("for the first destination: this command has one of its own")
        .is("repository", "good")
        .is("copy", "not-looked-at");

    let wrong = "COPY_PASSWORD is not the password of this repository";
    for env in [
        &["COPY_PASSWORD=another-password"][..],
        &["COPY_PASSWORD=another-password", "DESTINATION=copy"],
    ] {
        let env = [env[0], env.get(1).copied().unwrap_or("TZ=UTC")];
        doctor(&server, env)
            .found(["repository-password"])
            .says(&format!("at the second destination {COPIES}/: {wrong}"))
            .says("Set COPY_PASSWORD to the password that the second repository");
    }
    for (remote, id) in [
        ("copies", "setting-wrong"),
        ("nas:copies", "remote-unknown"),
        ("/copies", "storage-in-container"),
    ] {
        doctor(&server, [&*format!("COPY_REMOTE={remote}")])
            .found([id])
            .is("repository", "good")
            .is("healthchecks", "good")
            .is("copy", "found");
    }
    // A closed port.
    let section = [
        "COPY_REMOTE=nas:copies",
        "RCLONE_CONFIG_NAS_TYPE=webdav",
        "RCLONE_CONFIG_NAS_URL=http://127.0.0.1:9/",
    ];
    doctor(&server, section)
        .found(["storage-refuses"])
        .says("at the second destination nas:copies/: the storage lets us not ")
        .says("Nobody answers there. Check the address and the port in the section [nas]");
    server.exec(["rm", "-r", COPIES]).ok();
    doctor(&server, [])
        .found(["repository-gone"])
        .says("run --rm -e DESTINATION=copy cloud-backup restic init");
}

#[test]
fn a_directory_in_the_container_goes_with_it() {
    let installation = Installation::new();
    installation.write("a", "one");
    let idle = idle(&installation);
    doctor(&idle, ["BACKUP_REMOTE=/tmp/storage"])
        .found(["storage-in-container"])
        .says("/tmp/storage/ is a place in the container, which goes with it")
        .is("repository", "not-looked-at");
}
