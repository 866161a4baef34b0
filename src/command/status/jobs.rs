//! The jobs' part of `status`: those of the schedule file, else those that the history knows.

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::{Findings, Scheduler};
use crate::error::{Error, Result};
use crate::history::{self, History, Known, Past, Run, State};
use crate::moment::date_and_time;
use crate::plan::{self, Plan};
use crate::settings::Settings;
use crate::volume::Volume;
use crate::watch::{self, Standing};

/// Without a schedule file, the jobs are those that ran within this time.
const RECENT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Where the jobs were read.
#[derive(Debug, Serialize)]
pub(super) struct ScheduleFile {
    /// The file; `None` where there is none, and the jobs are those of the history's last 30 days.
    pub file: Option<PathBuf>,
    /// Why it is not used.
    pub problem: Option<String>,
    /// Its jobs that are not this container's, by line.
    pub passed_over: Vec<String>,
}

/// One job.
#[derive(Debug, Serialize)]
pub(super) struct Job {
    /// Its name in the schedule file; without one, its command.
    pub name: String,
    pub command: String,
    pub args: Vec<String>,
    pub schedule: Option<String>,
    /// Whether its runs are written to the history, so that it can be told how it stands.
    pub watched: bool,
    /// Since when a run is on its way.
    pub running_since: Option<Timestamp>,
    /// The newest run that is over.
    pub last_run: Option<LastRun>,
    /// When the last success ended.
    pub last_success: Option<Timestamp>,
    pub failed_in_a_row: u32,
    /// `None` where it is not known: without a schedule file, and for `@every` under Ofelia.
    pub next_run: Option<Timestamp>,
    /// From when on it is overdue unless it succeeds.
    pub overdue_from: Option<Timestamp>,
    pub overdue: bool,
    pub keeps_failing: bool,
}

/// A run that is over.
#[derive(Debug, Serialize)]
pub(super) struct LastRun {
    pub started: Timestamp,
    /// `None` where it was broken off.
    pub ended: Option<Timestamp>,
    pub result: Outcome,
    pub exit_code: Option<u8>,
    pub verdict: Option<String>,
    pub started_by: Option<String>,
}

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    Success,
    Failure,
    Skipped,
    BrokenOff,
}

/// What was found out.
pub(super) struct Found {
    file: ScheduleFile,
    /// What is wrong with a file that was not asked for by name.
    error: Option<Error>,
    jobs: Result<Vec<(Option<plan::Job>, Known, Standing)>, history::Error>,
    now: Timestamp,
}

/// The only errors are those of a file that was asked for by name.
pub(super) async fn find(
    settings: &Settings,
    volume: &Volume,
    named: Option<PathBuf>,
    scheduler: &Scheduler,
    zone: &TimeZone,
    now: Timestamp,
) -> Result<Found> {
    let (plan, error) = read_plan(settings, named, scheduler.file.as_deref())?;
    let file = ScheduleFile {
        file: plan.as_ref().map(|plan| plan.file.clone()),
        problem: error.as_ref().map(ToString::to_string),
        passed_over: plan.as_ref().map_or_else(Vec::new, |plan| {
            plan.refusals.iter().map(ToString::to_string).collect()
        }),
    };
    let history = volume.history();
    let planned = plan.map(|plan| plan.jobs);
    let known: Option<Vec<Known>> = planned
        .as_ref()
        .map(|jobs| jobs.iter().map(watch::known).collect());
    let reading = spawn_blocking(move || {
        let known = match known {
            Some(known) => known,
            None => recent(&history, now)?,
        };
        let pasts = history.pasts(&known, now)?;
        Ok(known.into_iter().zip(pasts).collect::<Vec<_>>())
    });
    let read = reading.await.unwrap_or(Err(history::Error::Busy));
    let jobs = read.map(|jobs| {
        let mut planned = planned.unwrap_or_default().into_iter();
        jobs.into_iter()
            .map(|(known, past)| {
                let job = planned.next();
                let standing = standing(job.as_ref(), past, scheduler.running, zone, now);
                (job, known, standing)
            })
            .collect()
    });
    Ok(Found {
        file,
        error,
        jobs,
        now,
    })
}

/// The schedule file that holds here, or what is wrong with it: the one that was named, else the one that the running
/// scheduler has said it keeps, else the default. The only errors are those of a named one.
pub(in crate::command) fn read_plan(
    settings: &Settings,
    named: Option<PathBuf>,
    kept: Option<&Path>,
) -> Result<(Option<Plan>, Option<Error>)> {
    if let Some(file) = named {
        return Ok((Some(Plan::read(&file, settings)?), None));
    }
    // The scheduler's own may be in another container alone.
    let kept = kept.filter(|file| file.is_file());
    let file = kept.unwrap_or(Path::new(plan::DEFAULT_FILE));
    match Plan::read(file, settings) {
        Ok(plan) => Ok((Some(plan), None)),
        Err(Error::ScheduleFile { source, .. })
            if source.kind() == std::io::ErrorKind::NotFound =>
        {
            Ok((None, None))
        }
        Err(error) => Ok((None, Some(error))),
    }
}

/// The jobs that ran lately, in the order of their first run.
fn recent(history: &History, now: Timestamp) -> Result<Vec<Known>, history::Error> {
    let from = now.checked_sub(RECENT).unwrap_or(Timestamp::MIN);
    let mut jobs: Vec<Known> = Vec::new();
    for Run { beginning: run, .. } in history.since(from)? {
        let is_known = |job: &Known| job.command == run.command && job.args == run.args;
        if !run.dry_run && !jobs.iter().any(is_known) {
            jobs.push(Known {
                job: String::new(),
                schedule: String::new(),
                command: run.command,
                args: run.args,
            });
        }
    }
    Ok(jobs)
}

fn standing(
    job: Option<&plan::Job>,
    past: Past,
    scheduler_runs: bool,
    zone: &TimeZone,
    now: Timestamp,
) -> Standing {
    match job {
        Some(job) => Standing::new(job, past, scheduler_runs, zone, now),
        None => Standing::unplanned(past),
    }
}

impl Found {
    pub(super) fn told(self, findings: &mut Findings, zone: &TimeZone) -> (ScheduleFile, Vec<Job>) {
        if let Some(error) = &self.error {
            findings.add_error("schedule", error);
        }
        let jobs = match self.jobs {
            Ok(jobs) => jobs,
            Err(error) => {
                let problem = format!("the history of runs cannot be read: {error}");
                findings.add("history", &problem, None);
                Vec::new()
            }
        };
        let jobs = jobs
            .into_iter()
            .map(|(planned, known, standing)| {
                let name = name(&known);
                let problem = match &planned {
                    Some(job) => watch::problem(job, &standing, zone, self.now),
                    None => None,
                };
                let failure = || {
                    let run = standing.past.last_failure.as_ref()?;
                    Some(format!(
                        "{name} failed, {}: {}",
                        date_and_time(run.beginning.started, zone),
                        verdict(run)
                    ))
                };
                if let Some(problem) = problem.or_else(failure) {
                    let last = standing.past.last_failure.as_ref().map(verdict);
                    let last = last.filter(|last| !problem.ends_with(last));
                    let remedy = last.map(|last| format!("Its last run: {last}"));
                    findings.add("job", &problem, remedy.as_deref());
                }
                Job::new(name, planned.as_ref(), known, standing)
            })
            .collect();
        (self.file, jobs)
    }
}

fn name(known: &Known) -> String {
    if known.job.is_empty() {
        known.command.clone()
    } else {
        known.job.clone()
    }
}

fn verdict(run: &Run) -> &str {
    run.end()
        .map_or("it was broken off", |end| end.verdict.as_str())
}

impl Job {
    fn new(name: String, planned: Option<&plan::Job>, known: Known, standing: Standing) -> Self {
        let past = standing.past;
        let success = past.last_success.as_ref().and_then(Run::end);
        Self {
            name,
            command: known.command,
            args: known.args,
            schedule: planned.map(|job| job.job.schedule.to_string()),
            watched: planned.is_none() || standing.terms.is_some(),
            running_since: past.running.map(|run| run.beginning.started),
            last_success: success.map(|end| end.at),
            last_run: past.last.map(LastRun::new),
            failed_in_a_row: past.failed_in_a_row,
            next_run: standing.next,
            overdue_from: standing.terms.and_then(|terms| terms.overdue_from),
            overdue: standing.terms.is_some_and(|terms| terms.is_overdue),
            keeps_failing: standing.keeps_failing,
        }
    }
}

impl LastRun {
    fn new(run: Run) -> Self {
        let (started, started_by) = (run.beginning.started, run.beginning.started_by);
        let State::Ended(end) = run.state else {
            return Self {
                started,
                ended: None,
                result: Outcome::BrokenOff,
                exit_code: None,
                verdict: None,
                started_by,
            };
        };
        Self {
            started,
            ended: Some(end.at),
            result: match (&end.skipped, end.exit_code) {
                (Some(_), _) => Outcome::Skipped,
                (None, 0) => Outcome::Success,
                (None, _) => Outcome::Failure,
            },
            exit_code: Some(end.exit_code),
            verdict: Some(end.verdict),
            started_by,
        }
    }
}
