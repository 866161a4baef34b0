//! The official restic: Debian's package, which our image has, without our command of the same name in front of it.

use std::process::{Command, Stdio};

use super::documented::{file, lines};
use super::{Access, Scene, uncomment};
use crate::harness::{Ended, docker, image};
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
    uncomment(&scene.project, "ports");
    publish(&scene);
    scene.type_all("## restic in a container");
    let vm = Vm::new(&scene);
    vm.type_all(|line| !line.starts_with("RESTIC_REST_"));
}

#[test]
fn on_the_vm_it_reaches_the_published_port_with_the_password() {
    let scene = Scene::new("restic", Access::Login, STAND_IN);
    uncomment(&scene.project, "ports");
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

/// The line of the document in the place of the shipped one, but for the port of the VM: it may be taken here.
fn publish(scene: &Scene) {
    let documented = "\"127.0.0.1:8080:8080\"";
    assert!(super::documented::section("## Open the port").contains(documented));
    scene
        .project
        .edit("compose.yaml", "\"8080:8080\"", "\"127.0.0.1::8080\"");
}

/// A VM: this machine, with a folder in the place of `/root` and `/srv/data`, and restic in `PATH`.
struct Vm {
    folder: tempfile::TempDir,
    address: String,
}

impl Vm {
    fn new(scene: &Scene) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let made = docker(["create", &image()]).ok().stdout;
        let from = format!("{}:/usr/bin/restic", made.trim());
        docker(["cp", &from, &folder.path().join("restic").to_string_lossy()]).ok();
        docker(["rm", made.trim()]).ok();
        std::fs::create_dir(folder.path().join("data")).expect("a folder");
        std::fs::write(folder.path().join("data/file"), "of the VM").expect("a file");
        let password = scene.project.value("RESTIC_PASSWORD");
        std::fs::write(folder.path().join("restic-password"), password).expect("a file");
        scene
            .project
            .compose(["up", "--detach", "cloud-backup"])
            .ok();
        let published = scene.project.compose(["port", "cloud-backup", "8080"]);
        Self {
            folder,
            address: published.ok().stdout.trim().to_owned(),
        }
    }

    fn here(&self, text: &str) -> String {
        let folder = self.folder.path().to_string_lossy();
        text.replace("/root/", &format!("{folder}/"))
            .replace("/srv/data", &format!("{folder}/data"))
            .replace("127.0.0.1:8080", &self.address)
    }

    /// Writes the environment file of the document, with these of its lines and one more.
    fn with(&self, more: &str, keep: impl Fn(&str) -> bool) {
        let text = self.here(&file("/root/restic.env"));
        let mut kept: Vec<&str> = text.lines().filter(|line| keep(line)).collect();
        kept.push(more);
        std::fs::write(self.folder.path().join("restic.env"), kept.join("\n")).expect("a file");
    }

    fn type_all(&self, keep: impl Fn(&str) -> bool) {
        self.with("", keep);
        let ends: Vec<Ended> = lines("## restic on the VM")
            .iter()
            .map(|line| self.type_line(line).ok())
            .collect();
        assert!(ends[0].stdout.contains("snapshot "), "{}", ends[0].stdout);
        assert!(ends[1].stdout.contains("/data"), "{}", ends[1].stdout);
    }

    fn type_line(&self, line: &str) -> Ended {
        assert!(!line.contains("://"), "an address in the arguments: {line}");
        let path = format!("{}:/usr/bin:/bin", self.folder.path().display());
        let output = Command::new("sh")
            .args(["-c", &self.here(line)])
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .stdin(Stdio::null())
            .output()
            .expect("a shell can be started");
        Ended::of(line.to_owned(), &output)
    }
}
