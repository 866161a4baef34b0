//! `forget ARGUMENTS`: `restic forget ARGUMENTS` on a repository that must be there.

use std::ffi::OsString;

use crate::error::Result;

use super::job::{self, Job};

pub(super) async fn run(args: Vec<OsString>) -> Result<u8> {
    let shown = args
        .iter()
        .map(|arg| arg.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ");
    let dry_run = job::is_dry_run(&args);
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
        run.restic_unlocking(repository, interrupts).await
    })
    .await
}
