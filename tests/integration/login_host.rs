//! The manual way: our program as a plain binary on a Debian host, beside Debian's own rclone, restic and duplicity.
//!
//! The host is a container of `tests/host`, with a user `mrossi` as in docs/manual.md.

mod credentials;
mod manual;
mod script;

use std::process::Command;

use crate::harness::{Container, Ended, docker, ended, image};
use crate::rig::{CA_FILE, OIDC_PASSWORD, Realm, Rig, attend, login_settings};

/// The user of the host, and her home.
const USER: &str = "mrossi";
const HOME: &str = "/home/mrossi";
/// Built from `tests/host`; the builder's cache makes all times but the first short.
const IMAGE: &str = "cloud-user-backup-host:test";

/// A host; it goes with this.
struct Host {
    container: Container,
}

impl Drop for Host {
    fn drop(&mut self) {
        docker(["rm", "--force", "--volumes", &self.container.id]);
    }
}

/// The image of the host, built where it is not yet.
pub fn built() -> &'static str {
    let build = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/host/build");
    run(Command::new(build).arg(IMAGE)).ok();
    IMAGE
}

impl Host {
    /// On the rig's network, where the programs trust the rig's certificates; containers reach the tests' machine as
    /// `host.docker.internal`.
    fn on(rig: &Rig) -> Self {
        Self::start(&[
            &format!("--network={}", rig.network()),
            &format!("--volume={}:{CA_FILE}:ro", rig.ca_file()),
            &format!("--env=SSL_CERT_FILE={CA_FILE}"),
        ])
    }

    fn start(options: &[&str]) -> Self {
        let image = built();
        let common = [
            "run",
            "--detach",
            "--init",
            "--add-host=host.docker.internal:host-gateway",
        ];
        let started = docker([&common, options, &[image]].concat()).ok();
        Self {
            container: Container {
                id: started.stdout.trim().to_owned(),
            },
        }
    }

    /// With the program and the script in place.
    fn installed(self) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let made = docker(["create", &image()]).ok().stdout;
        let program = folder.path().join("cloud-backup");
        let from = format!("{}:/usr/local/bin/cloud-backup", made.trim());
        docker(["cp", &from, &program.to_string_lossy()]).ok();
        docker(["rm", made.trim()]).ok();
        self.copy(&program.to_string_lossy(), "/usr/local/bin/");
        self.copy(
            concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/duplicity-backup"),
            "/usr/local/bin/",
        );
        self
    }

    fn copy(&self, from: &str, to: &str) {
        docker(["cp", from, &format!("{}:{to}", self.container.id)]).ok();
    }

    /// A command of bash, typed by the user.
    fn bash(&self, script: &str) -> Ended {
        docker(["exec", &self.container.id, "bash", "-c", script])
    }

    /// The same for a command that logs in, approved as this user.
    fn attended(&self, script: &str, user: &str) -> Ended {
        let rig = Rig::get();
        let mut command = Command::new("docker");
        command.args(["exec", &self.container.id, "bash", "-c", script]);
        attend(command, |request| {
            rig.approve_unless_scripted(&request, user);
        })
    }

    /// Writes a file as an editor does: a file that is there keeps its mode, another one is for the user alone.
    fn write(&self, file: &str, content: &str) {
        let content = format!("--env=CONTENT={content}");
        let script =
            format!("umask 077; mkdir -p \"$(dirname {file})\"; printf '%s' \"$CONTENT\" >{file}");
        docker(["exec", &content, &self.container.id, "bash", "-c", &script]).ok();
    }
}

/// Runs a command of this machine to its end.
fn run(command: &mut Command) -> Ended {
    let child = command
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("a command that can be started");
    ended(&format!("{command:?}"), child)
}

/// What the guide has the user fill in, and where the rig is in the place of INFN Cloud: two parts of one file.
struct Login {
    user: String,
    rig: String,
}

impl Login {
    fn of(realm: &Realm) -> Self {
        let settings = login_settings(realm.rig(), realm.issuer(), realm.role(), USER);
        let value = |wanted: &str| {
            let found = settings.iter().find(|(name, _)| *name == wanted);
            found.expect("a setting").1.clone()
        };
        let rig = ["OIDC_ISSUER", "S3_ENDPOINT", "S3_ROLE", "EXTRA_CA_FILE"]
            .map(|name| format!("{name}={}\n", value(name)));
        Self {
            user: value("AAI_USER"),
            rig: rig.concat(),
        }
    }

    /// The settings file.
    fn file(&self) -> String {
        format!(
            "AAI_USER={}\nOIDC_PASSWORD='{OIDC_PASSWORD}'\nBACKUP_BUCKET=backup/VM1\n{}",
            self.user, self.rig
        )
    }
}
