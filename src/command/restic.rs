//! `restic ARGUMENTS`: the real restic on our repository, its streams and its exit code untouched.
//!
//! Where `RESTIC_CHECK_URL` is set and nobody sits at a terminal it is a job as `backup` is one, with a report.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::time::SystemTime;

use crate::error::Result;
use crate::plan::restic_reports;
use crate::repository::Repository;
use crate::settings::{Checks, variables};
use crate::supervise::Interrupts;
use crate::volume::Volume;

use super::dry_run;
use super::job::{self, Job};
use super::pass_through;
use super::with_repository::with_repository;

/// Commands of restic that need no repository: they work before anything is configured.
const WITHOUT_REPOSITORY: [&str; 5] = ["version", "help", "generate", "options", "self-update"];

pub(super) async fn run(args: Vec<OsString>) -> Result<u8> {
    if needs_no_repository(&args) {
        return pass_through::bare("restic", args).await;
    }
    if is_watched(&args) {
        return watched(args).await;
    }
    let settings = super::settings()?;
    crate::log::start(settings.logging.warnings_only());
    let volume = Volume::open(&settings.home)?;
    let mut interrupts = Interrupts::new()?;
    with_repository(
        &settings,
        &volume,
        &mut interrupts,
        async |endpoint, interrupts| {
            let repository = interrupts
                .unless(Repository::new(&settings, &volume, endpoint))
                .await?;
            let is_init = args.iter().any(|arg| arg == "init");
            // Beside a first backup that makes one there would be two.
            let _lock = if is_init {
                Some(interrupts.unless(volume.lock_init()).await?)
            } else {
                None
            };
            if removes_stale_locks(&args) {
                repository.exclude_others()?;
            }
            let begun = SystemTime::now();
            let code = pass_through::run(&repository.invocation(args.clone()), interrupts).await?;
            if code != 0
                && let Some(complaint) = repository.complaint(begun)
            {
                crate::log::say(format_args!("cloud-backup: the storage says: {complaint}"));
            }
            // The repository that the user has made is the one to find from now on.
            if code == 0
                && is_init
                && let Err(error) = repository.pin().await
            {
                crate::log::say(format_args!(
                    "cloud-backup: warning: the repository's id is not kept in the volume: {error}"
                ));
            }
            Ok(code)
        },
    )
    .await
}

/// Whether somebody is to be told.
fn is_watched(args: &[OsString]) -> bool {
    Checks::from_vars(variables()).restic.is_some()
        && !std::io::stdout().is_terminal()
        && restic_reports(args)
}

async fn watched(args: Vec<OsString>) -> Result<u8> {
    let words: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
    let subject = format!("restic {}", words.join(" "));
    let job = Job {
        verb: job::RESTIC,
        success: format!("Successful {subject}"),
        subject,
        dry_run: dry_run::is_asked_for(&args),
        check: |checks| checks.restic,
        args,
    };
    job::run(job, async |repository, run, interrupts| {
        interrupts.unless(repository.require()).await?;
        run.restic_unlocking(repository, interrupts).await
    })
    .await
}

/// `restic unlock`, which takes the lock of another container of our host name for stale; `--remove-all` judges nothing.
fn removes_stale_locks(args: &[OsString]) -> bool {
    args.iter().any(|arg| arg == "unlock") && !args.iter().any(|arg| arg == "--remove-all")
}

fn needs_no_repository(args: &[OsString]) -> bool {
    args.first()
        .is_none_or(|first| WITHOUT_REPOSITORY.iter().any(|verb| first == verb))
        || pass_through::asks_for_help(args)
}
