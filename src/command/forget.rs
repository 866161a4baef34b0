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
    let job = Job {
        verb: "forget",
        success: format!("Successful forget {shown}"),
        subject: format!("Forget {shown}"),
        check: |checks| checks.forget,
        args,
    };
    job::run(job, async |repository, run, interrupts| {
        interrupts.unless(repository.require()).await?;
        run.restic_unlocking(repository, interrupts).await
    })
    .await
}
