//! A user, her realm and her check: runs `check-refresh-token`, and gives what was said and what was heard.

use std::time::{Duration, Instant};

use serde_json::json;

use super::COMMAND;
use crate::harness::{Container, Ended, Installation};
use crate::healthchecks::Healthchecks;
use crate::rig::{Realm, Rig};

/// A user with a realm and a check of her own.
pub struct Scene {
    pub realm: Realm,
    pub installation: Installation,
    pub healthchecks: Healthchecks,
}

/// One run: its exit code, which the check has got too, and the body that came with it.
#[derive(Debug)]
pub struct Checked {
    pub code: i32,
    pub body: String,
    pub took: Duration,
    /// What was shown and what was reported.
    pub all: String,
}

impl Scene {
    /// Nobody has logged in yet.
    #[track_caller]
    pub fn new(script: &str) -> Self {
        let realm = Rig::get().realm(script);
        let healthchecks = Healthchecks::start();
        let url = healthchecks.url_for_containers();
        let installation =
            Installation::on_realm(&realm, "alice").env("OIDC_TOKEN_CHECK_URL", &url);
        realm.control(&json!({"approve": installation.user()}).to_string());
        Self {
            realm,
            installation,
            healthchecks,
        }
    }

    /// Logged in.
    #[track_caller]
    pub fn logged_in(script: &str) -> Self {
        let scene = Self::new(script);
        scene.installation.log_in().ok();
        scene
    }

    /// Runs it in a one-shot container with more options.
    #[track_caller]
    pub fn check<'a>(&self, options: impl IntoIterator<Item = &'a str>) -> Checked {
        let mut command = self.installation.command(options, COMMAND);
        self.heard(|| Ended::of("check".to_owned(), &command.output().expect("docker")))
    }

    /// Runs it as Ofelia does: only this run knows the check.
    #[track_caller]
    pub fn check_beside(&self, server: &Container) -> Checked {
        let url = format!(
            "--env=OIDC_TOKEN_CHECK_URL={}",
            self.healthchecks.url_for_containers()
        );
        self.heard(|| server.exec_with([url.as_str()], COMMAND))
    }

    /// What the check hears of a run: its start, and its end with the exit code.
    #[track_caller]
    fn heard(&self, run: impl FnOnce() -> Ended) -> Checked {
        let before = self.healthchecks.pings().len();
        let begun = Instant::now();
        let ended = run();
        let took = begun.elapsed();
        let pings = self.healthchecks.pings().split_off(before);
        let signals: Vec<_> = pings.iter().map(|ping| ping.signal.clone()).collect();
        assert_eq!(
            signals,
            ["start".to_owned(), ended.code.to_string()],
            "{}",
            ended.all()
        );
        let body = pings[1].body.clone();
        let first = body.lines().next().expect("a first line");
        assert!(ended.stderr.contains(first), "{}", ended.all());
        Checked {
            code: ended.code,
            took,
            all: ended.all() + &body,
            body,
        }
    }

    /// The login as it is saved, by oidc-agent's own tool.
    #[track_caller]
    pub fn refresh_token(&self) -> String {
        let script = "OIDC_CONFIG_DIR=~/.cloud-backup/login/oidc-agent oidc-gen --print=infncloud --pw-env=OIDC_PASSWORD";
        let printed = self.installation.run_program("sh", ["-c", script]).ok();
        let account: serde_json::Value = serde_json::from_str(&printed.stdout).expect("JSON");
        let token = account["refresh_token"].as_str().expect("a refresh token");
        assert!(token.len() > 30, "{token}");
        token.to_owned()
    }
}

impl Checked {
    /// Fails the test unless it ended with this code and this very body.
    #[track_caller]
    pub fn is(&self, code: i32, body: &str) {
        assert_eq!((self.code, &*self.body), (code, body), "{}", self.all);
    }
}
