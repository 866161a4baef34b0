//! `forget ARGUMENTS`: `restic forget ARGUMENTS` on a repository that must be there, and whether it left too much.

use std::ffi::OsString;

use crate::error::{Error, Result};
use crate::repository::{Repository, Retention};
use crate::supervise::Interrupts;

use super::dry_run;
use super::job::{self, Job, Run};

mod policy;

pub(super) async fn run(args: Vec<OsString>) -> Result<u8> {
    let shown = args
        .iter()
        .map(|arg| arg.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ");
    let dry_run = dry_run::is_asked_for(&args);
    let retention = policy::retention(&args);
    let job = Job {
        verb: "forget",
        success: if dry_run {
            format!("Dry run of forget {shown}: nothing was removed")
        } else {
            format!("Successful forget {shown}")
        },
        subject: format!("Forget {shown}"),
        dry_run,
        check: |checks| checks.forget,
        args,
    };
    job::run(job, async |repository, run, interrupts| {
        interrupts.unless(repository.require()).await?;
        run.restic_unlocking(repository, interrupts).await?;
        if dry_run {
            return Ok(());
        }
        count(repository, &retention, run, interrupts).await
    })
    .await
}

/// Whether more snapshots are left than there should be; that nobody knows is said, and is no failure.
async fn count(
    repository: &Repository<'_>,
    retention: &Retention,
    run: &mut Run,
    interrupts: &mut Interrupts,
) -> Result<()> {
    match interrupts.unless(repository.surplus(retention)).await {
        Ok(None) => Ok(()),
        Ok(Some(surplus)) => Err(Error::TooManySnapshots(Box::new(surplus))),
        Err(error @ Error::Interrupted { .. }) => Err(error),
        Err(error) => {
            run.say(&format!(
                "warning: whether too many snapshots are left is not known: {error}\n"
            ));
            Ok(())
        }
    }
}
