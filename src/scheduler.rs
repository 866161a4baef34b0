//! Runs the jobs of the schedule file at their times, as Ofelia would, without its right to start anything anywhere.
//!
//! `agenda` decides what is due, `crate::clock` sleeps until then, `run` does one run of a job by a `process`,
//! `chronicle` keeps the records, `logs` and `output` the files of runs. One task a run; at most [`AT_ONCE`] commands at
//! once, in the order in which they came due.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, timeout, timeout_at};

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::grace::Grace;
use crate::history::Scheduled;
use crate::plan::{Job, Plan};
use crate::report::{Deadlines, Report, Reporter};
use crate::schedule::Timetable;
use crate::settings::Settings;
use crate::volume::Volume;

mod agenda;
mod chronicle;
mod logs;
mod output;
mod process;
mod run;
mod words;

use agenda::{Action, Agenda, Note};
use chronicle::Chronicle;
use process::End;
use run::Runner;

/// So many commands run at the same time; the others wait for their turn.
const AT_ONCE: usize = 8;
/// How the runs say in the history what started them.
const STARTED_BY: &str = "the schedule";
/// Old logs are looked for once a day.
const DAY: Duration = Duration::from_hours(24);

/// The scheduler of one volume.
#[derive(Debug)]
pub struct Scheduler {
    jobs: Vec<Arc<Job>>,
    agenda: Agenda,
    /// The records as they are in the volume.
    kept: Vec<Scheduled>,
    clock: Clock,
    runner: Arc<Runner>,
    runs: JoinSet<(usize, End)>,
    notes: JoinSet<()>,
    stop: watch::Sender<bool>,
    logs: OldLogs,
}

impl Scheduler {
    /// Takes up the plan; `ready` is `true` once the server is, for which make-ups wait.
    ///
    /// Refuses folders that take no logs. The caller holds the scheduler's lock, and the plan has no refusals.
    pub async fn new(
        plan: Plan,
        settings: &Settings,
        volume: &Volume,
        ready: watch::Receiver<bool>,
    ) -> Result<Self> {
        let logs = OldLogs::of(&plan);
        logs.folders
            .iter()
            .try_for_each(|folder| logs::require(folder))?;
        let zone = settings.zone()?;
        let chronicle = Chronicle(volume.history());
        let jobs: Vec<Arc<Job>> = plan.jobs.into_iter().map(Arc::new).collect();
        let now = Timestamp::now();
        let kept = {
            let jobs: Vec<&Job> = jobs.iter().map(Arc::as_ref).collect();
            chronicle.scheduled(&jobs, now).await
        };
        let entry = |(job, record): (&Arc<Job>, &Scheduled)| {
            let schedule = job.job.schedule.clone();
            let timetable = Timetable::new(schedule, zone.clone(), record.anchor);
            (timetable, job.job.catch_up, *record)
        };
        let agenda = Agenda::new(jobs.iter().zip(&kept).map(entry));
        let (stop, stopped) = watch::channel(false);
        Ok(Self {
            runner: Arc::new(Runner {
                chronicle,
                trust: settings.trust.clone(),
                zone,
                grace: Grace::new(settings.stop_grace),
                turns: Semaphore::new(AT_ONCE),
                ready,
                stop: stopped,
            }),
            jobs,
            agenda,
            kept,
            clock: Clock::new().map_err(|source| Error::System {
                what: "making a timer",
                source,
            })?,
            runs: JoinSet::new(),
            notes: JoinSet::new(),
            stop,
            logs,
        })
    }

    /// Says what is planned.
    pub fn introduce(&self) {
        let zone = &self.runner.zone;
        let now = Timestamp::now();
        let next = self.agenda.next(now).map_or_else(
            || "none is due ever again".to_owned(),
            |next| format!("the next is due at {}", words::time(next.max(now), zone)),
        );
        let name = zone.iana_name().unwrap_or("the local time zone");
        let jobs = match self.jobs.len() {
            1 => "1 job is".to_owned(),
            count => format!("{count} jobs are"),
        };
        tracing::info!("{jobs} scheduled, in {name}: {next}");
        for job in &self.jobs {
            if let Some(warning) = &job.warning {
                tracing::warn!("{}: {warning}", job.job.name);
            }
        }
    }

    /// Runs what is due, until this future is dropped or the clock fails; [`Self::stop`] must follow.
    pub async fn keep(&mut self) -> Error {
        loop {
            let now = Timestamp::now();
            let actions = self.agenda.look(now);
            self.keep_records().await;
            for action in actions {
                self.act(action);
            }
            let next = self.agenda.next(now);
            tokio::select! {
                slept = self.clock.sleep_until(next) => if let Err(source) = slept {
                    return Error::System { what: "waiting for the next job", source };
                },
                Some(ended) = self.runs.join_next() => {
                    self.ended(ended);
                    self.keep_records().await;
                    self.logs.remove();
                }
                Some(_) = self.notes.join_next() => (),
            }
        }
    }

    /// Ends the jobs, and gives them their grace.
    pub async fn stop(mut self) {
        let grace = self.runner.grace;
        let until = Instant::now() + grace.jobs();
        self.stop.send_replace(true);
        while let Ok(Some(ended)) = timeout_at(until, self.runs.join_next()).await {
            self.ended(ended);
        }
        // What still runs has no end in its record, and is made up.
        self.keep_records().await;
        let notes = async { while self.notes.join_next().await.is_some() {} };
        let _ = timeout(grace.report(), notes).await;
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Start {
                job: number,
                scheduled,
                attempt,
            } => {
                let run = self.runner.clone();
                let job = self.jobs[number].clone();
                self.runs
                    .spawn(async move { (number, run.run(job, scheduled, attempt).await) });
            }
            Action::Tell { job, note } => self.tell(self.jobs[job].clone(), &note),
        }
    }

    /// Says a note in the log, and to the check and the history of the job.
    fn tell(&mut self, job: Arc<Job>, note: &Note) {
        let text = words::note(&job.job.name, note, &self.runner.zone);
        tracing::warn!("{text}");
        let is_left_out = words::is_left_out(note);
        let runner = self.runner.clone();
        self.notes.spawn(async move {
            if is_left_out {
                runner.chronicle.left_out(&job, text.clone()).await;
            }
            let trust = runner.trust.clone();
            let reporter = Reporter::new(job.check.clone(), trust, Deadlines::default());
            let report = Report {
                verdict: text,
                ..Report::default()
            };
            if let Some(trouble) = reporter.log(&report).await.trouble() {
                tracing::warn!("{}: {trouble}", job.job.name);
            }
        });
    }

    fn ended(&mut self, ended: Result<(usize, End), tokio::task::JoinError>) {
        // A task that panicked has aborted the program.
        match ended {
            Ok((job, End::NotBegun)) => self.agenda.put_back(job),
            Ok((job, end)) => self.agenda.ended(job, end.is_broken_off()),
            Err(_) => (),
        }
    }

    /// Writes the records that have changed, all at once.
    async fn keep_records(&mut self) {
        let mut changed = Vec::new();
        for (number, kept) in self.kept.iter_mut().enumerate() {
            let record = self.agenda.record(number);
            if record != *kept {
                *kept = record;
                changed.push((self.jobs[number].as_ref(), record));
            }
        }
        if !changed.is_empty() {
            self.runner.chronicle.keep(changed).await;
        }
    }
}

/// The folders of logs, and how long these are kept.
#[derive(Debug)]
struct OldLogs {
    folders: HashSet<PathBuf>,
    age: Option<Duration>,
    looked: Option<Instant>,
}

impl OldLogs {
    fn of(plan: &Plan) -> Self {
        let folders = plan.jobs.iter().map(|job| job.job.save_folder.clone());
        Self {
            folders: folders.flatten().collect(),
            age: plan.keep_logs_days.map(|days| DAY * days),
            looked: None,
        }
    }

    fn remove(&mut self) {
        let is_due = self.looked.is_none_or(|looked| looked.elapsed() >= DAY);
        if let Some(age) = self.age.filter(|_| is_due) {
            self.looked = Some(Instant::now());
            for folder in self.folders.clone() {
                spawn_blocking(move || logs::remove_old(&folder, age, SystemTime::now()));
            }
        }
    }
}
