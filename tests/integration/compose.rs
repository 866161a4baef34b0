//! `compose.yaml`, `.env.example` and `ofelia-config.ini` as shipped, on an empty machine, as the README says.
//!
//! Their names (container, network, image) are fixed: one test, and one run of it at a time on a machine.

use serde_json::Value;

use crate::documented::account::IN_SENTENCES_OF_SCHEDULING;
use crate::documented::{Typist, lines_of};
use crate::harness::{Container, docker, image};
use crate::project::{Project, WITHOUT_SOCKET, shipped};

const SCHEDULING: &str = "docs/scheduling.md";

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

/// What Compose makes of a file of the project.
fn config(project: &Project, file: &str) -> Value {
    let shown = project.compose(["-f", file, "config", "--format", "json"]);
    serde_json::from_str(&shown.ok().stdout).expect("JSON")
}

#[test]
fn without_the_socket_the_service_differs_in_its_command_and_the_folder_of_logs_only() {
    let project = Project::beside_others();
    let mut with = config(&project, "compose.yaml");
    let mut without = config(&project, WITHOUT_SOCKET);
    let service = |config: &mut Value, key: &str| {
        let service = config["services"]["cloud-backup"].as_object_mut();
        service.expect("the service").remove(key).expect(key)
    };
    assert_eq!(
        service(&mut with, "command"),
        serde_json::json!(["start-server"])
    );
    assert_eq!(
        service(&mut without, "command"),
        serde_json::json!(["start-server", "--schedule", "/etc/ofelia/config.ini"])
    );
    let volumes = service(&mut with, "volumes");
    let volumes = volumes.as_array().expect("volumes");
    let more = service(&mut without, "volumes");
    let mut more = more.as_array().expect("volumes").clone();
    more.retain(|volume| !volumes.contains(volume));
    let targets: Vec<&Value> = more.iter().map(|volume| &volume["target"]).collect();
    assert_eq!(targets, ["/var/log/ofelia"]);

    let removed = with["services"].as_object_mut().expect("services");
    let ofelia = removed.remove("ofelia").expect("Ofelia");
    assert!(ofelia.to_string().contains("docker.sock"));
    assert!(!without.to_string().contains("docker.sock"));
    let kept = without["volumes"].as_object_mut().expect("volumes");
    kept.remove("cloud-backup-logs").expect("its logs");
    assert_eq!(with, without);
}

#[test]
fn the_file_without_the_socket_runs_the_jobs_of_the_shipped_schedule() {
    let _published = Published::new();
    let project = Project::as_shipped();
    project.edit_sources_of(WITHOUT_SOCKET);
    project.set("BACKUP_REMOTE", "/home/user/storage");
    project.set("RESTIC_PASSWORD", "planted");
    project.set("TZ", "Europe/Rome");
    // What is nightly comes at once here; the checks are the user's own, and stay the placeholders that they are.
    project.edit(
        "ofelia-config.ini",
        "schedule = 0 0 2 * * *",
        "schedule = */5 * * * * *",
    );
    project
        .compose(["-f", WITHOUT_SOCKET, "down", "--volumes"])
        .ok();
    let typist = Typist {
        project: &project,
        user: String::new(),
    };
    let container = Container {
        id: "cloud-backup".to_owned(),
    };
    let said = |text: &str| {
        container.wait_for(&format!("the log says {text:?}"), |container| {
            container.logs().contains(text)
        });
    };
    for line in lines_of(SCHEDULING, "## Without the Docker socket") {
        line.shows(&typist.types(&line.typed).ok());
        said("5 jobs are scheduled, in Europe/Rome: the next is due at ");
    }
    said("backup: ended well");
    docker(["exec", "--user=user", "cloud-backup", "healthcheck"]).ok();
    let snapshots = container
        .exec(["restic", "snapshots", "--json"])
        .ok()
        .stdout;
    let list: Value = serde_json::from_str(snapshots.trim()).expect("JSON");
    assert_eq!(list[0]["hostname"], "my-VM");
    assert_eq!(list[0]["paths"][0], "/backup/dir1");
    let logs = container.exec(["ls", "/var/log/ofelia"]).ok().stdout;
    for ending in ["_backup.stdout.log", "_backup.stderr.log", "_backup.json"] {
        assert!(logs.contains(ending), "{logs}");
    }
    assert!(!container.logs().contains("ERROR"), "{}", container.logs());
    for line in lines_of(SCHEDULING, "## Status") {
        typist.types(&line.typed).says("All is well.").ok();
    }
    for line in IN_SENTENCES_OF_SCHEDULING {
        typist.types(line).ok();
    }

    // The two mistakes of the document.
    for (from, to) in [
        ("schedule = */5 * * * * *", "schedule = 0 2 * * *"),
        (
            "schedule = 0 0 3 * * *\ncontainer = cloud-backup",
            "schedule = 0 0 3 * * *\ncontainer = web",
        ),
    ] {
        project.edit("ofelia-config.ini", from, to);
    }
    let refused = ["-f", WITHOUT_SOCKET, "up", "--detach", "--force-recreate"];
    project.compose(refused).ok();
    said("-> Correct these lines of the file");
    for line in lines_of(SCHEDULING, "## The file") {
        line.shows(&typist.types(&line.typed).ok());
    }
    project
        .compose(["-f", WITHOUT_SOCKET, "down", "--volumes"])
        .ok();
}
