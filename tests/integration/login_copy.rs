//! `copy` where the login opens one of the destinations, or both.

use crate::doctor::{Told, doctor};
use crate::harness::{Ended, Installation};
use crate::rig::{Rig, attend};

#[test]
fn the_login_opens_the_second_destination_whoever_keeps_it() {
    let rig = Rig::get();
    let realm = rig.realm("{}");
    let installation = Installation::on_realm(&realm, "copia");
    let user = installation.user().to_owned();
    let second = format!("infncloud:/{user}/copies/VM1");
    let installation = installation.env("COPY_REMOTE", &second);
    installation.write("file", "content");
    installation.log_in().ok();
    installation.run(["backup", "/backup/dir1"]).ok();
    // Without a server: the keeper of this very process opens both.
    let copied = format!("Successful copy to {second}/: 1 snapshot copied, ");
    installation.run(["copy"]).ok().says(&copied);
    // Beside a server, which keeps the login.
    let server = installation.server();
    server.exec(["copy"]).ok().says("0 snapshots copied");
    doctor(&server, [])
        .found([])
        .says("RESTIC_PASSWORD opens it; 1 snapshot, ")
        .is("copy", "good");
    // One mistake is one finding.
    doctor(&server, ["OIDC_PASSWORD=another-password"])
        .found(["login-password"])
        .is("copy", "not-looked-at");
    let objects = rig.objects(&user);
    for path in ["backup/VM1/config", "copies/VM1/config"] {
        assert!(objects.iter().any(|key| key == path), "{objects:?}");
    }
    server.stop();

    // From a directory to the login's storage, and from there alone.
    let local = installation.env("BACKUP_REMOTE", "/home/user/storage");
    let first = ["--env=RESTIC_HOST=another"];
    let output = local.command(first, ["backup", "/backup/dir1"]).output();
    assert!(output.expect("docker").status.success());
    // The running server serves what it was started with.
    local.run(["copy"]).ok().says("1 snapshot copied");
    let list = ["--env=DESTINATION=copy", "--env=BACKUP_REMOTE="];
    let output = local
        .command(list, ["restic", "snapshots", "--json"])
        .output()
        .expect("docker");
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(list.as_array().expect("a list").len(), 2);
}

#[test]
fn a_login_that_opens_the_second_destination_alone_is_made_there() {
    let rig = Rig::get();
    let realm = rig.realm("{}");
    let installation = Installation::on_realm(&realm, "carlo");
    let user = installation.user().to_owned();
    let second = format!("infncloud:/{user}/copies/VM1");
    let installation = installation
        .env("BACKUP_REMOTE", "/home/user/storage")
        .env("COPY_REMOTE", &second);
    installation.write("file", "content");
    installation
        .run(["config"])
        .code(78)
        .says("at the second destination ")
        .says("Log in: docker compose run --rm -e DESTINATION=copy cloud-backup config");
    Told::of(&installation.run(["doctor", "--json"]))
        .found(["no-login"])
        .says("at the second destination ")
        .says("Log in: docker compose run --rm -e DESTINATION=copy cloud-backup config")
        .is("repository", "good");
    let log_in = installation.command(["--env=DESTINATION=copy"], ["config"]);
    attend(log_in, |request| {
        rig.approve_unless_scripted(&request, &user);
    })
    .ok()
    .says("delete it: ok");
    installation.run(["config"]).ok();
    installation.run(["backup", "/backup/dir1"]).ok();
    installation.run(["copy"]).ok().says("1 snapshot copied");
    let check = installation
        .command(["--env=DESTINATION=copy"], ["check-refresh-token"])
        .output()
        .expect("docker");
    Ended::of("check-refresh-token".to_owned(), &check)
        .ok()
        .says("The login is good for 29 days");
}
