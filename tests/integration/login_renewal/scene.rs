//! A user who has logged in, with short-lived credentials; and what is seen of the server while they are renewed.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Container, Ended, Installation, docker, ended};
use crate::healthchecks::Healthchecks;
use crate::rig::{Realm, Rig};

/// Docker's own view of the health, quickly and without mercy.
const HEALTH: [&str; 4] = [
    "--health-interval=1s",
    "--health-timeout=14s",
    "--health-retries=1",
    "--health-start-period=1s",
];

/// KiB a second.
const UPLOAD: usize = 600;
/// A request to the storage each seven seconds, with 600 KiB a second: what came in is stored when a pack is whole.
pub const SLOW_BACKUP: [&str; 5] = [
    "backup",
    "--limit-upload=600",
    "--pack-size=4",
    "--option=rest.connections=1",
    "/backup/dir1",
];

/// A user with a realm and a check of her own.
pub struct Scene {
    pub realm: Realm,
    pub installation: Installation,
    pub healthchecks: Healthchecks,
}

impl Scene {
    /// Logged in; credentials are asked for this many seconds.
    #[track_caller]
    pub fn new(session: u32) -> Self {
        let realm = Rig::get().realm(r#"{"access_lifetime": 20}"#);
        let healthchecks = Healthchecks::start();
        let installation = Installation::on_realm(&realm, "alice")
            .env("BACKUP_CHECK_URL", &healthchecks.url_for_containers())
            .with(HEALTH);
        realm.control(&json!({"approve": installation.user()}).to_string());
        // Its proof is not what is tested, and has all the time that it needs.
        installation.log_in().ok();
        installation.write("file", "content");
        Self {
            realm,
            installation: installation.env("STS_DURATION", &format!("{session}s")),
            healthchecks,
        }
    }

    /// From now on the login service does this to every request; `{}` is its own behaviour.
    #[track_caller]
    pub fn fail(&self, how: &str) {
        self.realm.control(&format!(r#"{{"fail": {how}}}"#));
    }

    /// How many token requests have come.
    #[track_caller]
    pub fn refreshes(&self) -> u64 {
        self.realm.count("refresh")
    }

    /// A file that keeps [`SLOW_BACKUP`] at work for this many seconds at least.
    pub fn slow_file(&self, seconds: usize) {
        self.installation
            .write_random("large", UPLOAD * 1024 * seconds);
    }

    /// The keys of the objects of this user's backups.
    #[track_caller]
    pub fn stored(&self) -> Vec<String> {
        self.realm.rig().objects(self.installation.user())
    }
}

impl Container {
    /// Asks the keeper for a renewal now, and gives how it ended.
    pub fn renew(&self) -> Ended {
        self.exec(["check-refresh-token"])
    }

    /// Docker's word for it: `starting`, `healthy`, `unhealthy`.
    pub fn health(&self) -> String {
        self.inspect("{{.State.Health.Status}}")
    }

    /// How often this is in the log.
    pub fn logged(&self, text: &str) -> usize {
        self.logs().matches(text).count()
    }

    /// Waits this long at most; how long it took.
    #[track_caller]
    pub fn wait_at_most(
        &self,
        longest: Duration,
        what: &str,
        condition: impl Fn(&Self) -> bool,
    ) -> Duration {
        let begun = Instant::now();
        while !condition(self) {
            assert!(
                begun.elapsed() < longest,
                "not within {longest:?}: {what}; the log:\n{}",
                self.logs()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        begun.elapsed()
    }
}

/// Asks the server for a list of the storage, again and again, until it is told to end.
pub struct Prober {
    container: String,
    child: Child,
}

/// What a [`Prober`] has seen.
#[derive(Debug)]
pub struct Seen {
    pub requests: usize,
    /// Answers other than 200.
    pub failed: usize,
    pub slowest: Duration,
}

/// rclone answers for the config from its cache: a list is asked of the storage each time.
const PROBE: &str = r#"
while [ ! -e /tmp/enough ]; do
  begun=${EPOCHREALTIME/./}
  status=$(timeout 40 bash -c 'exec 3<>/dev/tcp/127.0.0.1/8080; printf "GET /snapshots/ HTTP/1.0\r\nAccept: application/vnd.x.restic.rest.v2\r\n\r\n" >&3; head -n 1 <&3' | cut -d" " -f 2)
  echo "${status:-none} $(( (${EPOCHREALTIME/./} - begun) / 1000 ))"
  sleep 0.1
done
"#;

impl Prober {
    pub fn start(server: &Container) -> Self {
        server.shell("rm -f /tmp/enough").ok();
        let child = Command::new("docker")
            .args(["exec", "--user=user", &server.id, "bash", "-c", PROBE])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker can be started");
        Self {
            container: server.id.clone(),
            child,
        }
    }

    #[track_caller]
    pub fn end(self) -> Seen {
        docker([
            "exec",
            "--user=root",
            &self.container,
            "touch",
            "/tmp/enough",
        ])
        .ok();
        let printed = ended("the prober", self.child).ok().stdout;
        let answers: Vec<(&str, u64)> = printed
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(status, took)| (status, took.parse().expect("milliseconds")))
            .collect();
        let slowest = answers.iter().map(|(_, took)| *took).max();
        let seen = Seen {
            requests: answers.len(),
            failed: answers
                .iter()
                .filter(|(status, _)| *status != "200")
                .count(),
            slowest: Duration::from_millis(slowest.expect("an answer")),
        };
        eprintln!("{seen:?}");
        seen
    }
}

impl Seen {
    /// Fails the test where a request failed, or waited for a renewal: on a busy machine a request takes half a second.
    #[track_caller]
    pub fn went_well(&self) {
        assert!(self.requests > 10, "{self:?}");
        assert_eq!(self.failed, 0, "{self:?}");
        assert!(self.slowest < Duration::from_secs(2), "{self:?}");
    }
}
