//! The whole of the guide on real servers: from an empty volume to a restored backup and a renewed login.
//!
//! Every command is the guide's own `docker compose` line, or the schedule's job as Ofelia runs it. The provider is the
//! real one of the rig, with refresh tokens of one use.

use std::time::{Duration, Instant};

use crate::harness::docker;
use crate::project::Project;
use crate::rig::Rig;

/// The issue's target is 3 s on an idle machine; here others work beside it.
const READY: Duration = Duration::from_secs(15);

fn healthy(project: &Project) -> bool {
    docker(["exec", "--user=user", project.container(), "healthcheck"]).code == 0
}

#[test]
fn a_user_of_the_guide_gets_from_an_empty_volume_to_a_restored_backup_and_a_new_login() {
    let project = Project::on_provider(&Rig::get(), "carla");
    let user = project.value("AAI_USER");

    project.compose(["up", "--detach", "cloud-backup"]).ok();
    let begun = Instant::now();
    loop {
        let logs = docker(["logs", project.container()]).all();
        if logs.contains("docker compose run --rm cloud-backup config") {
            break;
        }
        assert!(begun.elapsed() < READY, "{logs}");
    }
    project.compose(["stop", "cloud-backup"]).ok();

    project
        .attended(["run", "--rm", "cloud-backup", "config"])
        .ok()
        .says("Token: ok")
        .says(&format!(
            "Storage: infncloud:/{user}/backup/VM1/\n  write an object: ok\n"
        ))
        .says("docker compose up -d");
    project
        .compose(["run", "--rm", "cloud-backup", "restic", "init"])
        .ok()
        .says("created restic repository");

    let begun = Instant::now();
    project.compose(["up", "--detach", "cloud-backup"]).ok();
    while !healthy(&project) {
        assert!(begun.elapsed() < READY, "not ready after {READY:?}");
    }
    println!("ready after {:?}", begun.elapsed());

    project
        .job("check-refresh-token")
        .ok()
        .says("The login is good for");
    project
        .job("backup")
        .ok()
        .says("Successful backup of /backup/dir1");

    // Somebody else's browser does not take the login over.
    project
        .attended_as("mallory", ["run", "--rm", "cloud-backup", "reauth"])
        .code(77)
        .says(&format!(
            "you logged in as mallory, and the login so far was {user}'s"
        ));
    let renewed = project
        .attended(["run", "--rm", "cloud-backup", "reauth"])
        .ok()
        .says("The running server has taken it");
    assert!(
        renewed.all().contains("The login is good until"),
        "{}",
        renewed.all()
    );

    project.job("backup").ok();
    project
        .job("forget")
        .ok()
        .says("Successful forget --keep-within 1m --prune");
    let verified = project.job("verify").ok().all();
    assert!(
        verified.contains("Verified infncloud:/")
            && verified.contains(": check ok, 5 % of the data read, 1 file of snapshot "),
        "{verified}"
    );
    project
        .compose([
            "run",
            "--rm",
            "cloud-backup",
            "restic",
            "restore",
            "latest",
            "--target",
            "/home/user/restored",
        ])
        .ok();
    let restored = project.compose([
        "run",
        "--rm",
        "--entrypoint",
        "diff",
        "cloud-backup",
        "-r",
        "/backup/dir1",
        "/home/user/restored/backup/dir1",
    ]);
    assert_eq!(restored.ok().stdout, "");
    project
        .compose(["run", "--rm", "cloud-backup", "restic", "snapshots"])
        .ok()
        .says("2 snapshots");
    assert!(healthy(&project));
}
