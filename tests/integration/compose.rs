//! `compose.yaml`, `.env.example` and `ofelia-config.ini` as shipped, on an empty machine, as the README says.
//!
//! Their names (container, network, image) are fixed: one test, and one run of it at a time on a machine.

use crate::harness::{docker, image};
use crate::project::{Project, shipped};

/// The image under test in the place of the published one, for one test at a time.
struct Published {
    image: String,
    replaced: Option<String>,
    _alone: std::fs::File,
}

impl Published {
    fn new() -> Self {
        let alone = std::fs::File::create(std::env::temp_dir().join("cloud-backup-compose.lock"))
            .expect("a lock file");
        alone.lock().expect("a lock");

        let compose = std::fs::read_to_string(shipped("compose.yaml")).expect("a text");
        let published = compose
            .lines()
            .find_map(|line| line.trim().strip_prefix("image: "))
            .expect("an image")
            .to_owned();
        let known = docker(["inspect", "--format", "{{.Id}}", &published]);
        let replaced = (known.code == 0).then(|| known.stdout.trim().to_owned());
        docker(["tag", &image(), &published]).ok();
        Self {
            image: published,
            replaced,
            _alone: alone,
        }
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        match &self.replaced {
            Some(id) => docker(["tag", id, &self.image]),
            None => docker(["rmi", "--no-prune", &self.image]),
        };
    }
}

#[test]
fn the_files_as_shipped_back_up_and_forget_after_the_edits_of_the_guide() {
    // Declared before the project: it is the last to go.
    let _published = Published::new();
    let project = Project::as_shipped();
    project.edit_sources();
    // With .env as shipped nothing is configured, and every mandatory variable is named at once.
    let unset = project.compose(["run", "--rm", "cloud-backup", "start-server"]);
    let unset = unset.code(78);
    for name in [
        "AAI_USER",
        "OIDC_PASSWORD",
        "BACKUP_BUCKET",
        "RESTIC_PASSWORD",
    ] {
        assert!(
            unset.all().contains(&format!("{name} is missing")),
            "{}",
            unset.all()
        );
    }

    project.set("BACKUP_REMOTE", "/home/user/storage");
    project.set("RESTIC_PASSWORD", "'planted $dollar # word'");

    // A run that was killed leaves its volume behind.
    project.compose(["down", "--volumes"]).ok();
    project
        .compose(["run", "--rm", "cloud-backup", "restic", "init"])
        .ok()
        .says("created restic repository");
    project.compose(["up", "--detach", "cloud-backup"]).ok();
    project
        .job("backup")
        .ok()
        .says("Successful backup of /backup/dir1");
    project
        .job("forget")
        .ok()
        .says("Successful forget --keep-within 1m --prune");

    let snapshots = project.compose([
        "run",
        "--rm",
        "cloud-backup",
        "restic",
        "snapshots",
        "--json",
    ]);
    let snapshots = snapshots.ok().stdout;
    let list: serde_json::Value = serde_json::from_str(snapshots.trim()).expect("JSON alone");
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{snapshots}");
    assert_eq!(list[0]["hostname"], "my-VM");
    assert_eq!(list[0]["paths"][0], "/backup/dir1");
    assert_eq!(list[0]["tags"][0], "example");
    docker(["exec", "--user=user", "cloud-backup", "healthcheck"]).ok();
    docker(["exec", "--user=user", "cloud-backup", "restic", "check"]).ok();
    let file = project.compose([
        "run",
        "--rm",
        "--no-TTY",
        "cloud-backup",
        "restic",
        "dump",
        "latest",
        "/backup/dir1/file",
    ]);
    assert_eq!(file.ok().stdout, "one");
    project.compose(["down", "--volumes"]).ok();
    let volumes = docker(["volume", "ls", "--quiet"]).ok().stdout;
    assert!(!volumes.contains("cub-test-compose"), "{volumes}");
}
