//! One run of a job: waits for its turn, runs the command, keeps what it prints, and tells of ends that the command
//! cannot tell of itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::process::Child;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::grace::Grace;
use crate::history::Attempt;
use crate::plan::Job;
use crate::report::{Deadlines, Report, Reporter};
use crate::trust::Trust;

use super::chronicle::Chronicle;
use super::logs::{Execution, JobSummary, Names, Summary};
use super::output::{Sink, create};
use super::process::{End, spawn, wait};
use super::words;

/// A make-up waits for the server to be ready, but not longer: then it fails with the server's reason.
const READINESS: Duration = Duration::from_mins(10);

/// What all runs share.
#[derive(Debug)]
pub(super) struct Runner {
    pub(super) chronicle: Chronicle,
    pub(super) trust: Trust,
    pub(super) zone: TimeZone,
    pub(super) grace: Grace,
    /// Each run has one of these permits.
    pub(super) turns: Semaphore,
    /// `true` once the server is ready.
    pub(super) ready: watch::Receiver<bool>,
    /// `true` once all must end.
    pub(super) stop: watch::Receiver<bool>,
}

impl Runner {
    /// Runs a job to its end.
    pub(super) async fn run(
        self: Arc<Self>,
        job: Arc<Job>,
        scheduled: Timestamp,
        attempt: Attempt,
    ) -> End {
        let mut stop = self.stop.clone();
        let name = &job.job.name;
        let turn = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => None,
            turn = self.turn(&job, attempt) => turn,
        };
        let Some(_turn) = turn else {
            return End::NotBegun;
        };
        let due = words::time(scheduled, &self.zone);
        tracing::info!("{name}: begins, for {due}");
        let id = Uuid::new_v4();
        let begun = Timestamp::now();
        let clock = Instant::now();
        // A command that reports writes itself.
        let live = if job.reports {
            None
        } else {
            self.chronicle.begin(&job, id, begun).await
        };
        let (end, last_line) = self.perform(&job, scheduled, id, begun).await;
        let took = clock.elapsed();
        Self::tell(&job, &end, &last_line, took);
        if !job.reports {
            let verdict = end.cause().map_or_else(
                || format!("{name} ended well"),
                |cause| format!("{name} failed: {}", with_last_line(&cause, &last_line)),
            );
            self.chronicle
                .end(&job, id, begun, end.code(), verdict)
                .await;
        }
        drop(live);
        if job.reports {
            self.report_in_its_place(&job, &end).await;
        }
        if end.is_broken_off() {
            // Who has told it to end is most likely PID 1, which ends the jobs before it tells us of a stop: those that wait
            // for this turn would only begin to be broken off too.
            let _ = timeout(self.grace.jobs(), stop.wait_for(|stop| *stop)).await;
        }
        end
    }

    /// Waits for the jitter, for the server where it makes up for another run, and for a permit.
    async fn turn(&self, job: &Job, attempt: Attempt) -> Option<SemaphorePermit<'_>> {
        if attempt == Attempt::MakeUp {
            let mut ready = self.ready.clone();
            let _ = timeout(READINESS, ready.wait_for(|ready| *ready)).await;
        }
        tokio::time::sleep(random(job.job.jitter)).await;
        if self.turns.available_permits() == 0 {
            tracing::info!(
                "{}: waits until one of the other jobs has ended",
                job.job.name
            );
        }
        // Fails only for one that was closed.
        self.turns.acquire().await.ok()
    }

    async fn perform(
        &self,
        job: &Job,
        scheduled: Timestamp,
        id: Uuid,
        begun: Timestamp,
    ) -> (End, String) {
        let zoned = begun.to_zoned_datetime(self.zone.clone());
        let folder = job.job.save_folder.as_deref();
        let names = folder.map(|folder| Names::free(folder, &job.job.name, &zoned));
        let clock = Instant::now();
        let (end, last_line) = match spawn(job) {
            Ok(child) => self.attend(job, child, names.as_ref()).await,
            Err(why) => (End::CannotStart(why), String::new()),
        };
        if let Some(names) = &names {
            names.write_summary(&Summary {
                job: JobSummary::of(job),
                execution: Execution {
                    id: id.to_string(),
                    scheduled: scheduled
                        .to_zoned_datetime(self.zone.clone())
                        .strftime("%Y-%m-%dT%H:%M:%S%:z")
                        .to_string(),
                    date: zoned.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string(),
                    duration: u64::try_from(clock.elapsed().as_nanos()).unwrap_or(u64::MAX),
                    failed: end.code() != 0,
                    exit_code: (!matches!(end, End::CannotStart(_))).then(|| end.code()),
                    error: end.cause(),
                },
            });
        }
        (end, last_line)
    }

    /// Keeps the output of a job, and ends it where it does not end by itself; gives its last line of errors too.
    async fn attend(&self, job: &Job, mut child: Child, names: Option<&Names>) -> (End, String) {
        let sink = |file: Option<PathBuf>| {
            let redactor = job.environment.redactor();
            match file.and_then(|file| create(&file)) {
                Some(file) => Sink::file(redactor, file),
                None => Sink::log(redactor, &job.job.name),
            }
        };
        let (ended, end) = watch::channel(false);
        let stdout = child.stdout.take().map(|stream| {
            let sink = sink(names.map(Names::stdout));
            tokio::spawn(sink.drain(stream, end.clone()))
        });
        let stderr = child.stderr.take().map(|stream| {
            let sink = sink(names.map(Names::stderr));
            tokio::spawn(sink.drain(stream, end))
        });
        let how = wait(job, &mut child, self.stop.clone(), self.grace).await;
        ended.send_replace(true);
        let mut last_line = String::new();
        for drained in [stdout, stderr].into_iter().flatten() {
            if let Ok(sink) = drained.await
                && !sink.last_line().is_empty()
            {
                sink.last_line().clone_into(&mut last_line);
            }
        }
        (how, last_line)
    }

    fn tell(job: &Job, end: &End, last_line: &str, took: Duration) {
        let name = &job.job.name;
        let took = words::span(took);
        match end.cause() {
            None => tracing::info!("{name}: ended well after {took}"),
            Some(cause) => {
                let cause = with_last_line(&cause, last_line);
                tracing::warn!("{name}: failed after {took}: {cause}");
            }
        }
    }

    /// Tells the check of a job that was killed, so that it could not do it.
    async fn report_in_its_place(&self, job: &Job, end: &End) {
        let is_mute = match end {
            End::Killed(_) | End::CannotStart(_) => true,
            End::TimedOut { killed, .. } => *killed,
            End::Exited(_) | End::Stopped | End::NotBegun => false,
        };
        let (true, Some(cause)) = (is_mute, end.cause()) else {
            return;
        };
        let mut reporter =
            Reporter::new(job.check.clone(), self.trust.clone(), Deadlines::default());
        if *self.stop.borrow() {
            reporter.hurry(self.grace.report());
        }
        let report = Report {
            verdict: format!("{} failed: {cause}", job.job.name),
            remedy: Some(
                "See what the machine lacks (docker stats, dmesg), and the log of the run."
                    .to_owned(),
            ),
            ..Report::default()
        };
        if let Some(trouble) = reporter.finish(end.code(), &report).await.trouble() {
            tracing::warn!("{}: {trouble}", job.job.name);
        }
    }
}

/// Why a run failed, and its own last words on it, if any.
fn with_last_line(cause: &str, last_line: &str) -> String {
    match last_line {
        "" => cause.to_owned(),
        words => format!("{cause}: {words}"),
    }
}

/// A part of the jitter, by chance.
fn random(jitter: Duration) -> Duration {
    let chance = Uuid::new_v4().as_u64_pair().1 & 0xffff_ffff;
    #[expect(clippy::cast_precision_loss, reason = "32 bits fit")]
    let share = chance as f64 / 4_294_967_296.0;
    jitter.mul_f64(share)
}
