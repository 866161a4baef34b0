//! A folder with the files as shipped, where the guide's `docker compose` commands are typed letter by letter.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::{Ended, docker, image, unique};
use crate::rig::{CA_FILE, Realm, Rig, attend, login_settings};

/// The other compose file.
pub const WITHOUT_SOCKET: &str = "compose.no-socket.yaml";

/// A folder with the compose files, `.env` and `ofelia-config.ini`; its containers, volume and network go with it.
pub struct Project {
    folder: tempfile::TempDir,
    name: String,
    container: String,
}

impl Project {
    /// The files alone. Their names are fixed: one at a time on a machine, and the published image must be there.
    pub fn as_shipped() -> Self {
        Self::new("cub-test-compose".to_owned(), "cloud-backup".to_owned())
    }

    /// The same to be looked at: nothing of it is started, and what others have started under these names stays.
    pub fn to_look_at() -> Self {
        Self::new(format!("cub-test-{}", unique()), "cloud-backup".to_owned())
    }

    /// The files with names of its own, beside other projects; containers reach this machine as `host.docker.internal`.
    pub fn beside_others() -> Self {
        let name = format!("cub-test-{}", unique());
        let project = Self::new(name.clone(), name);
        let (image, container) = (image(), &project.container);
        let text = format!(
            "services:\n{}  cloud-backup:\n    image: {image}\n    container_name: {container}\n    extra_hosts:\n      \
             - host.docker.internal:host-gateway\nnetworks:\n  default:\n    name: {container}\n",
            in_the_place_of_ofelia(&image, container)
        );
        std::fs::write(project.path("compose.override.yaml"), text).expect("a written file");
        project
    }

    /// Of a user of this realm, whose name begins with this word: after the guide's edits, with one file in each of two
    /// sources, beside other projects. Nobody has logged in yet.
    #[track_caller]
    pub fn on_realm(realm: &Realm, user: &str) -> Self {
        Self::on(realm.rig(), realm.issuer(), realm.role(), user)
    }

    /// The same of a user of the real provider.
    #[track_caller]
    pub fn on_provider(rig: &Rig, user: &str) -> Self {
        Self::on(rig, rig.value("OIDC_ISSUER"), rig.value("S3_ROLE"), user)
    }

    #[track_caller]
    fn on(rig: &Rig, issuer: &str, role: &str, user: &str) -> Self {
        let name = format!("cub-test-{}", unique());
        let project = Self::new(name.clone(), name);
        project.edit_sources();
        let mut environment = String::new();
        for (name, value) in login_settings(rig, issuer, role, user) {
            // What the guide has the user fill in stands in .env; the rest is the rig's.
            if ["AAI_USER", "OIDC_PASSWORD", "BACKUP_BUCKET"].contains(&name) {
                project.set(name, &value);
            } else {
                let _ = writeln!(environment, "      {name}: \"{value}\"");
            }
        }
        project.set("RESTIC_PASSWORD", crate::harness::RESTIC_PASSWORD);
        let (network, image, container) = (rig.network(), image(), &project.container);
        let text = format!(
            "services:\n{}  cloud-backup:\n    image: {image}\n    container_name: {container}\n    \
             environment:\n{environment}    networks:\n      rig:\n    volumes:\n      - {}:{CA_FILE}:ro\n\
             networks:\n  default:\n    name: {container}\n  rig:\n    name: {network}\n    external: true\n",
            in_the_place_of_ofelia(&image, container),
            rig.ca_file()
        );
        // Compose reads it by itself.
        std::fs::write(project.path("compose.override.yaml"), text).expect("a written file");
        project
    }

    fn new(name: String, container: String) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (file, as_file) in [
            ("compose.yaml", "compose.yaml"),
            (WITHOUT_SOCKET, WITHOUT_SOCKET),
            ("ofelia-config.ini", "ofelia-config.ini"),
            (".env.example", ".env"),
        ] {
            std::fs::copy(shipped(file), folder.path().join(as_file)).expect("a copy");
        }
        Self {
            folder,
            name,
            container,
        }
    }

    /// A file of the folder, whether it is there or not.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Writes a file of the folder.
    #[track_caller]
    pub fn write(&self, file: &str, content: &str) {
        std::fs::write(self.path(file), content).expect("a written file");
    }

    /// The name of the server's container.
    pub fn container(&self) -> &str {
        &self.container
    }

    /// A value of `.env`; empty if there is none.
    #[track_caller]
    pub fn value(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.path(".env")).expect("a text");
        let mut values = text.lines().filter_map(|line| line.split_once('='));
        let found = values.find(|(known, _)| *known == name);
        found.expect("a setting of .env").1.to_owned()
    }

    /// A file of the folder as it is now.
    #[track_caller]
    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).expect("a text")
    }

    /// Fills in a setting that is empty in `.env`.
    #[track_caller]
    pub fn set(&self, name: &str, value: &str) {
        self.edit(
            ".env",
            &format!("\n{name}=\n"),
            &format!("\n{name}={value}\n"),
        );
    }

    /// Replaces a text that must be there exactly once, as an editor would.
    #[track_caller]
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path(file);
        let text = std::fs::read_to_string(&path).expect("a text");
        assert_eq!(text.matches(from).count(), 1, "{from:?} in {file}");
        std::fs::write(&path, text.replace(from, to)).expect("a written file");
    }

    /// Puts a folder with one file, which tells its name, in the place of each directory that the guide has the user edit.
    #[track_caller]
    pub fn edit_sources(&self) {
        self.edit_sources_of("compose.yaml");
    }

    /// The same in another compose file.
    #[track_caller]
    pub fn edit_sources_of(&self, file: &str) {
        for (shipped, name) in [
            ("- /local/directory/to/backup/:", "one"),
            ("- /another/local/directory/to/backup/:", "other"),
        ] {
            let source = format!("- {}:", self.source(name).display());
            self.edit(file, shipped, &source);
        }
    }

    fn source(&self, name: &str) -> PathBuf {
        let folder = self.path(name);
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::write(folder.join("file"), name).expect("a written file");
        for path in [self.folder.path(), &folder] {
            std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
                .expect("chmod");
        }
        folder
    }

    /// `docker compose ARGS`, typed in the folder.
    pub fn compose<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Ended {
        let args: Vec<&str> = args.into_iter().collect();
        let output = self.command(&args).output().expect("docker can be started");
        Ended::of(format!("docker compose {}", args.join(" ")), &output)
    }

    /// A line as a report or a document has it, typed in the folder.
    pub fn type_line(&self, line: &str) -> Ended {
        let output = self.line(line).output().expect("a shell can be started");
        Ended::of(line.to_owned(), &output)
    }

    /// The same for a line that may log in, approved as this user.
    #[track_caller]
    pub fn attended_line(&self, line: &str, user: &str) -> Ended {
        attend(self.line(line), |request| {
            Rig::get().approve_unless_scripted(&request, user);
        })
    }

    fn line(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", line])
            .env("COMPOSE_PROJECT_NAME", &self.name)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// The same for a command that logs in, such as `run --rm cloud-backup config`: approved as the project's user.
    #[track_caller]
    pub fn attended<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Ended {
        self.attended_as(&self.value("AAI_USER"), args)
    }

    /// The same, approved as somebody else.
    #[track_caller]
    pub fn attended_as<'a>(&self, user: &str, args: impl IntoIterator<Item = &'a str>) -> Ended {
        let args: Vec<&str> = args.into_iter().collect();
        attend(self.command(&args), |request| {
            Rig::get().approve_unless_scripted(&request, user);
        })
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command
            .arg("compose")
            .args(args)
            .env("COMPOSE_PROJECT_NAME", &self.name)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs a job-exec of the schedule as Ofelia does it: no shell, the command split on spaces.
    pub fn job(&self, name: &str) -> Ended {
        let schedule = std::fs::read_to_string(self.path("ofelia-config.ini")).expect("a text");
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
        assert_eq!(values("container"), ["cloud-backup"]);
        let mut line = vec!["exec".to_owned()];
        line.extend(values("user").iter().map(|user| format!("--user={user}")));
        // The checks are the user's own: here is nobody to tell.
        line.extend(
            values("environment")
                .iter()
                .filter(|pair| !pair.contains("_CHECK_URL="))
                .map(|pair| format!("--env={pair}")),
        );
        line.push(self.container.clone());
        line.extend(values("command")[0].split(' ').map(str::to_owned));
        docker(line.iter().map(String::as_str))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // `down` leaves detached one-off containers, and with them the volume.
        let label = format!("label=com.docker.compose.project={}", self.name);
        let containers = docker(["ps", "--all", "--quiet", "--filter", &label]).stdout;
        for container in containers.lines() {
            docker(["rm", "--force", "--volumes", container]);
        }
        self.compose(["down", "--volumes"]);
        // Those of the other compose file.
        let volumes = docker(["volume", "ls", "--quiet", "--filter", &label]).stdout;
        for volume in volumes.lines() {
            docker(["volume", "rm", volume]);
        }
    }
}

/// Ofelia's image cannot be had here: `docker compose up -d` starts something that does nothing in its place, and `job`
/// does what it would.
fn in_the_place_of_ofelia(image: &str, container: &str) -> String {
    format!(
        "  ofelia:\n    image: {image}\n    container_name: {container}-ofelia\n    entrypoint: [sleep, infinity]\n    \
         init: true\n    healthcheck:\n      disable: true\n"
    )
}

/// A file of the top folder.
pub fn shipped(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}
