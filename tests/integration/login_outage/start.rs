//! A server is started while the login cannot work: it stays up, says why, and recovers by itself where it can.

use std::thread::sleep;
use std::time::Duration;

use crate::harness::{Container, Installation};
use crate::login_renewal::scene::Scene;
use crate::rig::Rig;

const READY: &str = "ready: no repository yet at infncloud:/";

#[track_caller]
fn is_unhealthy(server: &Container, reason: &str) {
    server.wait_for("it is said", |server| server.logged(reason) > 0);
    server.exec(["healthcheck"]).code(1).says(reason);
    server.wait_for("Docker's view", |server| server.health() == "unhealthy");
}

#[test]
fn a_login_service_out_of_reach_is_waited_for() {
    let mut scene = Scene::new(60);
    scene.installation = scene.installation.with(["--add-host=iam.test:127.0.0.1"]);
    let server = scene.installation.start(["start-server"]);
    let reason = format!(
        "the login service {} cannot be reached: ",
        scene.realm.issuer()
    );
    is_unhealthy(&server, &reason);
    let before = scene.refreshes();
    // Several tries.
    sleep(Duration::from_secs(12));
    assert!(server.is_running());
    assert_eq!(server.logged(&reason), 1, "{}", server.logs());
    assert_eq!(server.logged("ready: "), 0, "{}", server.logs());
    assert_eq!(scene.refreshes(), before, "it was out of reach");

    server.reconnect("iam.test");
    let took = server.wait_at_most(Duration::from_secs(15), "ready", |server| {
        server.logged(READY) == 1
    });
    eprintln!("ready {took:?} after the outage");
    assert_eq!(server.logged("the login works again"), 1);
    server.exec(["healthcheck"]).ok().says("no repository yet");
    server.wait_for("Docker's view", |server| server.health() == "healthy");
    server.exec(["backup", "/backup/dir1"]).ok();
}

#[test]
fn a_login_service_that_hangs_is_waited_for_and_holds_up_no_stop() {
    let scene = Scene::new(60);
    scene.fail(r#"{"*": "hang"}"#);
    let server = scene.installation.start(["start-server"]);
    server.wait_for("rclone serves", |server| {
        !server.pids("rclone", "serve").is_empty()
    });
    server.exec(["healthcheck"]).code(1);
    let reason = format!(
        "the login service {} cannot be reached: no answer within 15s",
        scene.realm.issuer()
    );
    is_unhealthy(&server, &reason);
    // In the middle of the next try.
    sleep(Duration::from_secs(3));
    let took = server.stop();
    eprintln!("stopped within {took:?}");
    assert!(took < Duration::from_secs(9), "{took:?}");
    assert_eq!(server.exit_code(), 0);

    let server = scene.installation.start(["start-server"]);
    is_unhealthy(&server, &reason);
    sleep(Duration::from_secs(3));
    scene.fail("{}");
    // A request that hangs already is given up only at its deadline.
    let took = server.wait_at_most(Duration::from_secs(25), "ready", |server| {
        server.logged(READY) == 1
    });
    eprintln!("ready {took:?} after the outage");
    assert_eq!(server.logged(&reason), 1, "{}", server.logs());
}

#[test]
fn a_wrong_password_is_told_as_that_and_not_tried_for_ever() {
    let mut scene = Scene::new(60);
    scene.installation = scene.installation.env("OIDC_PASSWORD", "another");
    let server = scene.installation.start(["start-server"]);
    let reason = "OIDC_PASSWORD is not the password that the login was saved with";
    is_unhealthy(&server, reason);
    // Each try is an agent that comes and goes.
    let script = "for _ in $(seq 100); do for p in /proc/[0-9]*; do grep -s oidc- $p/comm; done; sleep 0.1; done; true";
    let agents = server.shell(script).ok().stdout;
    assert_eq!(agents, "", "{}", server.logs());
    assert_eq!(server.logged(reason), 1, "{}", server.logs());
    assert!(server.is_running());

    server
        .exec(["backup", "/backup/dir1"])
        .code(78)
        .says(reason);
    let body = scene.healthchecks.last_body();
    assert_eq!(
        body.lines().collect::<Vec<_>>(),
        [
            &*format!("Backup of /backup/dir1 failed: {reason}"),
            "Set OIDC_PASSWORD to the password of that login, then: docker compose up -d --force-recreate; or log in \
             anew with the present one: docker compose run --rm cloud-backup config --force",
        ]
    );
    assert_eq!(scene.stored(), [""; 0]);
    // It is no worse in a one-shot container.
    server.stop();
    let end = scene.installation.run(["restic", "snapshots"]);
    end.code(78).says(reason);
}

#[test]
fn a_volume_on_which_the_agent_cannot_work_is_told_and_tried_again() {
    let scene = Scene::new(60);
    let bundle = "/home/user/.cloud-backup/ca-bundle.pem";
    let installation = &scene.installation;
    let spoil = format!("rm {bundle} && mkdir {bundle}");
    installation.run_program("sh", ["-c", &spoil]).ok();
    let server = installation.start(["start-server"]);
    is_unhealthy(&server, &format!("cannot use {bundle}: "));
    server.renew().code(69).says("cannot use");
    server.shell(&format!("rmdir {bundle}")).ok();
    server.wait_at_most(Duration::from_secs(15), "ready", |server| {
        server.logged(READY) == 1
    });
    server.exec(["healthcheck"]).ok();
}

#[test]
fn without_a_login_no_server_is_started() {
    let rig = Rig::get();
    let installation = Installation::on_provider(&rig, "nobody");
    installation
        .run(["start-server"])
        .code(78)
        .says("nobody has logged in on this volume")
        .says("docker compose run --rm cloud-backup config");
}
