//! `compose.yaml`, `.env.example` and `ofelia-config.ini` as shipped, on an empty machine, as the README says.
//!
//! Their names (container, network, image) are fixed: one test, and one run of it at a time on a machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Ended, docker, image};

/// A folder with the three files, and the image under test in the place of the published one.
struct Project {
    folder: tempfile::TempDir,
    image: String,
    replaced: Option<String>,
    _alone: std::fs::File,
}

impl Project {
    fn new() -> Self {
        let alone = std::fs::File::create(std::env::temp_dir().join("cloud-backup-compose.lock"))
            .expect("a lock file");
        alone.lock().expect("a lock");

        let folder = tempfile::tempdir().expect("a temporary folder");
        for file in ["compose.yaml", "ofelia-config.ini"] {
            std::fs::copy(shipped(file), folder.path().join(file)).expect("a copy");
        }
        std::fs::copy(shipped(".env.example"), folder.path().join(".env")).expect("a copy");

        let compose = std::fs::read_to_string(folder.path().join("compose.yaml")).expect("a text");
        let published = compose
            .lines()
            .find_map(|line| line.trim().strip_prefix("image: "))
            .expect("an image")
            .to_owned();
        let known = docker(["inspect", "--format", "{{.Id}}", &published]);
        let replaced = (known.code == 0).then(|| known.stdout.trim().to_owned());
        docker(["tag", &image(), &published]).ok();
        Self {
            folder,
            image: published,
            replaced,
            _alone: alone,
        }
    }

    /// Replaces a text that must be there exactly once, as an editor would.
    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.folder.path().join(file);
        let text = std::fs::read_to_string(&path).expect("a text");
        assert_eq!(text.matches(from).count(), 1, "{from:?} in {file}");
        std::fs::write(&path, text.replace(from, to)).expect("a written file");
    }

    /// A folder of the host with one file.
    fn source(&self, name: &str) -> String {
        let folder = self.folder.path().join(name);
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::write(folder.join("file"), name).expect("a written file");
        for path in [self.folder.path(), &folder] {
            std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
                .expect("chmod");
        }
        folder.display().to_string()
    }

    fn compose<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Ended {
        let args: Vec<&str> = args.into_iter().collect();
        let output = Command::new("docker")
            .args(["compose", "--project-name=cub-test-compose"])
            .args(&args)
            .current_dir(self.folder.path())
            .output()
            .expect("docker can be started");
        Ended::of(format!("docker compose {}", args.join(" ")), &output)
    }

    /// Runs a job-exec of the schedule as Ofelia does it: no shell, the command split on spaces.
    fn job(&self, name: &str) -> Ended {
        let path = self.folder.path().join("ofelia-config.ini");
        let schedule = std::fs::read_to_string(path).expect("a text");
        let section = schedule
            .split("\n[")
            .find(|section| section.starts_with(&format!("job-exec \"{name}\"]")))
            .expect("the job");
        let values = |key: &str| -> Vec<String> {
            section
                .lines()
                .filter_map(|line| line.split_once(" = "))
                .filter(|(name, _)| *name == key)
                .map(|(_, value)| value.to_owned())
                .collect()
        };
        let mut line = vec!["exec".to_owned()];
        line.extend(values("user").iter().map(|user| format!("--user={user}")));
        // The checks are the user's own: here is nobody to tell.
        line.extend(
            values("environment")
                .iter()
                .filter(|pair| !pair.contains("_CHECK_URL="))
                .map(|pair| format!("--env={pair}")),
        );
        line.extend(values("container"));
        line.extend(values("command")[0].split(' ').map(str::to_owned));
        docker(line.iter().map(String::as_str))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        self.compose(["down", "--volumes", "--timeout=10"]);
        match &self.replaced {
            Some(id) => docker(["tag", id, &self.image]),
            None => docker(["rmi", "--no-prune", &self.image]),
        };
    }
}

fn shipped(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

#[test]
fn the_files_as_shipped_back_up_and_forget_after_the_edits_of_the_guide() {
    let project = Project::new();
    let (one, other) = (project.source("one"), project.source("other"));
    project.edit(
        "compose.yaml",
        "/local/directory/to/backup/:/backup/dir1",
        &format!("{one}:/backup/dir1"),
    );
    project.edit(
        "compose.yaml",
        "/another/local/directory/to/backup/:/backup/dir2",
        &format!("{other}:/backup/dir2"),
    );
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

    project.edit(
        ".env",
        "\nBACKUP_REMOTE=\n",
        "\nBACKUP_REMOTE=/home/user/storage\n",
    );
    project.edit(
        ".env",
        "\nRESTIC_PASSWORD=\n",
        "\nRESTIC_PASSWORD='planted $dollar # word'\n",
    );

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
