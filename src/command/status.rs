//! `status`: how the jobs, the server, the login and the repository stand, for people and, with `--json`, for programs.
//!
//! It changes nothing and refreshes no login; each part has its deadline, and what cannot be known is told as that, so
//! that a status in trouble shows all the rest. What is not well stands first and makes the exit code 1. The keys of the
//! JSON are documented in docs/scheduling.md.

use std::io::Write;
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::log::say;
use crate::place::Place;
use crate::settings::Settings;
use crate::supervise::{Interrupts, Redactor};
use crate::volume::{Holder, Volume};

use jobs::{Job, ScheduleFile};
use login::Login;
use repository::State;
use server::Server;

pub(super) mod jobs;
mod login;
pub(super) mod repository;
mod server;
mod text;

/// The exit code where something is not well.
const NOT_WELL: u8 = 1;

/// Everything that is told.
#[derive(Debug, Serialize)]
struct Status {
    /// Whether all is well.
    ok: bool,
    /// When it was asked.
    at: Timestamp,
    /// What is not well.
    findings: Vec<Finding>,
    /// Where the jobs were read.
    schedule: ScheduleFile,
    jobs: Vec<Job>,
    server: Server,
    scheduler: Scheduler,
    /// `None` where the storage needs no login.
    login: Option<Login>,
    repository: State,
}

/// One thing that is not well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    /// `job`, `schedule`, `server`, `login`, `repository` or `history`.
    about: &'static str,
    /// What is wrong, in one line.
    problem: String,
    /// What to do, where there is something.
    remedy: Option<String>,
}

/// Our own scheduler.
#[derive(Debug, Serialize)]
struct Scheduler {
    running: bool,
    /// The schedule file that it keeps, where it says so.
    file: Option<PathBuf>,
    container: Option<String>,
    host: Option<String>,
    since: Option<String>,
}

/// All that is not well, each thing once.
struct Findings {
    list: Vec<Finding>,
    redactor: Redactor,
}

impl Findings {
    /// Adds one, unless another part has met the same: a storage or a login that fails is met by several.
    ///
    /// What a job has met is the past, and may be over.
    fn add(&mut self, about: &'static str, problem: &str, remedy: Option<&str>) {
        let problem = self.redactor.text(problem).replace("\n  ", " ");
        let mut parts = self.list.iter().filter(|known| known.about != "job");
        let is_same =
            |known: &Finding| known.problem.contains(&problem) || problem.contains(&known.problem);
        if about != "job" && parts.any(is_same) {
            return;
        }
        self.list.push(Finding {
            about,
            problem,
            remedy: remedy.map(|remedy| self.redactor.text(&Place::here().typed(remedy))),
        });
    }

    /// Adds an error, and gives its sentence as it may be seen.
    fn add_error(&mut self, about: &'static str, error: &Error) -> String {
        let text = self.redactor.text(&error.to_string());
        self.add(about, &text, error.remedy().as_deref());
        text
    }
}

pub(super) async fn run(schedule: Option<PathBuf>, json: bool) -> Result<u8> {
    let settings = super::settings()?;
    crate::log::start(settings.logging.warnings_only());
    let mut interrupts = Interrupts::new()?;
    let zone = settings.environment.zone().unwrap_or_else(|error| {
        say(format_args!(
            "cloud-backup: warning: TZ {error}; times are UTC"
        ));
        TimeZone::UTC
    });
    let volume = Volume::open(&settings.home)?;
    let status = find_out(&settings, &volume, schedule, &zone, &mut interrupts).await?;
    let output = if json {
        // Cannot fail: all keys are texts.
        serde_json::to_string_pretty(&status).unwrap_or_default() + "\n"
    } else {
        settings
            .environment
            .redactor()
            .text(&text::text(&status, &zone))
    };
    // Nobody listening is no reason to end otherwise.
    let _ = std::io::stdout().write_all(output.as_bytes());
    Ok(if status.ok { 0 } else { NOT_WELL })
}

async fn find_out(
    settings: &Settings,
    volume: &Volume,
    schedule: Option<PathBuf>,
    zone: &TimeZone,
    interrupts: &mut Interrupts,
) -> Result<Status> {
    let at = Timestamp::now();
    let mut findings = Findings {
        list: Vec::new(),
        redactor: settings.environment.redactor(),
    };
    let holder = volume.scheduler()?;
    let scheduler = Scheduler::of(holder.as_ref());
    let jobs = jobs::find(settings, volume, schedule, &scheduler, zone, at);
    let (schedule, jobs) = interrupts.unless(jobs).await?.told(&mut findings, zone);
    // Before the repository: a keeper that has to be started for it may write the login at the same time.
    let login = interrupts
        .unless(async { Ok(login::find(settings, volume, at).await) })
        .await?;
    let (server, repository) = tokio::join!(
        server::find(settings, volume),
        repository::find(settings, volume, interrupts)
    );
    // The login first: what is wrong with it makes the server unhealthy too.
    let login = login.map(|login| login.told(&mut findings));
    let server = server.told(&mut findings);
    let repository = repository?.told(&mut findings);
    Ok(Status {
        ok: findings.list.is_empty(),
        at,
        findings: findings.list,
        schedule,
        jobs,
        server,
        scheduler,
        login,
        repository,
    })
}

impl Scheduler {
    fn of(holder: Option<&Option<Holder>>) -> Self {
        let signed = holder.and_then(Option::as_ref);
        Self {
            running: holder.is_some(),
            file: signed.and_then(|holder| holder.schedule.clone()),
            container: signed.and_then(|holder| holder.container.clone()),
            host: signed.map(|holder| holder.hostname.clone()),
            since: signed.map(|holder| holder.since.clone()),
        }
    }
}

#[cfg(test)]
mod tests;
