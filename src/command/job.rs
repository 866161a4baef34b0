//! What `backup`, `copy`, `forget`, `verify` and watched commands of restic share: one run at a time, its output shown and kept, its end reported.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use nix::sys::signal::Signal;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::grace::Grace;
use crate::history::PATIENCE;
use crate::log::Logging;
use crate::report::{CheckUrl, Deadlines, Report, Reporter};
use crate::repository::{Figures, Findings, Repository, Transcript};
use crate::settings::{Checks, Environment, Settings, variables};
use crate::supervise::{Content, Interrupts, Redactor, Tail};
use crate::volume::{Holder, Locking, Volume};

use super::deliver::deliver;
use super::record::Record;
use super::with_repository::with_repository;

/// So much of the output is kept: the largest body that any server takes.
const KEPT_OUTPUT: usize = 1024 * 1024;
/// How long each further try waits for a lock: restic's own bound for waiting.
const LOCK_WAIT: &str = "30s";
/// So many further tries there are: five minutes. Between two of them the lock of a run that was killed can be removed as
/// soon as nobody else is at work.
const LOCK_TRIES: usize = 10;

/// The verb of jobs whose arguments have restic's command too.
pub(super) const RESTIC: &str = "restic";

/// One kind of scheduled run.
pub(super) struct Job {
    /// Our command: it is restic's of the same name, unless it is [`RESTIC`].
    pub verb: &'static str,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// The verdict of a run that did all it should.
    pub success: String,
    /// What the verdict of another run begins with.
    pub subject: String,
    /// Whether it only says what it would do: then it is no success of the job either.
    pub dry_run: bool,
    /// Which check hears of it.
    pub check: fn(Checks) -> Option<CheckUrl>,
}

/// A run on its way.
pub(super) struct Run {
    args: Vec<OsString>,
    transcript: Transcript,
    /// The verdict of a success that has more to tell than what it was asked for.
    success: Option<String>,
    /// The figures of a run that restic does not tell all of.
    figures: Option<Figures>,
    /// What a person should see of a run however it ended.
    notes: Vec<String>,
    /// The last run of the same job was killed, and may have left its lock in the repository.
    was_killed: bool,
}

/// Runs a job from its lock to its report; gives the exit code.
///
/// Every end is reported, also that of a run which never began.
pub(super) async fn run(
    job: Job,
    work: impl AsyncFnOnce(&Repository<'_>, &mut Run, &mut Interrupts) -> Result<()>,
) -> Result<u8> {
    let mut interrupts = Interrupts::new()?;
    let settings = match super::settings() {
        Ok(settings) => settings,
        Err(error) => {
            crate::log::start(Logging::default());
            let environment = Environment::from_vars(variables());
            let reporter = Reporter::new(
                (job.check)(Checks::from_vars(variables())),
                environment.trust().unwrap_or_default(),
                Deadlines::default(),
            );
            let record = job.record(&environment.home(), reporter.run(), &environment);
            let nothing = transcript(environment.redactor());
            return Ok(refuse(&job, reporter, record, &error, &nothing, &mut interrupts).await);
        }
    };
    crate::log::start(settings.logging.warnings_only());
    let reporter = Reporter::new(
        (job.check)(settings.checks.clone()),
        settings.trust.clone(),
        Deadlines::default(),
    );
    let record = job.record(&settings.home, reporter.run(), &settings.environment);
    match locked(&job, &settings) {
        Ok((volume, lock)) => {
            let end = perform(
                job,
                Place {
                    settings: &settings,
                    volume: &volume,
                    was_killed: lock.was_left(),
                },
                reporter,
                record,
                &mut interrupts,
                work,
            )
            .await;
            lock.release();
            end
        }
        Err(error) => {
            let nothing = transcript(settings.environment.redactor());
            Ok(refuse(&job, reporter, record, &error, &nothing, &mut interrupts).await)
        }
    }
}

/// The end of a run that never began: a failure, or a note where the same job is at it already.
async fn refuse(
    job: &Job,
    reporter: Reporter,
    record: Record,
    error: &Error,
    nothing: &Transcript,
    interrupts: &mut Interrupts,
) -> u8 {
    let code = error.exit_code();
    let is_note = matches!(error, Error::AlreadyRunning { .. });
    let report = job.report(Err(error), nothing);
    let skipped = is_note.then(|| nothing.redactor.text(&error.to_string()));
    let delivery = deliver(
        reporter,
        &report,
        (!is_note).then_some(code),
        interrupts,
        Grace::default(),
    );
    let writing = record.end(code, &report, skipped, Figures::default(), PATIENCE);
    tokio::join!(delivery, writing);
    code
}

fn locked(job: &Job, settings: &Settings) -> Result<(Volume, crate::volume::Lock)> {
    let volume = Volume::open(&settings.home)?;
    match volume.lock_job(job.verb, &job.args(&settings.environment))? {
        Locking::Ours(lock) => Ok((volume, lock)),
        Locking::Held(holder) => Err(Error::AlreadyRunning {
            holder: Holder::describe(holder.as_ref()),
        }),
    }
}

fn transcript(redactor: Redactor) -> Transcript {
    Transcript {
        redactor,
        tail: Tail::new(KEPT_OUTPUT),
        findings: Findings::default(),
    }
}

/// Where a run finds itself.
struct Place<'a> {
    settings: &'a Settings,
    volume: &'a Volume,
    /// The last run of the same job was killed.
    was_killed: bool,
}

async fn perform(
    mut job: Job,
    place: Place<'_>,
    mut reporter: Reporter,
    mut record: Record,
    interrupts: &mut Interrupts,
    work: impl AsyncFnOnce(&Repository<'_>, &mut Run, &mut Interrupts) -> Result<()>,
) -> Result<u8> {
    let Place {
        settings,
        volume,
        was_killed,
    } = place;
    let verb = (job.verb != RESTIC).then(|| OsString::from(job.verb));
    let mut run = Run {
        args: verb.into_iter().chain(job.args.iter().cloned()).collect(),
        transcript: transcript(settings.environment.redactor()),
        success: None,
        figures: None,
        notes: Vec::new(),
        was_killed,
    };
    record.begin();
    if !job.dry_run {
        reporter.start();
    }
    let end = with_repository(
        settings,
        volume,
        interrupts,
        async |endpoint, interrupts| {
            work(
                &interrupts
                    .unless(Repository::new(settings, volume, endpoint))
                    .await?,
                &mut run,
                interrupts,
            )
            .await
        },
    )
    .await;
    let code = end.as_ref().map_or_else(Error::exit_code, |()| 0);
    let grace = Grace::new(settings.stop_grace);
    let mut patience = PATIENCE;
    if end.as_ref().is_err_and(Error::is_hurried) {
        reporter.hurry(grace.report());
        patience = grace.report();
    }
    job.success = run.success.take().unwrap_or(job.success);
    let mut report = job.report(end.as_ref().copied(), &run.transcript);
    report.summary.splice(0..0, run.notes);
    let of_restic = run.transcript.findings.figures();
    let figures = run.figures.unwrap_or_else(|| of_restic.clone());
    let writing = record.end(code, &report, None, figures, patience);
    let delivery = deliver(
        reporter,
        &report,
        (!job.dry_run).then_some(code),
        interrupts,
        grace,
    );
    // Beside each other: neither has time to wait for the other at a stop.
    tokio::join!(delivery, writing);
    Ok(code)
}

impl Job {
    /// A verification uploads nothing.
    fn remedy<'e>(&self, error: &'e Error) -> Option<Cow<'e, str>> {
        match error {
            Error::Interrupted {
                signal: Signal::SIGALRM,
            } if self.verb == "verify" => Some(
                "Nothing was changed; the next run begins anew. Let it read less (--read-data-subset), or give the job a \
                 longer timeout in the schedule file."
                    .into(),
            ),
            Error::Interrupted { .. } if self.verb == "verify" => {
                Some("Nothing was changed; the next run begins anew.".into())
            }
            error => error.remedy(),
        }
    }

    fn args(&self, environment: &Environment) -> Vec<String> {
        let args = self.args.iter();
        let args: Vec<String> = args.map(|arg| arg.to_string_lossy().into_owned()).collect();
        environment.told_args(&args)
    }

    fn record(&self, home: &Path, run: Uuid, environment: &Environment) -> Record {
        Record::new(home, run, self.verb, &self.args(environment), environment)
            .dry_run(self.dry_run)
    }

    fn report(&self, end: Result<(), &Error>, transcript: &Transcript) -> Report {
        let verdict = match end {
            Ok(()) => self.success.clone(),
            Err(error @ Error::AlreadyRunning { .. }) => {
                format!("{} skipped: {error}", self.subject)
            }
            Err(error) => format!("{} failed: {error}", self.subject),
        };
        Report {
            verdict: transcript.redactor.text(&verdict),
            remedy: end
                .err()
                .and_then(|error| self.remedy(error))
                .map(|remedy| transcript.redactor.text(&remedy)),
            summary: transcript.findings.summary(),
            tail: transcript.tail.text(),
        }
    }
}

impl Run {
    /// Adds a sentence of our own to the output; it may quote restic.
    pub(super) fn say(&mut self, text: &str) {
        let text = self.transcript.redactor.text(text);
        let text = format!("cloud-backup: {text}");
        let _ = std::io::stdout().write_all(text.as_bytes());
        self.transcript.tail.push(text.as_bytes());
    }

    /// Removes the lock that a killed run of the same job has left; a backup of restic would leave it to the next forget.
    pub(super) async fn unlock_left(
        &mut self,
        repository: &Repository<'_>,
        interrupts: &mut Interrupts,
    ) -> Result<()> {
        if !self.was_killed {
            return Ok(());
        }
        // Where it cannot be removed, the backup works all the same, or tells why it does not.
        let unlock = async { Ok(repository.unlock_stale().await.unwrap_or(false)) };
        if interrupts.unless(unlock).await? {
            self.say("the last run was killed: the lock that it has left was removed\n");
        }
        Ok(())
    }

    /// Adds a sentence of our own to the first lines of the report, and to the output.
    pub(super) fn note(&mut self, text: &str) {
        self.say(&format!("{text}\n"));
        self.notes.push(self.transcript.redactor.text(text));
    }

    /// The first snapshot that restic was asked for and has not found.
    pub(super) fn ignored(&self) -> Option<&str> {
        self.transcript.findings.ignored()
    }

    /// The verdict, where the run ends well.
    pub(super) fn succeed(&mut self, verdict: String) {
        self.success = Some(verdict);
    }

    /// The figures for the history, where restic does not tell them.
    pub(super) fn count(&mut self, figures: Figures) {
        self.figures = Some(figures);
    }

    /// Runs the job's restic, as [`Self::restic`] does.
    pub(super) async fn restic_unlocking(
        &mut self,
        repository: &Repository<'_>,
        interrupts: &mut Interrupts,
    ) -> Result<()> {
        let args = self.args.clone();
        self.restic(args, repository, interrupts).await
    }

    /// Runs restic; where the repository is locked, removes stale locks and waits for live ones.
    pub(super) async fn restic(
        &mut self,
        args: Vec<OsString>,
        repository: &Repository<'_>,
        interrupts: &mut Interrupts,
    ) -> Result<()> {
        self.restic_for(args, repository, interrupts, None).await
    }

    /// The same for the content that restic writes; nothing of it comes while the repository is locked.
    pub(super) async fn restic_for(
        &mut self,
        first: Vec<OsString>,
        repository: &Repository<'_>,
        interrupts: &mut Interrupts,
        mut content: Option<&mut Content<'_>>,
    ) -> Result<()> {
        let mut args = first.clone();
        let mut tries = LOCK_TRIES;
        if args
            .iter()
            .any(|arg| arg.to_string_lossy().starts_with("--retry-lock"))
        {
            tries = 1;
        } else {
            args.insert(1, format!("--retry-lock={LOCK_WAIT}").into());
        }
        let mut end = repository
            .run(
                &first,
                &mut self.transcript,
                interrupts,
                content.as_deref_mut(),
            )
            .await;
        let mut before = None;
        for _ in 0..tries {
            let Err(Error::Locked { holder }) = &end else {
                break;
            };
            let holder = holder.clone();
            // One "locked" after the other tells no more than the last one.
            if let Some(length) = before {
                self.transcript.tail.cut(length);
            }
            if interrupts.unless(repository.unlock_stale()).await? {
                self.say(&format!(
                    "a stale lock of {holder} was removed, trying again\n"
                ));
            } else if before.is_none() {
                self.say(&format!("locked by {holder}, waiting up to 5m\n"));
            }
            before = Some(self.transcript.tail.length());
            end = repository
                .run(
                    &args,
                    &mut self.transcript,
                    interrupts,
                    content.as_deref_mut(),
                )
                .await;
        }
        end
    }
}
