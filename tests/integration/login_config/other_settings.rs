//! Commands beside a server that was started with other settings: `.env` was corrected, or spoilt, since.

use super::{approving, only_login, typed};
use crate::harness::{Container, Ended, Installation, docker};

/// The server with one variable more, up whether it is healthy or not.
#[track_caller]
fn server_with(installation: &Installation, variable: &str) -> Container {
    let mut run = installation.command(
        ["--detach", &*format!("--env={variable}")],
        ["start-server"],
    );
    let output = run.output().expect("docker can be started");
    let started = Ended::of("a server".to_owned(), &output).ok();
    let server = Container {
        id: started.stdout.trim().to_owned(),
    };
    server.wait_for("it keeps the login", |server| {
        server
            .shell("test -S /home/user/.cloud-backup/run/login.sock")
            .code
            == 0
    });
    server
}

#[track_caller]
fn names(ended: Ended, variable: &str) -> Ended {
    let told = format!(
        "the running server was started with other settings than this command: {variable}\n  -> For the server to take \
         the present ones: docker compose up -d --force-recreate; then try again.\n"
    );
    ended.code(78).says(&told)
}

#[test]
fn a_server_that_was_started_before_the_correction_is_named_and_not_its_troubles() {
    let (realm, alice) = approving();
    alice.log_in().ok();
    let login = only_login(&alice);
    let server = server_with(&alice, "S3_ROLE=nobody");
    server.wait_for("its own trouble", |server| {
        server.logs().contains("refuses the role nobody")
    });
    for line in [
        &["config"][..],
        &["restic", "snapshots"],
        &["backup", "/backup/dir1"],
        &["credential-process"],
        &["oidc-token", "infncloud"],
    ] {
        names(alice.run(line.iter().copied()), "S3_ROLE");
    }
    assert_eq!(only_login(&alice), login);
    alice
        .run(["check-refresh-token"])
        .code(78)
        .says("the running server was started with other settings than this command: S3_ROLE");
    // The server's own commands have its settings.
    server
        .exec(["healthcheck"])
        .code(1)
        .says("refuses the role nobody");

    // Nobody is sent to the browser in vain.
    for args in [&["config", "--force"][..], &["reauth"]] {
        names(alice.run(args.iter().copied()), "S3_ROLE");
    }
    assert_eq!((only_login(&alice), realm.count("device")), (login, 1));
    docker(["stop", &server.id]).ok();
    let server = alice.server();
    alice.run(["config"]).ok().says("is kept");
    // And the other way round: a command with wrong settings does not hide behind a server that works.
    names(
        typed(
            &alice,
            ["--env=OIDC_AUDIENCE=other"],
            ["restic", "snapshots"],
        ),
        "OIDC_AUDIENCE",
    );
    server.exec(["healthcheck"]).ok();
}

#[test]
fn a_server_with_another_password_is_told_from_a_wrong_one() {
    let (_realm, alice) = approving();
    alice.log_in().ok();
    let wrong = "OIDC_PASSWORD is not the password that the login was saved with";
    let server = server_with(&alice, "OIDC_PASSWORD=another");
    server.wait_for("its own trouble", |server| server.logs().contains(wrong));
    names(alice.run(["config"]), "OIDC_PASSWORD");
    names(alice.run(["restic", "snapshots"]), "OIDC_PASSWORD");
    server.exec(["restic", "snapshots"]).code(78).says(wrong);
    // Wrong on both sides.
    typed(
        &alice,
        ["--env=OIDC_PASSWORD=another"],
        ["restic", "snapshots"],
    )
    .code(78)
    .says(wrong);
}

#[test]
fn a_server_with_the_new_password_takes_the_login_that_is_made_with_it() {
    let (_realm, alice) = approving();
    alice.log_in().ok();
    let alice = alice.env("OIDC_PASSWORD", "another");
    let server = server_with(&alice, "OIDC_PASSWORD=another");
    let wrong = "OIDC_PASSWORD is not the password that the login was saved with";
    server.wait_for("its own trouble", |server| server.logs().contains(wrong));
    typed(&alice, [], ["config", "--force"])
        .ok()
        .says("The running server has taken it.");
    server.exec(["healthcheck"]).ok();
}

#[test]
fn nobody_logs_in_with_a_password_that_the_server_does_not_have() {
    let (realm, alice) = approving();
    alice.log_in().ok();
    let server = alice.server();
    let login = only_login(&alice);
    let other = ["--env=OIDC_PASSWORD=another"];
    names(typed(&alice, other, ["config", "--force"]), "OIDC_PASSWORD");
    assert_eq!(only_login(&alice), login);
    docker(["stop", &server.id]).ok();

    // The login has the command's password, and the server alone another one.
    server_with(&alice, "OIDC_PASSWORD=another");
    for args in [&["config", "--force"][..], &["reauth"]] {
        names(alice.run(args.iter().copied()), "OIDC_PASSWORD");
    }
    assert_eq!((only_login(&alice), realm.count("device")), (login, 1));
}

#[test]
fn a_certificate_that_is_not_trusted_is_told_as_that_at_once() {
    let (realm, alice) = approving();
    let untrusted = format!(
        "the certificate of the login service {} is not trusted: ",
        realm.issuer()
    );
    let remedy = "name its certificate in EXTRA_CA_FILE";
    for args in [["config"], ["check-refresh-token"]] {
        let before = args == ["config"];
        if !before {
            alice.log_in().ok();
        }
        typed(&alice, ["--env=EXTRA_CA_FILE="], args)
            .code(78)
            .says(&untrusted)
            .says(remedy);
    }
    let server = server_with(&alice, "EXTRA_CA_FILE=");
    server.wait_for("its own trouble", |server| {
        server.logs().contains(&untrusted)
    });
    server
        .exec(["backup", "/backup/dir1"])
        .code(78)
        .says(&untrusted);
    names(alice.run(["config"]), "EXTRA_CA_FILE");
}

#[test]
fn without_the_password_a_login_in_the_volume_is_not_taken_for_storage_that_needs_none() {
    let (_realm, alice) = approving();
    let bucket = format!("--env=BACKUP_REMOTE=infncloud:/{}/backup/VM1", alice.user());
    let options = [&*bucket, "--env=OIDC_PASSWORD="];
    // Then the section is the user's own, and there is none.
    typed(&alice, options, ["config"])
        .code(78)
        .says("needs no login")
        .says("has no section [infncloud]");
    alice.log_in().ok();
    typed(&alice, options, ["config"])
        .code(78)
        .says("OIDC_PASSWORD is missing");
    let local = ["--env=BACKUP_REMOTE=/home/user/storage"];
    for args in [["credential-process", ""], ["oidc-token", "infncloud"]] {
        let args = args.into_iter().filter(|arg| !arg.is_empty());
        let output = alice.command(local, args).output().expect("docker");
        Ended::of("a command of the login".to_owned(), &output)
            .code(78)
            .says("the storage /home/user/storage/ needs no login");
    }
}
