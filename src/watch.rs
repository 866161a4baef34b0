//! The dead man's watch: a job that has not succeeded for longer than its schedule allows, or keeps failing, is told.
//!
//! A job that never starts cannot report it, and a Healthchecks check tells it only where its own schedule was set to
//! the same times. So whoever runs all the time looks into the history: at its start and whenever a job becomes
//! overdue, at least once a day, and wakes up for nothing else but a clock that is set. What it finds is in the log and
//! goes to the job's own check (`/fail`), once, and again each day for as long as it lasts. `standing` decides, `memory`
//! knows what was told, `words` words it.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::clock::Clock;
use crate::error::Error;
use crate::history::{self, Known, Past};
use crate::plan::{self, Plan};
use crate::report::{Deadlines, Delivery, Reporter};
use crate::settings::Settings;
use crate::trust::Trust;
use crate::volume::Volume;

mod memory;
mod standing;
mod words;

use memory::Memory;
pub use standing::{Standing, Terms, known};
pub use words::problem;

/// So long it sleeps where there is no timer.
const HOUR: Duration = Duration::from_hours(1);
/// A history that cannot be read now is tried again after this time.
const PATIENCE: Duration = Duration::from_hours(1);
/// Whatever the clock says, it looks again after this time.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Watches over the jobs of a plan, for whoever runs them.
pub async fn keep(plan: &Plan, settings: &Settings, volume: &Volume) -> Infallible {
    let mut watch = Watch::new(settings, volume);
    tracing::info!("watching over {}", Jobs(plan));
    let mut alarm = Alarm::new();
    loop {
        let next = watch.look(plan, watch.scheduler_runs()).await;
        alarm.wait_until(next).await;
    }
}

/// Watches over the jobs that Ofelia runs, where its file is mounted here too; else there is nothing to do.
///
/// The file is read again at each look, for Ofelia takes a new one without us. Where a scheduler of ours runs on this
/// volume, it watches itself.
pub async fn keep_beside_ofelia(settings: &Settings, volume: &Volume) -> Infallible {
    let file = Path::new(plan::DEFAULT_FILE);
    let mut plan = match Plan::read(file, settings) {
        Ok(plan) => plan,
        Err(Error::ScheduleFile { source, .. }) if source.kind() == ErrorKind::NotFound => {
            return std::future::pending().await;
        }
        Err(error) => {
            let remedy = error.remedy().unwrap_or_default();
            let error = error.to_string().replace("\n  ", " ");
            tracing::warn!("nobody watches whether the jobs run: {error}. {remedy}");
            return std::future::pending().await;
        }
    };
    let mut watch = Watch::new(settings, volume);
    tracing::info!("watching over {}", Jobs(&plan));
    let mut alarm = Alarm::new();
    loop {
        let next = if watch.scheduler_runs() {
            Timestamp::now() + PATIENCE
        } else {
            watch.look(&plan, false).await
        };
        alarm.wait_until(next).await;
        if let Ok(new) = Plan::read(file, settings) {
            plan = new;
        }
    }
}

/// What one who watches works with.
struct Watch<'a> {
    volume: &'a Volume,
    trust: Trust,
    zone: TimeZone,
    memory: Memory,
}

impl<'a> Watch<'a> {
    fn new(settings: &Settings, volume: &'a Volume) -> Self {
        let zone = settings.environment.zone().unwrap_or_else(|error| {
            tracing::warn!("TZ {error}; until then times are UTC");
            TimeZone::UTC
        });
        Self {
            volume,
            trust: settings.trust.clone(),
            zone,
            memory: Memory::default(),
        }
    }

    /// Whether a scheduler of ours runs the jobs; where that cannot be told, less is asked of them.
    fn scheduler_runs(&self) -> bool {
        matches!(self.volume.scheduler(), Ok(Some(_)))
    }

    /// Looks once, tells what there is to tell, and gives the time of the next look.
    async fn look(&mut self, plan: &Plan, scheduler_runs: bool) -> Timestamp {
        let now = Timestamp::now();
        let pasts = match self.pasts(plan, scheduler_runs, now).await {
            Ok(pasts) => pasts,
            Err(error) => {
                tracing::warn!(
                    "cannot tell whether jobs are overdue: the history of runs: {error}"
                );
                return now + PATIENCE;
            }
        };
        let standings: Vec<Standing> = plan
            .jobs
            .iter()
            .zip(pasts)
            .map(|(job, past)| Standing::new(job, past, scheduler_runs, &self.zone, now))
            .collect();
        let names = plan.jobs.iter().map(|job| job.job.name.as_str());
        let (to_tell, next) = self
            .memory
            .look(&names.zip(&standings).collect::<Vec<_>>(), now);
        for place in to_tell {
            self.tell(&plan.jobs[place], &standings[place], scheduler_runs, now)
                .await;
        }
        next
    }

    async fn pasts(
        &self,
        plan: &Plan,
        scheduler_runs: bool,
        now: Timestamp,
    ) -> Result<Vec<Past>, history::Error> {
        let history = self.volume.history();
        let jobs: Vec<Known> = plan.jobs.iter().map(known).collect();
        let is_watched = |job: &plan::Job| job.reports || scheduler_runs;
        let watched: Vec<bool> = plan.jobs.iter().map(is_watched).collect();
        let reading = spawn_blocking(move || {
            let watched = jobs.iter().zip(watched).filter(|(_, watched)| *watched);
            let watched: Vec<_> = watched
                .map(|(job, _)| (job.job.as_str(), job.schedule.as_str()))
                .collect();
            history.know_only(&watched, now)?;
            history.pasts(&jobs, now)
        });
        reading.await.unwrap_or(Err(history::Error::Busy))
    }

    async fn tell(
        &self,
        job: &plan::Job,
        standing: &Standing,
        scheduler_runs: bool,
        now: Timestamp,
    ) {
        let Some(report) = words::report(job, standing, scheduler_runs, &self.zone, now) else {
            return;
        };
        let remedy = report.remedy.as_deref().unwrap_or_default();
        tracing::warn!("{}. {remedy}", report.verdict);
        let reporter = Reporter::new(job.check.clone(), self.trust.clone(), Deadlines::default());
        match reporter.fail(&report).await {
            Delivery::Delivered | Delivery::NotConfigured => (),
            trouble => tracing::warn!("{trouble}"),
        }
    }
}

/// The wall clock to sleep by.
struct Alarm(Option<Clock>);

impl Alarm {
    fn new() -> Self {
        let clock = Clock::new();
        Self(
            clock
                .map_err(|error| tracing::warn!("the watch looks once an hour: no timer: {error}"))
                .ok(),
        )
    }

    /// Sleeps until this time, or until the clock is set, and for a day at most.
    async fn wait_until(&mut self, time: Timestamp) {
        let time = time.min(Timestamp::now() + DAY);
        let slept = match &mut self.0 {
            Some(clock) => clock.sleep_until(Some(time)).await.is_ok(),
            None => false,
        };
        if !slept {
            sleep(HOUR).await;
        }
    }
}

/// How many jobs of which file.
struct Jobs<'a>(&'a Plan);

impl std::fmt::Display for Jobs<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (number, file) = (self.0.jobs.len(), self.0.file.display());
        let plural = if number == 1 { "" } else { "s" };
        write!(f, "{number} job{plural} of {file}")
    }
}

#[cfg(test)]
mod tests;
