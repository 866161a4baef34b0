//! `restore`: files back from the newest snapshot of this host, or from a chosen one.
//!
//! What it takes and where it puts it is said before it begins; nothing that is there already is written over unless
//! that was said. restic does the work (`restic restore`, 0.18).

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::Restore;
use crate::endpoint::Endpoint;
use crate::error::{Error, Result, said};
use crate::log::say;
use crate::repository::{Amount, Overwrite, Plan, Repository, Snapshot};
use crate::restore::{Failures, Refusal};
use crate::settings::Settings;
use crate::supervise::{Interrupts, Redactor};
use crate::volume::Volume;

use super::with_repository::with_repository;
use choice::{Choice, choose};
use target::Target;

mod again;
mod choice;
pub(super) mod parts;
mod paths;
mod screen;
mod target;

/// How long the list of snapshots may take, which on a new machine are all read from the storage.
const LISTING: Duration = Duration::from_mins(10);
/// How long a second try waits for a lock, as with the jobs.
const LOCK_WAIT: &str = "5m";
/// Where a restore finds itself.
struct Place<'a> {
    settings: &'a Settings,
    zone: TimeZone,
    now: Timestamp,
    /// Whose snapshots are taken, unless another host is asked for.
    host: String,
}

pub(super) async fn run(wish: Restore) -> Result<u8> {
    let settings = super::settings()?;
    crate::log::start(settings.logging.warnings_only());
    let mut interrupts = Interrupts::new()?;
    let volume = Volume::open(&settings.home)?;
    let place = Place {
        settings: &settings,
        // A wrong one is no reason not to restore.
        zone: settings.environment.zone().unwrap_or(TimeZone::UTC),
        now: Timestamp::now(),
        host: own_host(&settings),
    };
    with_repository(
        &settings,
        &volume,
        &mut interrupts,
        async |endpoint, interrupts| restore(&wish, &place, &volume, endpoint, interrupts).await,
    )
    .await
    .map_err(|error| told(error, &wish, &settings))?;
    Ok(0)
}

/// An error as it is one of a restore: what others say of it is about backups.
fn told(error: Error, wish: &Restore, settings: &Settings) -> Error {
    match error {
        // A first backup is what is not wanted now.
        Error::NoRepository { .. } => Refusal::NoRepository {
            remote: settings.remote.to_string(),
        }
        .into(),
        Error::Interrupted { signal } => Refusal::Interrupted {
            signal,
            target: None,
            line: wish.line(),
            instead_of: None,
        }
        .into(),
        Error::Restic {
            code,
            message,
            complaint,
        } => Refusal::Restic {
            code,
            message: said(&message, complaint.as_ref()),
            line: None,
        }
        .into(),
        other => other,
    }
}

/// The host that backups of here have in their snapshots.
pub(super) fn own_host(settings: &Settings) -> String {
    let name = || {
        let name = nix::unistd::gethostname().unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    let set = settings.environment.get("RESTIC_HOST");
    set.map_or_else(name, str::to_owned)
}

async fn restore(
    wish: &Restore,
    place: &Place<'_>,
    volume: &Volume,
    endpoint: &Endpoint,
    interrupts: &mut Interrupts,
) -> Result<()> {
    let repository = interrupts
        .unless(Repository::new(place.settings, volume, endpoint))
        .await?;
    interrupts.unless(repository.require()).await?;
    let snapshots = interrupts.unless(repository.list(LISTING)).await?;
    let choice = choose(&snapshots, wish, place)?;
    screen::choice(&choice, place);
    choice.require_newest(wish)?;
    let mut work = Work {
        repository,
        redactor: place.settings.environment.redactor(),
        wish,
    };
    work.require_paths(choice.snapshot, &snapshots, interrupts)
        .await?;
    let target = Target::of(wish, choice.snapshot, &place.settings.home, place.now)?;
    target.require_safe(wish, &place.settings.home)?;
    work.require_place_for_folders(choice.snapshot, &target, interrupts)
        .await?;
    work.restore(&choice, target, place, interrupts).await
}

/// A restore on its way.
struct Work<'a> {
    repository: Repository<'a>,
    redactor: Redactor,
    wish: &'a Restore,
}

impl Work<'_> {
    /// restic removes what is in the place of a folder, whatever `--overwrite` says of files.
    async fn require_place_for_folders(
        &self,
        snapshot: &Snapshot,
        target: &Target,
        interrupts: &mut Interrupts,
    ) -> Result<()> {
        if !self.wish.overwrite.is_some_and(Overwrite::keeps) {
            return Ok(());
        }
        let paths = choice::asked(self.wish);
        let mut in_the_way = target::InTheWay::new(&target.root);
        for path in paths {
            Path::new(path)
                .ancestors()
                .skip(1)
                .for_each(|folder| in_the_way.look(folder));
        }
        let walk = self.repository.folders(&snapshot.id, paths, |folder| {
            in_the_way.look(Path::new(&folder));
        });
        match interrupts.unless(walk).await {
            Err(Error::Restic {
                code,
                message,
                complaint,
            }) => Err(Error::Restic {
                code,
                complaint,
                message: format!(
                    "its folders cannot be listed to see what is in their place ({message}); --overwrite if-changed, or a \
                     new folder, needs no list"
                ),
            }),
            walk => Ok(walk.and_then(|()| Ok(in_the_way.judge()?))?),
        }
    }

    async fn restore(
        &mut self,
        choice: &Choice<'_>,
        target: Target,
        place: &Place<'_>,
        interrupts: &mut Interrupts,
    ) -> Result<()> {
        let wish = self.wish;
        let mut plan = Plan {
            snapshot: choice.snapshot.id.clone(),
            paths: choice::asked(wish).to_vec(),
            target: target.root.clone(),
            // Where nothing is, nothing that comes meanwhile is written over either.
            overwrite: wish.overwrite.unwrap_or(Overwrite::Never),
            lock_wait: None,
        };
        if wish.dry_run {
            let (amount, failures) = self.would_restore(&mut plan, interrupts).await?;
            if plan.overwrite == Overwrite::Never {
                target.require_room(amount.bytes_restored)?;
            }
            screen::would_be(amount, &target);
            return complete(failures, None);
        }
        // What cannot be restored is told by the restore itself, which does all else.
        let (new, _) = self.not_there_yet(&mut plan, interrupts).await?;
        target.require_room(new.bytes_restored)?;
        target.make()?;
        screen::begin(new, wish.overwrite, &target);
        let mut progress = screen::Progress::of(new);
        let end = self
            .repository
            .restore(&plan, &self.redactor, interrupts, &mut |so_far| {
                progress.show(so_far);
            })
            .await;
        progress.end();
        match end {
            Ok((amount, failures)) if failures.count == 0 => {
                screen::done(amount, &target, &place.settings.home);
                Ok(())
            }
            Ok((_, failures)) => {
                let line = again::after_failures(wish, choice.snapshot, &target, &failures);
                complete(failures, Some(line))
            }
            Err(Error::Interrupted { signal }) => Err(Refusal::Interrupted {
                signal,
                line: again::after_an_end(wish, choice.snapshot, &target),
                target: Some(target.root),
                instead_of: wish
                    .overwrite
                    .filter(|overwrite| overwrite.keeps())
                    .map(Overwrite::as_str),
            }
            .into()),
            Err(Error::Restic {
                code,
                message,
                complaint,
            }) => Err(Refusal::Restic {
                code,
                message: said(&message, complaint.as_ref()),
                line: Some(again::after_failures(
                    wish,
                    choice.snapshot,
                    &target,
                    &Failures::default(),
                )),
            }
            .into()),
            Err(error) => Err(error),
        }
    }

    /// How much is restored that is not there: as much room is needed at the least.
    async fn not_there_yet(
        &mut self,
        plan: &mut Plan,
        interrupts: &mut Interrupts,
    ) -> Result<(Amount, Failures)> {
        let wanted = std::mem::replace(&mut plan.overwrite, Overwrite::Never);
        let amount = self.would_restore(plan, interrupts).await;
        plan.overwrite = wanted;
        amount
    }

    /// The dry run; where the repository is locked stale locks are removed, and live ones waited for.
    async fn would_restore(
        &mut self,
        plan: &mut Plan,
        interrupts: &mut Interrupts,
    ) -> Result<(Amount, Failures)> {
        let first = self
            .repository
            .would_restore(plan, &self.redactor, interrupts)
            .await;
        let Err(Error::Locked { holder }) = first else {
            return first;
        };
        if interrupts.unless(self.repository.unlock_stale()).await? {
            say(format_args!(
                "A stale lock of {holder} was removed, trying again."
            ));
        } else {
            say(format_args!(
                "Locked by {holder}, waiting up to {LOCK_WAIT} ..."
            ));
        }
        plan.lock_wait = Some(LOCK_WAIT);
        self.repository
            .would_restore(plan, &self.redactor, interrupts)
            .await
    }
}

/// An error that names what could not be restored, if there was any.
fn complete(failures: Failures, line: Option<String>) -> Result<()> {
    if failures.count == 0 {
        return Ok(());
    }
    Err(Refusal::Incomplete { failures, line }.into())
}
