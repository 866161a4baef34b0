//! The rig of `tests/rig`, which stands before the tests start and is common to all of them: `scripts/test` brings it.
//!
//! What tests script is a realm of their own, and their user's name (which is the bucket's too) is used once, so they run side by side.

mod installation;
mod screen;
#[cfg(test)]
mod tests;

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{Container, Ended, docker, image, unique};

pub use installation::settings as login_settings;
pub use screen::{Request, attend};

/// What tests plant as the secret of the login, to look for it where it must not be.
pub const OIDC_PASSWORD: &str = "planted-oidc-password-a4c8";

/// Where the installations' containers have the rig's CA.
pub const CA_FILE: &str = "/ca.pem";

/// The rig of this run.
#[derive(Debug, Clone)]
pub struct Rig {
    name: String,
    env: Vec<(String, String)>,
}

impl Rig {
    /// The rig that `CLOUD_BACKUP_RIG` names, or `cub-test-rig`.
    #[track_caller]
    pub fn get() -> Self {
        let name = std::env::var("CLOUD_BACKUP_RIG").unwrap_or_else(|_| "cub-test-rig".to_owned());
        let ready = docker([
            "exec",
            &format!("{name}-ceph"),
            "test",
            "-e",
            "/run/registered",
        ]);
        assert!(
            ready.code == 0,
            "the rig {name} is not up: STS_MIN=10 ROTATE=1 scripts/rig up {name}"
        );
        let env = run("env", &[&name]).ok().stdout;
        Self {
            name,
            env: pairs(&env),
        }
    }

    /// A value of `scripts/rig env`.
    #[track_caller]
    pub fn value(&self, name: &str) -> &str {
        let found = self.env.iter().find(|(known, _)| known == name);
        &found
            .unwrap_or_else(|| panic!("scripts/rig env has no {name}"))
            .1
    }

    pub fn network(&self) -> &str {
        self.value("RIG_NETWORK")
    }

    pub fn ca_file(&self) -> &str {
        self.value("RIG_CA_FILE")
    }

    /// A new issuer of the model of IAM, trusted by the storage, with this script (JSON) over IAM's own behaviour; but clients
    /// poll each second unless it sets `interval`.
    #[track_caller]
    pub fn realm(&self, settings: &str) -> Realm {
        let name = format!("t-{}", unique());
        let mut script = json!({"interval": 1, "rotate": false});
        let settings: Value = serde_json::from_str(settings).expect("a script in JSON");
        for (key, value) in settings.as_object().expect("a JSON object") {
            script[key] = value.clone();
        }
        let made = run("realm", &[&self.name, &name, &script.to_string()]).ok();
        let mut of_realm = pairs(&made.stdout).into_iter();
        let mut next = |expected: &str| match of_realm.next() {
            Some((name, value)) if name == expected => value,
            other => panic!("scripts/rig realm: {other:?} is not {expected}"),
        };
        Realm {
            issuer: next("OIDC_ISSUER"),
            role: next("S3_ROLE"),
            rig: self.clone(),
            name,
        }
    }

    /// Opens the address, enters the code, logs in and consents, on the provider's own pages.
    #[track_caller]
    pub fn approve(&self, uri: &str, code: &str, user: &str) {
        run("approve", &[&self.name, uri, code, user]).ok();
    }

    /// The same, but the user says no.
    #[track_caller]
    pub fn decline(&self, request: &Request, user: &str) {
        let args = [&self.name, &request.uri, &request.code, user];
        run_with(&[("DECLINE", "1")], "approve", &args).ok();
    }

    /// The same for what a screen asks for, unless the realm's script approves (`approve`).
    #[track_caller]
    pub fn approve_unless_scripted(&self, request: &Request, user: &str) {
        let realm = request
            .uri
            .strip_prefix(self.value("RIG_IAM_ISSUER"))
            .and_then(|rest| rest.strip_prefix("realm/")?.strip_suffix("/device"));
        let scripted =
            realm.is_some_and(|realm| !control(self, realm, "{}")["script"]["approve"].is_null());
        if !scripted {
            self.approve(&request.uri, &request.code, user);
        }
    }

    /// rclone as the storage's administrator, who sees into everybody's bucket: `storage:BUCKET/...`.
    pub fn s3_admin<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Ended {
        let mut all = vec![
            "run".to_owned(),
            "--rm".to_owned(),
            // In PATH stands our own command.
            "--entrypoint=/usr/bin/rclone".to_owned(),
        ];
        all.push(format!("--network={}", self.network()));
        all.push(format!("--volume={}:{CA_FILE}:ro", self.ca_file()));
        let variables = [
            ("TYPE", "s3"),
            ("PROVIDER", "Ceph"),
            ("ENDPOINT", self.value("S3_ENDPOINT")),
            ("ACCESS_KEY_ID", self.value("RIG_S3_ADMIN_KEY")),
            ("SECRET_ACCESS_KEY", self.value("RIG_S3_ADMIN_SECRET")),
        ];
        all.extend(
            variables.map(|(name, value)| format!("--env=RCLONE_CONFIG_STORAGE_{name}={value}")),
        );
        all.push(format!("--env=SSL_CERT_FILE={CA_FILE}"));
        all.push("--env=RCLONE_CONFIG=/dev/null".to_owned());
        all.push(image());
        all.extend(args.into_iter().map(str::to_owned));
        docker(all.iter().map(String::as_str))
    }

    /// A user of the storage with keys of its own (both are this name); `buckets` is how many it may make, -1 for none.
    #[track_caller]
    pub fn s3_user(&self, name: &str, buckets: &str) {
        let ceph = format!("{}-ceph", self.name);
        let user = ["exec", &ceph, "radosgw-admin", "user", "create"];
        let keys = ["--uid", name, "--display-name", name, "--access-key", name];
        let rest = ["--secret-key", name, "--max-buckets", buckets];
        docker([&user[..], &keys, &rest].concat()).ok();
    }

    /// The keys of all objects in this bucket, sorted; none where there is no such bucket.
    #[track_caller]
    pub fn objects(&self, bucket: &str) -> Vec<String> {
        let listed = self.s3_admin([
            "lsf",
            "--recursive",
            "--files-only",
            &format!("storage:{bucket}"),
        ]);
        if listed.stderr.contains("directory not found") {
            return Vec::new();
        }
        let mut keys: Vec<String> = listed.ok().stdout.lines().map(str::to_owned).collect();
        keys.sort_unstable();
        keys
    }
}

/// An issuer of one test's own in the model of IAM, and the role that its users take on.
#[derive(Debug, Clone)]
pub struct Realm {
    rig: Rig,
    name: String,
    issuer: String,
    role: String,
}

impl Realm {
    pub fn rig(&self) -> &Rig {
        &self.rig
    }

    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    pub fn role(&self) -> &str {
        &self.role
    }

    /// Changes settings of the script, and gives script and counts; `tests/rig/README.md` has them.
    #[track_caller]
    pub fn control(&self, json: &str) -> Value {
        control(&self.rig, &self.name, json)
    }

    /// How often this endpoint was asked; `refreshed` counts the refreshes that were granted.
    #[track_caller]
    pub fn count(&self, name: &str) -> u64 {
        self.control("{}")["counts"][name].as_u64().unwrap_or(0)
    }

    /// An access token for the storage, without a login.
    #[track_caller]
    pub fn token(&self, user: &str) -> String {
        let issue = json!({"issue": {"user": user, "audience": self.rig.value("OIDC_AUDIENCE")}});
        let told = self.control(&issue.to_string());
        told["issued"].as_str().expect("a token").to_owned()
    }
}

impl Container {
    /// From now on nobody listens where this container finds the host: connection refused. Others still find it, and
    /// connections that are open stay so.
    #[track_caller]
    pub fn cut_off(&self, host: &str) {
        self.shell(&format!("echo 127.0.0.1 {host} >>/etc/hosts"))
            .ok();
    }

    /// Ends [`Self::cut_off`].
    #[track_caller]
    pub fn reconnect(&self, host: &str) {
        // Docker has mounted the file: it cannot be replaced.
        self.shell(&format!(
            "grep -v '[[:space:]]{host}$' /etc/hosts >/tmp/hosts; cat /tmp/hosts >/etc/hosts"
        ))
        .ok();
    }
}

#[track_caller]
fn control(rig: &Rig, realm: &str, json: &str) -> Value {
    let told = run("control", &[&rig.name, "--realm", realm, json]);
    serde_json::from_str(&told.ok().stdout).expect("JSON")
}

/// `scripts/rig COMMAND ARGS`
fn run(command: &str, args: &[&str]) -> Ended {
    run_with(&[], command, args)
}

fn run_with(env: &[(&str, &str)], command: &str, args: &[&str]) -> Ended {
    let output = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/rig"))
        .arg(command)
        .args(args)
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("scripts/rig can be started");
    Ended::of(format!("scripts/rig {command} {}", args.join(" ")), &output)
}

/// The lines `NAME=value` or `NAME='value'`.
fn pairs(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()))
        .collect()
}
