//! `verify`: the proof that backups can be restored. A sampled share of the data is read by `restic check`; random files of
//! the newest snapshot are brought back and compared with their source; and one of the last run is brought back once more.
//!
//! Nothing is written to the repository, see docs/architecture.md ("The proof that backups can be restored").

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::repository::{File, Repository, Snapshot};
use crate::restore::shown;
use crate::supervise::Interrupts;

use super::job::{self, Job, Run};

use canary::Canary;
use choice::Choice;
use compare::{Compared, Outcome};
use retrieval::{Retriever, reading};
use words::Verified;

mod canary;
mod choice;
mod compare;
mod hash;
mod retrieval;
mod words;
mod workplace;

/// The least that `restic check` needs for its cache, in bytes.
const CACHE: u64 = 16 * 1024 * 1024;
/// restic may take so long to list the snapshots.
const LISTING: Duration = Duration::from_mins(5);

pub(super) async fn run(subset: String, args: Vec<OsString>) -> Result<u8> {
    let job = Job {
        verb: "verify",
        // What it comes to is known at its end.
        success: "Verified".to_owned(),
        subject: "Verification".to_owned(),
        dry_run: false,
        check: |checks| checks.verify,
        args,
    };
    job::run(job, async |repository, run, interrupts| {
        interrupts.unless(repository.require()).await?;
        // restic check tries for a quarter of an hour to keep its cache on a full disk, and keeps backups out meanwhile.
        workplace::require_room(&std::env::temp_dir(), CACHE)?;
        check(&subset, repository, run, interrupts).await?;
        let list = repository.list(LISTING);
        let all = interrupts.unless(list).await?;
        let candidates = newest(&repository.host(), &all)?;
        let kept = repository.volume().canary(repository.remote());
        let canary = Canary::read(&kept);
        let is_there = |canary: &Canary| all.iter().any(|known| known.id == canary.snapshot);
        let plan = Plan {
            is_there: canary.as_ref().is_some_and(is_there),
            canary,
            candidates,
        };
        let (verified, snapshot) = prove(subset, &plan, repository, run, interrupts).await?;
        // One that is damaged is asked for again, for as long as its snapshot is there.
        let canary = verified.canary.as_ref();
        if canary.is_none_or(|returned| returned.is_equal) {
            keep(&kept, snapshot, &verified.files, run);
        }
        let wrong = verified.wrong();
        if !wrong.is_empty() {
            return Err(Error::Unequal { files: wrong });
        }
        run.succeed(verified.verdict(repository.remote()));
        Ok(())
    })
    .await
}

/// What is brought back.
struct Plan {
    /// Files of one of them, of the first that has some to bring back; there is one.
    candidates: Vec<Snapshot>,
    /// The file of the last run, and whether its own snapshot is there.
    canary: Option<Canary>,
    is_there: bool,
}

async fn check(
    subset: &str,
    repository: &Repository<'_>,
    run: &mut Run,
    interrupts: &mut Interrupts,
) -> Result<()> {
    let args = ["check".to_owned(), format!("--read-data-subset={subset}")];
    run.restic(args.map(Into::into).into(), repository, interrupts)
        .await
        .map_err(|error| said_by("restic check", error))
}

/// restic's last words with what it was asked for: here it is asked for several things.
fn said_by(whom: &str, error: Error) -> Error {
    match error {
        Error::Restic {
            code,
            message,
            complaint,
        } => Error::Restic {
            code,
            message: format!("{whom}: {message}"),
            complaint,
        },
        other => other,
    }
}

/// The newest snapshot of this host; where several jobs back up directories of their own, that of each, in an order of
/// chance.
fn newest(host: &str, all: &[Snapshot]) -> Result<Vec<Snapshot>> {
    let ours = all.iter().filter(|snapshot| snapshot.hostname == host);
    let mut newest = choice::newest(ours.cloned());
    if newest.is_empty() {
        let others = all.iter().map(|snapshot| shown(&snapshot.hostname));
        let others: BTreeSet<String> = others.collect();
        return Err(Error::NoSnapshot {
            host: host.to_owned(),
            others: others.into_iter().collect(),
        });
    }
    fastrand::shuffle(&mut newest);
    Ok(newest)
}

/// What is brought back of a snapshot.
struct Draw<'a> {
    snapshot: &'a Snapshot,
    files: Vec<File>,
    /// The canary is in it as it was.
    has_canary: bool,
}

/// Draws files of the first snapshot that has some to bring back.
async fn draw<'a>(
    plan: &'a Plan,
    repository: &Repository<'_>,
    interrupts: &mut Interrupts,
) -> Result<Draw<'a>> {
    let mut drawn = None;
    for snapshot in &plan.candidates {
        let mut choice = Choice::new(plan.canary.as_ref().map(|canary| canary.file.clone()));
        let walk = repository.files(&snapshot.id, |file| choice.see(file));
        interrupts
            .unless(walk)
            .await
            .map_err(|error| said_by("restic ls", error))?;
        let (files, has_canary) = choice.chosen();
        let is_enough = !files.is_empty();
        drawn = Some(Draw {
            snapshot,
            files,
            has_canary,
        });
        if is_enough {
            break;
        }
    }
    drawn.ok_or(Error::NoSnapshot {
        host: repository.host(),
        others: Vec::new(),
    })
}

/// Brings back random files of a snapshot, and the canary, and compares them; gives that snapshot too.
async fn prove<'a>(
    subset: String,
    plan: &'a Plan,
    repository: &Repository<'_>,
    run: &mut Run,
    interrupts: &mut Interrupts,
) -> Result<(Verified, &'a Snapshot)> {
    let Draw {
        snapshot,
        files,
        has_canary,
    } = draw(plan, repository, interrupts).await?;
    let newest = has_canary.then_some(&snapshot.id);
    let canary = plan.canary.clone();
    let canary = canary.and_then(|canary| canary.restorable(plan.is_there, newest));
    workplace::remove_left(&std::env::temp_dir());

    let mut verified = Verified::new(subset, snapshot.short_id.clone());
    let mut retriever = Retriever {
        repository,
        run,
        interrupts,
    };
    let size = files.iter().map(|file| file.size).sum();
    let back = retriever.bring(&snapshot.id, files).await?;
    let paths = snapshot.paths.clone();
    verified.files = reading(size, retriever.interrupts, move || {
        back.into_iter()
            .map(|file| compare::with_source(file, &paths))
            .collect()
    })
    .await?;
    if let Some(canary) = canary {
        let files = vec![canary.file.clone()];
        let back = retriever.bring(&canary.snapshot, files).await?;
        let sha256 = back.first().and_then(|file| file.sha256.as_ref());
        verified.canary = Some(canary.compare(sha256));
    }
    Ok((verified, snapshot))
}

/// Keeps one of the files that are equal as the next run's canary; that it cannot be kept is no failure.
fn keep(to: &Path, snapshot: &Snapshot, files: &[Compared], run: &mut Run) {
    let equal = files.iter().find_map(|compared| match &compared.outcome {
        Outcome::Equal { sha256 } => Some((compared.file.clone(), sha256.clone())),
        _ => None,
    });
    let Some((file, sha256)) = equal else {
        return;
    };
    let canary = Canary {
        kept: Timestamp::now(),
        snapshot: snapshot.id.clone(),
        file,
        sha256,
    };
    if let Err(error) = canary.write(to) {
        run.say(&format!(
            "warning: no file is kept in mind for the next run: {error}\n"
        ));
    }
}
