//! The settings, names that were meant to be some, the host name; the schedule file.

use std::path::Path;

use crate::command::status::jobs::read_plan;
use crate::place::Place;
use crate::plan::{self, Plan};
use crate::settings::{self, Destination, Problem, Settings, unknown};
use crate::volume::{Volume, container_id};

use super::finding::Finding;
use super::ledger::Look;

/// How many characters of a container's id Docker gives it as its host name.
const SHORT_ID: usize = 12;

/// The problems of settings that make no configuration, and what may be meant by other names.
pub(super) fn wrong<'a>(problems: &[Problem], names: impl IntoIterator<Item = &'a str>) -> Look {
    let mut findings: Vec<Finding> = problems
        .iter()
        .map(|problem| Finding::Setting(problem.to_string()))
        .collect();
    findings.extend(misnamed(names, None));
    Look::of(findings, "")
}

/// What settings that work leave to be said; `plan` may name the host too.
pub(super) fn look(settings: &Settings, plan: Option<&Plan>) -> Look {
    let names = settings.environment.all().map(|(name, _)| name);
    let mut findings: Vec<Finding> = misnamed(names, None).collect();
    if let Err(message) = settings.environment.zone() {
        findings.push(Finding::Setting(format!("TZ {message}")));
    }
    findings.extend(host_name(settings, plan));
    let what = match &settings.login {
        Some(login) if login.service.is_some() => "the storage of the service client",
        Some(_) => "the storage of the login",
        None => "storage without a login",
    };
    let which = match settings.destination {
        Destination::First => "",
        Destination::Copy => "the second destination, ",
    };
    Look::of(findings, format!("{}, {which}{what}", settings.remote))
}

fn misnamed<'a>(
    names: impl IntoIterator<Item = &'a str>,
    job: Option<&str>,
) -> impl Iterator<Item = Finding> {
    unknown(names)
        .into_iter()
        .map(move |settings::Unknown { name, near }| Finding::Name {
            name,
            near,
            job: job.map(str::to_owned),
        })
}

/// That the host name is one for each container, unless the snapshots get another one.
fn host_name(settings: &Settings, plan: Option<&Plan>) -> Option<Finding> {
    const HOST: &str = "RESTIC_HOST";
    if Place::here() == Place::Host {
        return None;
    }
    let id = container_id()?;
    let name = nix::unistd::gethostname().ok()?;
    let name = name.to_str()?;
    let is_given = settings.environment.get(HOST).is_some();
    let mut backups = plan
        .iter()
        .flat_map(|plan| &plan.jobs)
        .filter(|job| is_backup(job));
    let all_given = plan.is_some() && backups.all(|job| job.environment.get(HOST).is_some());
    let is_id = name.len() == SHORT_ID && id.starts_with(name);
    (is_id && !is_given && !all_given).then(|| Finding::HostName {
        name: name.to_owned(),
    })
}

/// Whether a job of ours makes snapshots.
pub(super) fn is_backup(job: &plan::Job) -> bool {
    job.command == "backup"
}

/// The schedule file: where the jobs are read, and what of it is wrong.
pub(super) fn schedule(settings: &Settings, volume: Option<&Volume>) -> (Look, Option<Plan>) {
    if Place::here() == Place::Host {
        return (
            Look::passed("a host has its own schedule (crontab -l)"),
            None,
        );
    }
    let scheduler = volume.and_then(|volume| volume.scheduler().ok()?);
    let kept = scheduler.flatten().and_then(|holder| holder.schedule);
    match read_plan(settings, None, kept.as_deref()) {
        Ok((Some(plan), _)) => {
            let findings = plan.jobs.iter().flat_map(|job| {
                let names = job.job.environment.iter().map(|(name, _)| name.as_str());
                misnamed(names, Some(&job.job.name)).collect::<Vec<_>>()
            });
            let elsewhere = plan.elsewhere.iter().map(|job| Finding::ScheduleElsewhere {
                job: job.job.clone(),
                container: job.container.clone(),
                ours: settings.container.clone(),
            });
            let findings = findings.chain(elsewhere);
            let jobs = match plan.jobs.len() {
                1 => "1 job".to_owned(),
                several => format!("{several} jobs"),
            };
            let good = format!("{jobs} in {}", plan.file.display());
            (Look::of(findings.collect(), good), Some(plan))
        }
        Ok((None, Some(error))) | Err(error) => (Look::found(Finding::Schedule(error)), None),
        Ok((None, None)) => {
            let place = Path::new(plan::DEFAULT_FILE).display();
            (
                Look::passed(format!("no schedule file is mounted at {place}")),
                None,
            )
        }
    }
}
