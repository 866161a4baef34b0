//! Several containers on one volume: who keeps the login changes, and nobody notices.

use std::process::{Child, Stdio};
use std::time::Duration;

use crate::harness::{docker, ended};
use crate::login_renewal::scene::{SLOW_BACKUP, Scene};

fn spawn(scene: &Scene, args: &[&str]) -> Child {
    scene
        .installation
        .command([], args.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("docker can be started")
}

#[test]
fn commands_that_begin_at_the_same_moment_share_the_login() {
    let scene = Scene::new(60);
    let lines: [&[&str]; 4] = [
        &["credential-process"],
        &["credential-process"],
        &["backup", "/backup/dir1"],
        &["check-refresh-token"],
    ];
    let children = lines.map(|line| (line[0], spawn(&scene, line)));
    for (name, child) in children {
        let end = ended(name, child).ok();
        assert!(!end.all().contains("gives no answer"), "{}", end.all());
    }
}

/// A one-shot command keeps the login when the server starts.
fn one_shot_then_server(end: impl FnOnce(&crate::harness::Container)) {
    let scene = Scene::new(15);
    scene.slow_file(60);
    let one_shot = scene.installation.start(SLOW_BACKUP);
    one_shot.pid("restic", "backup");
    assert!(!one_shot.pids("oidc-agent", "-").is_empty());
    let server = scene.installation.server();
    assert_eq!(server.pids("oidc-agent", "-"), [0; 0], "it follows");

    end(&one_shot);
    let took = server.wait_at_most(Duration::from_secs(10), "the server keeps it", |server| {
        !server.pids("oidc-agent", "-").is_empty()
    });
    eprintln!("taken over after {took:?}");
    let refreshed = scene.realm.count("refreshed");
    server.wait_for("two renewals more", |_| {
        scene.realm.count("refreshed") >= refreshed + 2
    });
    server.exec(["healthcheck"]).ok();
    server.exec(["backup", "/backup/dir1/file"]).ok();
    assert_eq!(server.logged("ERROR"), 0, "{}", server.logs());
}

#[test]
fn a_server_takes_over_from_a_command_that_is_stopped() {
    one_shot_then_server(|one_shot| {
        one_shot.stop();
        assert_eq!(one_shot.exit_code(), 130);
    });
}

#[test]
fn a_server_takes_over_from_a_command_that_is_killed() {
    one_shot_then_server(|one_shot| {
        docker(["kill", &one_shot.id]).ok();
    });
}
