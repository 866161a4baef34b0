//! `backup ARGUMENTS`: `restic backup ARGUMENTS`, on a repository that is made where there provably is none.

use std::ffi::OsString;

use crate::error::{Error, Result};
use crate::repository::Repository;
use crate::supervise::Interrupts;

use super::dry_run;
use super::job::{self, Job, Run};
use super::quota;

pub(super) mod sources;

pub(super) async fn run(args: Vec<OsString>) -> Result<u8> {
    let sources = sources::named(&args);
    let dry_run = dry_run::is_asked_for(&args);
    let what = sources::describe(&args);
    let job = Job {
        verb: "backup",
        success: if dry_run {
            format!("Dry run of a backup of {what}: nothing was stored")
        } else {
            format!("Successful backup of {what}")
        },
        subject: format!("Backup of {what}"),
        dry_run,
        check: |checks| checks.backup,
        args,
    };
    job::run(job, async |repository, run, interrupts| {
        prepare(repository, run, interrupts).await?;
        run.unlock_left(repository, interrupts).await?;
        let mut end = run.restic_unlocking(repository, interrupts).await;
        if matches!(end, Err(Error::NoRepository { .. })) {
            // restic saw none where there was one a moment ago: the proof decides again, once.
            prepare(repository, run, interrupts).await?;
            end = run.restic_unlocking(repository, interrupts).await;
        }
        // A snapshot that lacks files is one of this repository too.
        let stored = matches!(end, Ok(()) | Err(Error::Incomplete { .. }));
        if stored && let Err(error) = interrupts.unless(repository.pin_if_new()).await {
            run.say(&format!(
                "warning: the repository's id is not kept in the volume: {error}\n"
            ));
        }
        if stored && !dry_run {
            // Neither a failure nor a signal here is the backup's.
            let look = async { Ok(quota::warning(repository).await) };
            if let Ok(Some(warning)) = interrupts.unless(look).await {
                run.note(&warning);
            }
        }
        end?;
        // With --quiet restic does not say how many files it found.
        if sources::are_empty(&sources) {
            return Err(Error::NothingFound);
        }
        Ok(())
    })
    .await
}

async fn prepare(
    repository: &Repository<'_>,
    run: &mut Run,
    interrupts: &mut Interrupts,
) -> Result<()> {
    if interrupts.unless(repository.ensure()).await? {
        run.say("no repository was there: one was initialised\n");
    }
    Ok(())
}
