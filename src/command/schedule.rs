//! `schedule [FILE]`: runs the jobs of the schedule file at their times until it is told to stop, and nothing else.
//!
//! `start-server --schedule FILE` does the same beside the server; both take the scheduler from here.

use std::path::{Path, PathBuf};

use tokio::sync::watch::{Receiver, channel};

use crate::error::{Error, Result};
use crate::plan::{DEFAULT_FILE, Plan};
use crate::scheduler::Scheduler;
use crate::settings::Settings;
use crate::supervise::Interrupts;
use crate::volume::{Holder, Lock, Volume};
use crate::watch;

use super::lock;

pub(super) async fn run(file: Option<PathBuf>) -> Result<u8> {
    let settings = super::settings()?;
    crate::log::start(settings.logging);
    let mut interrupts = Interrupts::new()?;
    let volume = Volume::open(&settings.home)?;
    let file = file.unwrap_or_else(|| DEFAULT_FILE.into());
    // Whether a server is ready is not known here: each job asks for itself.
    let (_sender, ready) = channel(true);
    let mut taken = Taken::new(&file, &settings, &volume, ready).await?;
    let end = tokio::select! {
        signal = interrupts.next() => {
            tracing::info!("stopping on {signal}");
            Ok(0)
        }
        error = taken.keep(&settings, &volume) => Err(error),
    };
    taken.scheduler.stop().await;
    tracing::info!("stopped");
    end
}

/// The scheduler of the volume, and the lock that makes it the only one.
pub(super) struct Taken {
    pub(super) scheduler: Scheduler,
    plan: Plan,
    _lock: Lock,
}

impl Taken {
    /// Takes the lock and the plan of the file, and says what is planned.
    pub(super) async fn new(
        file: &Path,
        settings: &Settings,
        volume: &Volume,
        ready: Receiver<bool>,
    ) -> Result<Self> {
        let plan = Plan::read_all(file, settings)?;
        let mut lock = lock::take(
            || volume.lock_scheduler(),
            |holder| Error::AnotherScheduler {
                holder: Holder::describe(holder),
            },
        )
        .await?;
        if let Err(error) = lock.sign_schedule(file) {
            tracing::warn!("cannot tell in the volume which schedule file this is: {error}");
        }
        let scheduler = Scheduler::new(plan.clone(), settings, volume, ready).await?;
        scheduler.introduce();
        Ok(Self {
            scheduler,
            plan,
            _lock: lock,
        })
    }

    /// Runs the jobs and watches over them; gives the error that ends it.
    pub(super) async fn keep(&mut self, settings: &Settings, volume: &Volume) -> Error {
        tokio::select! {
            error = self.scheduler.keep() => error,
            never = watch::keep(&self.plan, settings, volume) => match never {},
        }
    }
}
