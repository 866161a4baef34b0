//! The VM beside the containers, which is this machine.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::documented::{file, lines, section};
use super::{Scene, uncomment};
use crate::harness::{Ended, docker, image};

/// The line of the document in the place of the shipped one, but for the port of the VM: it may be taken here.
pub fn publish(scene: &Scene) {
    uncomment(&scene.project, "ports");
    let documented = "\"127.0.0.1:8080:8080\"";
    assert!(section("## Open the port").contains(documented));
    scene
        .project
        .edit("compose.yaml", "\"8080:8080\"", "\"127.0.0.1::8080\"");
}

/// A VM: this machine, with a folder in the place of `/root` and `/srv/data`, and restic in `PATH`.
pub struct Vm {
    folder: tempfile::TempDir,
    address: String,
}

impl Vm {
    pub fn new(scene: &Scene) -> Self {
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

    /// A text of the document with the places that stand in for those of the VM.
    pub fn here(&self, text: &str) -> String {
        let folder = self.folder.path().to_string_lossy();
        text.replace("/root/", &format!("{folder}/"))
            .replace("/srv/data", &format!("{folder}/data"))
            .replace("127.0.0.1:8080", &self.address)
    }

    /// Writes the environment file of the document, with these of its lines and one more.
    pub fn with(&self, more: &str, keep: impl Fn(&str) -> bool) {
        let text = self.here(&file("/root/restic.env"));
        let mut kept: Vec<&str> = text.lines().filter(|line| keep(line)).collect();
        kept.push(more);
        std::fs::write(self.folder.path().join("restic.env"), kept.join("\n")).expect("a file");
    }

    pub fn type_all(&self, keep: impl Fn(&str) -> bool) {
        self.with("", keep);
        let ends: Vec<Ended> = lines("## restic on the VM")
            .iter()
            .map(|line| self.type_line(line).ok())
            .collect();
        assert!(ends[0].stdout.contains("snapshot "), "{}", ends[0].stdout);
        assert!(ends[1].stdout.contains("/data"), "{}", ends[1].stdout);
    }

    pub fn type_line(&self, line: &str) -> Ended {
        assert!(!line.contains("://"), "an address in the arguments: {line}");
        self.run(Command::new("sh").args(["-c", &self.here(line)]))
    }

    /// Runs a program with nothing in its environment but what it has been given, a home, and restic in `PATH`.
    pub fn run(&self, command: &mut Command) -> Ended {
        let more: Vec<_> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        let output = command
            .env_clear()
            .env(
                "PATH",
                format!("{}:/usr/bin:/bin", self.folder.path().display()),
            )
            .envs(more)
            .env("HOME", self.folder.path())
            .stdin(Stdio::null())
            .output()
            .expect("a program can be started");
        Ended::of(format!("{command:?}"), &output)
    }

    /// Writes a file of its home and gives its path.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("a file");
        path
    }
}
