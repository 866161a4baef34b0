//! The scheduler's part of the history: its records, and the runs of jobs that do not write themselves.
//!
//! What goes wrong with it is a warning: a job runs all the same.

use jiff::Timestamp;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::history::{self, Beginning, End, History, Live, Scheduled};
use crate::plan::Job;
use crate::repository::Figures;

/// A run that was left out has the code of one that was skipped (`docs/exit-codes.md`).
const LEFT_OUT: u8 = 75;

/// Writes to the history of a volume, each call within its patience.
#[derive(Debug, Clone)]
pub(super) struct Chronicle(pub(super) History);

impl Chronicle {
    /// The records of these jobs; where there are none to be had, they begin now.
    pub(super) async fn scheduled(&self, jobs: &[&Job], now: Timestamp) -> Vec<Scheduled> {
        let keys: Vec<(String, String)> = jobs.iter().map(|job| key(job)).collect();
        let read = self
            .with(
                "what is due cannot be read, and counts from now",
                move |history| {
                    let keys: Vec<(&str, &str)> = keys
                        .iter()
                        .map(|(job, schedule)| (job.as_str(), schedule.as_str()))
                        .collect();
                    history.scheduled(&keys, now)
                },
            )
            .await;
        read.unwrap_or_else(|| {
            let new = Scheduled {
                anchor: now,
                done: now,
                attempt: None,
            };
            vec![new; jobs.len()]
        })
    }

    /// Keeps the records of these jobs.
    pub(super) async fn keep(&self, records: Vec<(&Job, Scheduled)>) {
        let records: Vec<_> = records
            .into_iter()
            .map(|(job, record)| (key(job), record))
            .collect();
        let what =
            "which runs are done is not kept: after a restart one may come twice or not at all";
        self.with(what, move |history| {
            let records: Vec<_> = records
                .iter()
                .map(|((job, schedule), record)| (job.as_str(), schedule.as_str(), *record))
                .collect();
            history.set_scheduled(&records)
        })
        .await;
    }

    /// Writes that a run began; what it gives is to be held until its end is written.
    pub(super) async fn begin(&self, job: &Job, id: Uuid, started: Timestamp) -> Option<Live> {
        let run = beginning(job, id, started);
        self.with(NOT_WRITTEN, move |history| history.begin(&run))
            .await
    }

    /// Writes how a run ended.
    pub(super) async fn end(
        &self,
        job: &Job,
        id: Uuid,
        started: Timestamp,
        exit_code: u8,
        verdict: String,
    ) {
        let run = beginning(job, id, started);
        let end = End {
            at: Timestamp::now(),
            exit_code,
            verdict,
            skipped: None,
            figures: Figures::default(),
        };
        self.with(NOT_WRITTEN, move |history| history.end(&run, &end))
            .await;
    }

    /// Writes that a run was left out.
    pub(super) async fn left_out(&self, job: &Job, why: String) {
        let now = Timestamp::now();
        let run = beginning(job, Uuid::new_v4(), now);
        let end = End {
            at: now,
            exit_code: LEFT_OUT,
            verdict: why.clone(),
            skipped: Some(why),
            figures: Figures::default(),
        };
        self.with(NOT_WRITTEN, move |history| history.end(&run, &end))
            .await;
    }

    async fn with<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&History) -> Result<T, history::Error> + Send + 'static,
    ) -> Option<T> {
        let history = self.0.clone();
        // Fails only for a task that panicked.
        let done = spawn_blocking(move || work(&history)).await.ok()?;
        done.map_err(|error| tracing::warn!("{what}: {error}")).ok()
    }
}

const NOT_WRITTEN: &str = "a run is not in the history of runs, or not whole";

fn key(job: &Job) -> (String, String) {
    (job.job.name.clone(), job.job.schedule.to_string())
}

fn beginning(job: &Job, id: Uuid, started: Timestamp) -> Beginning {
    Beginning {
        id,
        command: job.command.clone(),
        args: job.args.clone(),
        started_by: Some(super::STARTED_BY.to_owned()),
        dry_run: false,
        started,
    }
}
