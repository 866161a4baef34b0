//! The official restic: Debian's package, which our image has, without our command of the same name in front of it.

use super::documented::{file, lines};
use super::vm::{Vm, publish};
use super::{Access, Scene};
use crate::harness::docker;
use crate::healthchecks::Healthchecks;
use crate::ofelia::daemon::Configuration;

const STAND_IN: &str = "    environment:\n      PATH: /usr/bin:/bin\n";

fn in_a_container(access: Access) -> Scene {
    let scene = Scene::new("restic", access, STAND_IN);
    let ends = scene.type_all("## restic in a container");
    assert!(ends[1].stdout.contains("created restic repository"));
    scene.holds(1);
    scene
}

#[test]
fn in_a_container_with_a_password_it_backs_up_by_hand_and_by_ofelia() {
    let scene = in_a_container(Access::Login);
    let healthchecks = Healthchecks::start();
    let text = file("ofelia-config.ini").replace(
        "https://hc.cloud.infn.it/ping/<uuid>",
        &healthchecks.url_for_containers(),
    );
    let configuration = Configuration::read(&text);
    let container = |name: &str| match configuration.job(name).value("container") {
        Some("restic") => scene.container.clone(),
        Some("cloud-backup") => scene.project.container().to_owned(),
        other => panic!("{name} runs in {other:?}"),
    };
    for name in ["backup", "check-refresh-token", "forget"] {
        configuration.job(name).exec(&container(name)).ok();
    }
    // The documented retention keeps both.
    scene.holds(2);
    assert_eq!(healthchecks.signals(), ["start", "0", "start", "0"]);

    // With the password of somebody else it gets nowhere.
    let line = ["exec", "--env=RESTIC_REST_PASSWORD=wrong", &scene.container];
    docker(line.into_iter().chain(["restic", "snapshots"]))
        .says("401")
        .code(1);
    // Nobody sees the password in the arguments.
    let shown = docker(["top", &scene.container, "-eo", "pid,args"])
        .ok()
        .stdout;
    assert!(!shown.contains("a-long-random-word"), "{shown}");
}

#[test]
fn the_documented_schedule_is_the_shipped_one_without_what_the_client_does() {
    let shipped = include_str!("../../../ofelia-config.ini");
    let (shipped, documented) = (
        Configuration::read(shipped),
        Configuration::read(&file("ofelia-config.ini")),
    );
    for name in ["check-refresh-token", "forget", "clean-logs"] {
        let (one, other) = (shipped.job(name), documented.job(name));
        let keys: Vec<&str> = one.keys().collect();
        assert_eq!(keys, other.keys().collect::<Vec<_>>(), "{name}");
        for key in keys {
            assert_eq!(one.all(key), other.all(key), "{name}");
        }
    }
    let backup = documented.job("backup");
    assert_eq!(
        backup.value("schedule"),
        shipped.job("backup").value("schedule")
    );
    assert_eq!(backup.command()[0], "restic");
}

#[test]
fn in_a_container_and_on_the_vm_it_needs_no_password_where_the_user_says_so() {
    let scene = Scene::new("restic", Access::Anonymous, STAND_IN);
    publish(&scene);
    scene.type_all("## restic in a container");
    let vm = Vm::new(&scene);
    vm.type_all(|line| !line.starts_with("RESTIC_REST_"));
}

#[test]
fn on_the_vm_it_reaches_the_published_port_with_the_password() {
    let scene = Scene::new("restic", Access::Login, STAND_IN);
    publish(&scene);
    scene
        .project
        .compose(["up", "--detach", "cloud-backup"])
        .ok();
    let server = scene.project.container();
    docker(["exec", "--user=user", server, "restic", "init"]).ok();
    let vm = Vm::new(&scene);
    vm.type_all(|_| true);
    vm.with("RESTIC_REST_PASSWORD=wrong", |line| {
        !line.starts_with("RESTIC_REST_PASSWORD=")
    });
    let refused = vm.type_line(lines("## restic on the VM")[1]);
    refused.says("401");
}
