//! The schedule file as this container has it: which of its jobs are ours, what each is in the history, where it reports.
//!
//! `schedule` reads the file and knows nothing of containers and environments; here both come together. Ofelia reads
//! the same file, so it may hold jobs of other containers: `schedule` refuses them, `status` and the watch pass over
//! them.

use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;

use crate::error::{Error, Result};
use crate::privileges;
use crate::report::CheckUrl;
use crate::schedule::{self, Kind, Refusal};
use crate::settings::{Checks, Environment, Problem, Settings};

/// Where Ofelia has it, and where the compose files mount it for us too.
pub const DEFAULT_FILE: &str = "/etc/ofelia/config.ini";

/// In bytes: some thousand jobs.
const LONGEST_FILE: u64 = 1024 * 1024;

/// The commands that write themselves to the history and report to a check of their own.
const REPORTING: [Reporting; 6] = [
    Reporting {
        command: "backup",
        variable: "BACKUP_CHECK_URL",
        check: |checks| checks.backup,
    },
    Reporting {
        command: "copy",
        variable: "COPY_CHECK_URL",
        check: |checks| checks.copy,
    },
    Reporting {
        command: "forget",
        variable: "FORGET_CHECK_URL",
        check: |checks| checks.forget,
    },
    Reporting {
        command: "verify",
        variable: "VERIFY_CHECK_URL",
        check: |checks| checks.verify,
    },
    Reporting {
        command: "check-refresh-token",
        variable: "OIDC_TOKEN_CHECK_URL",
        check: |checks| checks.token,
    },
    // Only where it has a check: see command/restic.rs.
    Reporting {
        command: "restic",
        variable: "RESTIC_CHECK_URL",
        check: |checks| checks.restic,
    },
];

/// Where the image has our commands.
const OURS: &str = "/usr/local/bin";

struct Reporting {
    command: &'static str,
    variable: &'static str,
    check: fn(Checks) -> Option<CheckUrl>,
}

/// What the file asks of this container.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The file.
    pub file: PathBuf,
    /// The jobs that run in this container, in the order of the file.
    pub jobs: Vec<Job>,
    /// Where the logs of runs are kept.
    pub save_folder: Option<PathBuf>,
    /// For how many days.
    pub keep_logs_days: Option<u32>,
    /// Why the other jobs cannot run here.
    pub refusals: Vec<Refusal>,
    /// The first backup that is for another container, where none is for this one.
    pub elsewhere: Option<Elsewhere>,
}

/// A job that runs in another container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// The job's name.
    pub job: String,
    /// The container's.
    pub container: String,
}

/// A job that runs in this container.
#[derive(Debug, Clone)]
pub struct Job {
    /// The job as the file has it.
    pub job: schedule::Job,
    /// What it has as its environment: the container's, and the lines of the job.
    pub environment: Environment,
    /// Its command in the history.
    pub command: String,
    /// Its arguments in the history: without secrets.
    pub args: Vec<String>,
    /// Whether its command writes itself to the history, and reports.
    pub reports: bool,
    /// Where it reports.
    pub check: Option<CheckUrl>,
    /// Why it does not report where it was told to.
    pub check_problem: Option<Problem>,
    /// The same in words, or why it is not told from another job.
    pub warning: Option<String>,
}

impl Plan {
    /// Reads a schedule file; an error has all that is wrong with it, but for jobs that are not ours.
    pub fn read(file: &Path, settings: &Settings) -> Result<Self> {
        let (plan, refusals) = Self::with_refusals(file, settings)?;
        plan.unless(refusals)
    }

    /// The same for who is to run all jobs of the file: one that cannot run here is an error too.
    pub fn read_all(file: &Path, settings: &Settings) -> Result<Self> {
        let (mut plan, mut refusals) = Self::with_refusals(file, settings)?;
        refusals.append(&mut plan.refusals);
        refusals.sort_by_key(|refusal| refusal.line);
        plan.unless(refusals)
    }

    fn unless(self, refusals: Vec<Refusal>) -> Result<Self> {
        if refusals.is_empty() {
            return Ok(self);
        }
        Err(Error::Schedule {
            file: self.file,
            refusals,
        })
    }

    /// The jobs that are ours, and what is wrong with the file.
    fn with_refusals(file: &Path, settings: &Settings) -> Result<(Self, Vec<Refusal>)> {
        let bytes = read(file).map_err(|source| Error::ScheduleFile {
            file: file.to_owned(),
            source,
        })?;
        let (plan, wrong) = schedule::file::read(&bytes);
        let elsewhere = backup_elsewhere(&plan.jobs, &settings.container);
        let mut refusals = Vec::new();
        let mut jobs: Vec<Job> = plan
            .jobs
            .into_iter()
            .filter_map(|job| {
                let refusal = refusal(&job, settings);
                let is_ours = refusal.is_none();
                refusals.extend(refusal);
                is_ours.then(|| Job::new(job, &settings.environment))
            })
            .collect();
        warn_of_twins(&mut jobs);
        let plan = Self {
            file: file.to_owned(),
            jobs,
            save_folder: plan.save_folder,
            keep_logs_days: plan.keep_logs_days,
            refusals,
            elsewhere,
        };
        Ok((plan, wrong))
    }
}

/// The first backup that is for another container than ours, where none is for ours.
fn backup_elsewhere(jobs: &[schedule::Job], ours: &str) -> Option<Elsewhere> {
    let is_backup = |job: &&schedule::Job| {
        reporting(&job.command)
            .0
            .is_some_and(|known| known.command == "backup")
    };
    let mut first = None;
    for job in jobs.iter().filter(is_backup) {
        match &job.kind {
            Kind::Exec { container, .. } if container != ours => {
                first.get_or_insert_with(|| Elsewhere {
                    job: job.name.clone(),
                    container: schedule::shown(container),
                });
            }
            _ => return None,
        }
    }
    first
}

/// The history knows a run by its command and arguments, not by the job's name.
fn warn_of_twins(jobs: &mut [Job]) {
    for place in 1..jobs.len() {
        let (before, after) = jobs.split_at_mut(place);
        let job = &mut after[0];
        let is_twin = |other: &&Job| other.command == job.command && other.args == job.args;
        if let Some(other) = before.iter().find(is_twin) {
            let words = format!(
                "has the same command as {}: status and the watch take a run of one of them for a run of both; another \
                 argument tells them apart",
                other.job.name
            );
            job.warning = Some(match job.warning.take() {
                Some(warning) => format!("{warning}; {words}"),
                None => words,
            });
        }
    }
}

/// All of the file, which may turn out to be a device without an end.
fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut beginning = std::fs::File::open(file)?.take(LONGEST_FILE + 1);
    beginning.read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST_FILE {
        return Err(std::io::Error::new(
            std::io::ErrorKind::FileTooLarge,
            "it is longer than a megabyte",
        ));
    }
    Ok(bytes)
}

/// Why a job cannot run in this container.
fn refusal(job: &schedule::Job, settings: &Settings) -> Option<Refusal> {
    let Kind::Exec {
        container,
        user,
        line,
    } = &job.kind
    else {
        return None;
    };
    let ours = &settings.container;
    if container != ours {
        return Some(Refusal {
            line: *line,
            message: format!(
                "container is {}, and jobs run in {ours} here: write container = {ours}, leave the job to Ofelia, or set \
                 CONTAINER_NAME where this container has that name",
                schedule::shown(container)
            ),
        });
    }
    // A job without a user is root's for Ofelia, and our commands go on as the image's user by themselves.
    let us = privileges::user_name(&settings.environment);
    let goes_on_as_us = reporting(&job.command).0.is_some();
    let user = user
        .as_deref()
        .filter(|user| !(is_us(user, &us) || *user == "root" && goes_on_as_us))?;
    Some(Refusal {
        line: job.line,
        message: format!(
            "user is {}, and nobody but {us} runs jobs here: write user = {us}",
            schedule::shown(user)
        ),
    })
}

/// Whether `user`, a name or a number, perhaps with a group, is who we are.
fn is_us(user: &str, our_name: &str) -> bool {
    let user = user.split(':').next().unwrap_or_default();
    user == our_name || user.parse() == Ok(nix::unistd::geteuid().as_raw())
}

impl Job {
    fn new(job: schedule::Job, container: &Environment) -> Self {
        let lines = job
            .environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose_secret()));
        let environment = container.with(lines);
        let redactor = environment.redactor();
        let (reporting, words) = reporting(&job.command);
        let args = environment
            .told_args(words)
            .iter()
            .map(|word| redactor.text(word))
            .collect();
        let (check, check_problem) = reporting.map_or((None, None), |reporting| {
            let vars = environment.all();
            let vars = vars.map(|(name, value)| (OsString::from(name), OsString::from(value)));
            let (checks, warnings) = Checks::read(vars);
            let is_its = |problem: &&Problem| {
                let variable = problem.variable();
                variable.strip_suffix("_FILE").unwrap_or(variable) == reporting.variable
            };
            let problem = warnings.iter().find(is_its).cloned();
            ((reporting.check)(checks), problem)
        });
        Self {
            command: match reporting {
                Some(reporting) => reporting.command.to_owned(),
                None => redactor.text(job.command.first().map_or("", String::as_str)),
            },
            args,
            reports: reporting.is_some_and(|reporting| {
                reporting.command != "restic" || check.is_some() && restic_reports(words)
            }),
            check,
            warning: check_problem.as_ref().map(ToString::to_string),
            check_problem,
            environment,
            job,
        }
    }
}

/// Which reporting command the words are, if any, and its arguments.
fn reporting(words: &[String]) -> (Option<&'static Reporting>, &[String]) {
    let Some((program, rest)) = words.split_first() else {
        return (None, words);
    };
    let find = |name: &str| REPORTING.iter().find(|known| known.command == name);
    let (folder, name) = program.rsplit_once('/').unwrap_or((OURS, program));
    if folder != OURS {
        // A script of the user's own may have the name of one of our commands.
        return (None, rest);
    }
    match (find(name), rest) {
        (Some(found), _) => (Some(found), rest),
        (None, [verb, args @ ..]) if name == "cloud-backup" => match find(verb) {
            Some(found) => (Some(found), args),
            None => (None, rest),
        },
        (None, _) => (None, rest),
    }
}

/// Whether `restic` with these arguments is a job that reports where it has a check; what only a person does is none.
#[must_use]
pub fn restic_reports(args: &[impl AsRef<OsStr>]) -> bool {
    !args
        .iter()
        .any(|arg| matches!(arg.as_ref().to_str(), Some("init" | "unlock")))
}

#[cfg(test)]
mod tests;
