//! `copy ARGUMENTS`: `restic copy ARGUMENTS` from the repository to the second destination, which is made where it provably
//! is not there yet.
//!
//! The first is read as every job does it, through the running server; the second through an rclone of this run's own.

use std::ffi::OsString;
use std::time::{Duration, SystemTime};

use crate::error::{Error, Result};
use crate::repository::{Figures, Repository};
use crate::settings::Settings;
use crate::size::bytes;
use crate::supervise::Interrupts;

use super::job::{self, Job, Run};
use super::with_repository::with_own_repository;

/// What the second destination holds before and after is counted within this time, or not at all.
const COUNTING: Duration = Duration::from_secs(30);

pub(super) async fn run(args: Vec<OsString>) -> Result<u8> {
    let job = Job {
        verb: "copy",
        success: "Successful copy".to_owned(),
        subject: "Copy".to_owned(),
        dry_run: false,
        check: |checks| checks.copy,
        args,
    };
    job::run(job, async |repository, run, interrupts| {
        let second = repository.settings().second()?;
        interrupts.unless(repository.require()).await?;
        let id = interrupts.unless(repository.id()).await?;
        with_own_repository(
            &second,
            repository.volume(),
            interrupts,
            async |endpoint, interrupts| {
                let copies = repository.copying_to(&second, endpoint)?;
                prepare(&copies, &id, run, interrupts).await?;
                // Whose failure it is from here on is known where the second storage has complained.
                let begun = SystemTime::now();
                let end = copy(&copies, repository, run, interrupts).await;
                Ok(end.map_err(|error| match copies.complaint(begun) {
                    Some(_) => at_second(error, &second),
                    None => error,
                }))
            },
        )
        .await
        .unwrap_or_else(|error| Err(at_second(error, &second)))
    })
    .await
}

/// The second repository, there and open to our password, and another one than the first with this `id`.
async fn prepare(
    copies: &Repository<'_>,
    id: &str,
    run: &mut Run,
    interrupts: &mut Interrupts,
) -> Result<()> {
    if interrupts.unless(copies.ensure()).await? {
        run.say(&format!(
            "no repository was at {}: one was initialised\n",
            copies.remote()
        ));
    }
    // Two names may be of one place: by a link, an alias of rclone, another address.
    if interrupts.unless(copies.id()).await? == id {
        return Err(Error::SameRepository);
    }
    interrupts.unless(copies.pin_if_new()).await?;
    run.unlock_left(copies, interrupts).await
}

async fn copy(
    copies: &Repository<'_>,
    first: &Repository<'_>,
    run: &mut Run,
    interrupts: &mut Interrupts,
) -> Result<()> {
    let extent = async || Ok(copies.extent(COUNTING).await);
    let before = interrupts.unless(extent()).await?;
    run.restic_unlocking(copies, interrupts).await?;
    let after = interrupts.unless(extent()).await?;
    if let Some(ignored) = run.ignored() {
        return Err(Error::NothingCopied {
            why: format!("there is no snapshot {ignored}"),
        });
    }
    if after.0 == Some(0) && interrupts.unless(has_snapshots(first)).await? {
        return Err(Error::NothingCopied {
            why: "no snapshot is one of those that are asked for".to_owned(),
        });
    }
    let added = before.1.zip(after.1);
    let added = added.map(|(before, after)| after.saturating_sub(before));
    run.count(Figures {
        bytes_added: added,
        ..Figures::default()
    });
    run.succeed(verdict(copies.remote(), (before.0, after.0), added));
    Ok(())
}

async fn has_snapshots(repository: &Repository<'_>) -> Result<bool> {
    let (count, _) = repository.extent(COUNTING).await;
    Ok(count.is_some_and(|count| count > 0))
}

/// By what the lists of the second destination told before and after.
fn verdict(remote: &str, snapshots: (Option<usize>, Option<usize>), added: Option<u64>) -> String {
    let mut words = Vec::new();
    if let (Some(before), Some(after)) = snapshots {
        let copied = after.saturating_sub(before);
        let plural = if copied == 1 { "" } else { "s" };
        words.push(format!("{copied} snapshot{plural} copied"));
        words.extend(added.map(|added| format!("{} added", bytes(added))));
        words.push(format!("{after} there in all"));
    }
    let words = if words.is_empty() {
        "how much was copied is not known".to_owned()
    } else {
        words.join(", ")
    };
    format!("Successful copy to {remote}: {words}")
}

/// What failed there and not at the first; but a stop is one of the whole run.
pub(super) fn at_second(error: Error, second: &Settings) -> Error {
    match error {
        stop @ Error::Interrupted { .. } => stop,
        because => Error::AtSecond {
            remote: second.remote.to_string(),
            because: Box::new(because),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_has_what_is_known() {
        let said = |snapshots, added| verdict("nas:b/", snapshots, added);
        assert_eq!(
            said((Some(2), Some(3)), Some(2048)),
            "Successful copy to nas:b/: 1 snapshot copied, 2.0 KiB added, 3 there in all"
        );
        assert_eq!(
            said((Some(3), Some(3)), None),
            "Successful copy to nas:b/: 0 snapshots copied, 3 there in all"
        );
        assert_eq!(
            said((None, Some(3)), Some(2048)),
            "Successful copy to nas:b/: how much was copied is not known"
        );
    }
}
