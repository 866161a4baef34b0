//! Schedule files of tests, and what their jobs leave behind.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::harness::{Container, Installation, docker};
use crate::healthchecks::Healthchecks;

/// The schedule file of an installation, which is one of the files that it backs up.
pub const FILE: &str = "/backup/dir1/jobs.ini";
/// The line that makes the log files of runs.
pub const SAVE_FOLDER: &str = "[global]\nsave-folder = /home/user/logs\n";
/// A backup that takes far longer than any test where there is [`Installation::much_to_upload`].
pub const SLOW_BACKUP: &str = "backup --limit-upload=50 /backup/dir1";

/// A `job-exec` with more lines.
pub fn exec(name: &str, schedule: &str, command: &str, more: &[&str]) -> String {
    format!(
        "[job-exec \"{name}\"]\nschedule = {schedule}\ncontainer = cloud-backup\nuser = user\n\
         command = {command}\n{}\n",
        more.join("\n")
    )
}

/// A `job-local` with more lines.
pub fn local(name: &str, schedule: &str, command: &str, more: &[&str]) -> String {
    format!(
        "[job-local \"{name}\"]\nschedule = {schedule}\ncommand = {command}\n{}\n",
        more.join("\n")
    )
}

/// A time so many seconds from now, negative ones before, and the schedule that comes then, daily.
pub fn daily(seconds: i64) -> (String, Timestamp) {
    let now = Timestamp::from_second(Timestamp::now().as_second()).expect("a time");
    let time = now + SignedDuration::from_secs(seconds);
    let schedule = time.strftime("%-S %-M %-H * * *").to_string();
    (schedule, time)
}

/// Enough for a server to start before it on a busy machine.
pub fn soon() -> (String, Timestamp) {
    daily(10)
}

impl Installation {
    /// Writes the schedule file.
    pub fn plan(&self, text: &str) {
        self.write("jobs.ini", text);
    }

    /// Starts a server that runs the jobs of this schedule file, and waits until it is healthy.
    pub fn scheduled(&self, text: &str) -> Container {
        self.plan(text);
        let server = self.start(["start-server", "--schedule", FILE]);
        server.wait_for("the server is healthy", |server| {
            server.exec(["healthcheck"]).code == 0
        });
        server
    }

    /// The same where the repository is one that a double made, so that the server turns unhealthy with the first run.
    pub fn scheduled_on_nothing(&self, text: &str) -> Container {
        self.plan(text);
        self.start(["start-server", "--schedule", FILE])
    }

    /// A script of the source directory, as a job's command.
    pub fn script(&self, name: &str, text: &str) -> String {
        self.write(name, text);
        format!("sh /backup/dir1/{name}")
    }

    /// A repository, and more than [`SLOW_BACKUP`] ever uploads.
    pub fn much_to_upload(self) -> Self {
        self.run(["restic", "init"]).ok();
        self.write_random("big", 20_000_000);
        self
    }

    /// From now on there is little to upload.
    pub fn little_to_upload(&self) {
        std::fs::remove_file(self.source().join("big")).expect("a removed file");
    }

    /// The runs of a command in the history, in their order.
    pub fn runs_of(&self, command: &str) -> Vec<Value> {
        let runs = self.runs().into_iter();
        runs.filter(|run| run["command"] == command).collect()
    }
}

impl Container {
    /// `docker start`.
    pub fn start_again(&self) {
        docker(["start", &self.id]).ok();
    }

    /// The power goes: `docker kill`.
    pub fn power_cut(&self) {
        self.signal("KILL").ok();
        self.wait();
    }

    /// How often the log says this.
    pub fn said(&self, text: &str) -> usize {
        self.logs().matches(text).count()
    }

    /// Waits until the log says this.
    #[track_caller]
    pub fn wait_until_said(&self, text: &str) {
        self.wait_for(&format!("the log says {text:?}"), |container| {
            container.said(text) > 0
        });
    }

    /// A file of the container as text; empty where it is not there.
    pub fn file(&self, path: &str) -> String {
        self.shell(&format!("cat {path} 2>/dev/null; true"))
            .ok()
            .stdout
    }
}

impl Healthchecks {
    /// The starts and ends of runs that were taken, without notes and what the watch tells of jobs that are overdue.
    pub fn signals_of_runs(&self) -> Vec<String> {
        let mut signals = self.signals();
        signals.retain(|signal| signal != "log" && signal != "fail");
        signals
    }

    /// The bodies of the notes.
    pub fn notes(&self) -> Vec<String> {
        let pings = self.pings().into_iter();
        pings
            .filter(|ping| ping.status == 200 && ping.signal == "log")
            .map(|ping| ping.body)
            .collect()
    }

    /// The body of the first ping with this signal.
    #[track_caller]
    pub fn body_of(&self, signal: &str) -> String {
        let mut pings = self.pings().into_iter();
        pings.find(|ping| ping.signal == signal).expect(signal).body
    }
}

/// Waits for longer than [`Container::wait_for`] does.
#[track_caller]
pub fn wait_at_most(limit: Duration, what: &str, condition: impl Fn() -> bool) {
    let until = Instant::now() + limit;
    while !condition() {
        assert!(Instant::now() < until, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Whether a run of the history ended by itself with this code.
pub fn ended_with(run: &Value, code: u8) -> bool {
    run["state"] == "ended" && run["end"]["exit_code"] == code
}
