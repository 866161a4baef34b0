//! `backup ARGUMENTS`: `restic backup ARGUMENTS`, on a repository that is made where there provably is none.

use std::ffi::OsString;

use crate::error::{Error, Result};
use crate::repository::Repository;

use super::job::{self, Job, Run};

mod sources;

pub(super) async fn run(args: Vec<OsString>) -> Result<u8> {
    let job = Job {
        verb: "backup",
        success: format!("Successful backup of {}", sources::describe(&args)),
        subject: format!("Backup of {}", sources::describe(&args)),
        check: |checks| checks.backup,
        args,
    };
    job::run(job, async |repository, run| {
        if repository.ensure().await? {
            run.say("no repository was there: one was initialised\n");
        }
        match run.restic_unlocking(repository).await {
            // restic saw none where there was one a moment ago: the proof decides again, once.
            Err(Error::NoRepository { .. }) => again(repository, run).await?,
            end => end?,
        }
        if let Err(error) = repository.pin_if_new().await {
            run.say(&format!(
                "warning: the repository's id is not kept in the volume: {error}\n"
            ));
        }
        Ok(())
    })
    .await
}

async fn again(repository: &Repository<'_>, run: &mut Run) -> Result<()> {
    repository.ensure().await?;
    run.restic_unlocking(repository).await
}
