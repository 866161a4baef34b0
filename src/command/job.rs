//! What `backup` and `forget` share: one run at a time, its output shown and kept, its end reported.

use std::ffi::OsString;
use std::io::Write;

use crate::error::{Error, Result};
use crate::grace::Grace;
use crate::report::{CheckUrl, Deadlines, Delivery, Report, Reporter};
use crate::repository::{Findings, Repository, Transcript};
use crate::settings::{Checks, Settings};
use crate::supervise::{Interrupts, Tail};
use crate::volume::{Holder, Locking, Volume};

use super::with_repository::with_repository;

/// So much of the output is kept: the largest body that any server takes.
const KEPT_OUTPUT: usize = 1024 * 1024;
/// How long a second try waits for a lock; restic's own bound for waiting.
const LOCK_WAIT: &str = "5m";

/// One kind of scheduled run.
pub(super) struct Job {
    /// restic's command.
    pub verb: &'static str,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// The verdict of a run that did all it should.
    pub success: String,
    /// What the verdict of another run begins with.
    pub subject: String,
    /// Which check hears of it.
    pub check: fn(Checks) -> Option<CheckUrl>,
}

/// A run on its way.
pub(super) struct Run {
    args: Vec<OsString>,
    transcript: Transcript,
}

/// Runs a job from its lock to its report; gives the exit code.
///
/// Every end is reported, also that of a run which never began.
pub(super) async fn run(
    job: Job,
    work: impl AsyncFnOnce(&Repository<'_>, &mut Run, &mut Interrupts) -> Result<()>,
) -> Result<u8> {
    let settings = match super::settings() {
        Ok(settings) => settings,
        Err(error) => {
            let checks = Checks::from_vars(std::env::vars_os());
            let reporter = Reporter::new((job.check)(checks), Deadlines::default());
            deliver(
                reporter,
                &job.report(Err(&error), None),
                Some(error.exit_code()),
            )
            .await;
            return Ok(error.exit_code());
        }
    };
    crate::log::start(settings.logging.warnings_only());
    let reporter = Reporter::new((job.check)(settings.checks.clone()), Deadlines::default());
    match locked(&job, &settings) {
        Ok((volume, _lock)) => perform(job, &settings, &volume, reporter, work).await,
        Err(error @ Error::AlreadyRunning { .. }) => {
            deliver(
                reporter,
                &job.report(Err(&error), Some(&transcript(&settings))),
                None,
            )
            .await;
            Ok(error.exit_code())
        }
        Err(error) => {
            deliver(
                reporter,
                &job.report(Err(&error), Some(&transcript(&settings))),
                Some(error.exit_code()),
            )
            .await;
            Ok(error.exit_code())
        }
    }
}

fn locked(job: &Job, settings: &Settings) -> Result<(Volume, crate::volume::Lock)> {
    let volume = Volume::open(&settings.home)?;
    let args: Vec<String> = job
        .args
        .iter()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    match volume.lock_job(job.verb, &args)? {
        Locking::Ours(lock) => Ok((volume, lock)),
        Locking::Held(holder) => Err(Error::AlreadyRunning {
            holder: Holder::describe(holder.as_ref()),
        }),
    }
}

fn transcript(settings: &Settings) -> Transcript {
    Transcript {
        redactor: settings.environment.redactor(),
        tail: Tail::new(KEPT_OUTPUT),
        findings: Findings::default(),
    }
}

async fn perform(
    job: Job,
    settings: &Settings,
    volume: &Volume,
    mut reporter: Reporter,
    work: impl AsyncFnOnce(&Repository<'_>, &mut Run, &mut Interrupts) -> Result<()>,
) -> Result<u8> {
    let args = [OsString::from(job.verb)]
        .into_iter()
        .chain(job.args.iter().cloned())
        .collect();
    let mut run = Run {
        args,
        transcript: transcript(settings),
    };
    let mut interrupts = Interrupts::new()?;
    reporter.start();
    let end = with_repository(
        settings,
        volume,
        &mut interrupts,
        async |endpoint, interrupts| {
            work(
                &Repository::new(settings, volume, endpoint)?,
                &mut run,
                interrupts,
            )
            .await
        },
    )
    .await;
    let code = end.as_ref().map_or_else(Error::exit_code, |()| 0);
    if matches!(end, Err(Error::Interrupted { .. })) {
        reporter.hurry(Grace::new(settings.stop_grace).report());
    }
    deliver(
        reporter,
        &job.report(end.as_ref().copied(), Some(&run.transcript)),
        Some(code),
    )
    .await;
    Ok(code)
}

/// Tells the result here and to the check; without an exit code it is a note that changes no state.
async fn deliver(reporter: Reporter, report: &Report, code: Option<u8>) {
    eprintln!("cloud-backup: {}", report.verdict);
    if report.tail.is_empty() {
        report.summary.iter().for_each(|line| eprintln!("{line}"));
    }
    if let Some(remedy) = &report.remedy {
        eprintln!("  -> {remedy}");
    }
    let delivery = match code {
        Some(code) => reporter.finish(code, report).await,
        None => reporter.log(report).await,
    };
    match delivery {
        Delivery::NotConfigured | Delivery::Delivered => (),
        trouble => eprintln!("cloud-backup: {trouble}"),
    }
}

impl Job {
    fn report(&self, end: Result<(), &Error>, transcript: Option<&Transcript>) -> Report {
        let redacted = |text: String| match transcript {
            Some(transcript) => transcript.redactor.text(&text),
            None => text,
        };
        let verdict = match end {
            Ok(()) => self.success.clone(),
            Err(error @ Error::AlreadyRunning { .. }) => {
                format!("{} skipped: {error}", self.subject)
            }
            Err(error) => format!("{} failed: {error}", self.subject),
        };
        Report {
            verdict: redacted(verdict),
            remedy: end.err().and_then(Error::remedy).map(str::to_owned),
            summary: transcript
                .map(|transcript| transcript.findings.summary())
                .unwrap_or_default(),
            tail: transcript
                .map(|transcript| transcript.tail.text())
                .unwrap_or_default(),
        }
    }
}

impl Run {
    /// Adds a sentence of our own to the output.
    pub(super) fn say(&mut self, text: &str) {
        let text = format!("cloud-backup: {text}");
        let _ = std::io::stdout().write_all(text.as_bytes());
        self.transcript.tail.push(text.as_bytes());
    }

    /// Runs restic; where the repository is locked, removes stale locks and tries once more, waiting for live ones.
    pub(super) async fn restic_unlocking(
        &mut self,
        repository: &Repository<'_>,
        interrupts: &mut Interrupts,
    ) -> Result<()> {
        let first = repository
            .run(&self.args, &mut self.transcript, interrupts)
            .await;
        let Err(Error::Locked { holder }) = first else {
            return first;
        };
        if repository.unlock_stale().await? {
            self.say(&format!(
                "a stale lock of {holder} was removed, trying again\n"
            ));
        } else {
            self.say(&format!("locked by {holder}, waiting up to {LOCK_WAIT}\n"));
        }
        let mut args = self.args.clone();
        if !args
            .iter()
            .any(|arg| arg.to_string_lossy().starts_with("--retry-lock"))
        {
            args.insert(1, format!("--retry-lock={LOCK_WAIT}").into());
        }
        repository
            .run(&args, &mut self.transcript, interrupts)
            .await
    }
}
