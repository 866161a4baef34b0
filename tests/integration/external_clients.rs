//! The files and lines of docs/external-clients.md, as they stand there, beside the shipped ones.
//!
//! No published image can be had where the tests run: in the place of a client's image stands ours, with nothing of ours in
//! `PATH`, or with the client mounted.

mod documented;
mod restic;
mod rustic;
mod vm;
mod wrappers;

use crate::harness::{Ended, RESTIC_PASSWORD, docker, image, unique};
use crate::project::Project;

use documented::{file, lines};

/// Whom the port lets in.
#[derive(Clone, Copy, PartialEq)]
enum Access {
    Login,
    Anonymous,
}

/// A project whose port is open, and one client of it.
struct Scene {
    project: Project,
    /// The client's container, where it has a name.
    container: String,
}

impl Scene {
    /// After the edits of the document for the client whose service has this name; `stand_in` are more lines of the
    /// service, which put something else in the place of its image.
    fn new(service: &str, access: Access, stand_in: &str) -> Self {
        let project = Project::beside_others();
        project.edit_sources();
        project.set("BACKUP_REMOTE", "/home/user/storage");
        project.set("RESTIC_PASSWORD", RESTIC_PASSWORD);
        match access {
            Access::Login => {
                let text = documented::section("## Open the port");
                for line in [
                    "RESTIC_REST_USERNAME=vm1",
                    "RESTIC_REST_PASSWORD=a-long-random-word",
                ] {
                    assert!(text.contains(&format!("\n    {line}\n")), "{line}");
                    let (name, value) = line.split_once('=').expect("a setting");
                    project.set(name, value);
                }
            }
            Access::Anonymous => project.set("RESTIC_REST_ANONYMOUS", "true"),
        }
        uncomment(&project, "expose");

        let source = format!("- {}:", project.path("one").display());
        let compose = format!("compose.{service}.yaml");
        let text = file(&compose);
        assert_eq!(text.matches("- /local/directory/to/backup/:").count(), 1);
        let text = text.replace("- /local/directory/to/backup/:", &source);
        project.write(&compose, &text);
        let container = format!("cub-test-{service}-{}", unique());
        let named = if text.contains("container_name:") {
            format!("    container_name: {container}\n")
        } else {
            String::new()
        };
        // Ofelia's image cannot be had either; nothing is asked of it here.
        let image = image();
        project.write(
            "compose.test.yaml",
            &format!(
                "services:\n  {service}:\n    image: {image}\n{named}    user: root\n    healthcheck:\n      \
                 disable: true\n{stand_in}  ofelia:\n    image: {image}\n    container_name: {container}-ofelia\n    \
                 entrypoint: [sleep, infinity]\n    init: true\n"
            ),
        );
        let files = format!("COMPOSE_FILE=compose.yaml:{compose}");
        assert!(documented::DOCS.contains(&files), "{files}");
        let settings = project.read(".env");
        let all = format!("{settings}\n{files}:compose.override.yaml:compose.test.yaml\n");
        project.write(".env", &all);
        Self { project, container }
    }

    /// Types each line of a section; all end well.
    fn type_all(&self, heading: &str) -> Vec<Ended> {
        let typed = lines(heading);
        assert!(!typed.is_empty(), "{heading}");
        typed.iter().map(|line| self.type_line(line)).collect()
    }

    fn type_line(&self, line: &str) -> Ended {
        assert!(!line.contains("://"), "an address in the arguments: {line}");
        self.project.type_line(line).ok()
    }

    /// What `cloud-backup` itself sees in the repository.
    fn snapshots(&self) -> Vec<serde_json::Value> {
        let server = self.project.container();
        let told = docker([
            "exec",
            "--user=user",
            server,
            "restic",
            "snapshots",
            "--json",
        ]);
        let told = told.ok().stdout;
        serde_json::from_str(told.trim()).expect("JSON")
    }

    /// Fails the test unless there is this many snapshots, all as the document's client makes them.
    fn holds(&self, count: usize) {
        let snapshots = self.snapshots();
        assert_eq!(snapshots.len(), count, "{snapshots:?}");
        for snapshot in snapshots {
            assert_eq!(snapshot["hostname"], "my-VM");
            assert_eq!(snapshot["paths"], serde_json::json!(["/backup/dir1"]));
            assert_eq!(snapshot["tags"], serde_json::json!(["example"]));
        }
    }
}

/// Takes the comment off `expose` or `ports`, as an editor would.
fn uncomment(project: &Project, key: &str) {
    let text = project.read("compose.yaml");
    let begin = text.find(&format!("    # {key}: #")).expect(key);
    let end = begin
        + text[begin..]
            .match_indices('\n')
            .nth(1)
            .expect("two lines")
            .0;
    let block = &text[begin..end];
    let bare = block.replace("    # ", "    ");
    project.edit("compose.yaml", block, &bare);
}
