//! Tells Healthchecks of a run: that it began, and how it ended, with a body that says so in its first line.
//!
//! Implements Healthchecks' pinging API (<https://healthchecks.io/docs/http_api/>): `<url>/start`, `<url>/<exit code>`,
//! `<url>/fail` and `<url>/log`, each with the run's id (`rid`). A report never delays the beginning of a job, delays its end by a fixed time at most, and changes no result.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use uuid::Uuid;

use crate::trust::Trust;

mod body;
mod check_url;
mod delivery;
mod line;

pub use body::Report;
pub use check_url::{CheckUrl, InvalidCheckUrl};
pub use delivery::{Cause, Delivery};
use line::Line;

/// The first pause before another try; each further one is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// So much of an answer is read; Healthchecks' own have some 20 bytes.
const ANSWER: usize = 1024;

/// How long a report may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// From the end of the job to the end of all tries.
    pub total: Duration,
    /// One try.
    pub attempt: Duration,
    /// A start ping that is still on its way when the job ends gets this long, within `total`.
    pub start: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            total: Duration::from_secs(30),
            attempt: Duration::from_secs(10),
            start: Duration::from_secs(2),
        }
    }
}

/// Reports one run to one check.
#[derive(Debug)]
pub struct Reporter {
    check: Option<CheckUrl>,
    deadlines: Deadlines,
    run: Uuid,
    start: Option<StartPing>,
    line: Line,
}

/// The start ping on its way.
#[derive(Debug)]
struct StartPing {
    task: JoinHandle<()>,
    /// Dropped at the end of the job: from then on nothing is tried again.
    job_runs: oneshot::Sender<()>,
}

impl Reporter {
    /// For one run, which gets an id of its own; without a check nothing is sent.
    #[must_use]
    pub fn new(check: Option<CheckUrl>, trust: Trust, deadlines: Deadlines) -> Self {
        Self {
            check,
            deadlines,
            run: Uuid::new_v4(),
            start: None,
            line: Line::new(trust),
        }
    }

    /// The run's id, which all its reports carry (`rid`).
    #[must_use]
    pub fn run(&self) -> Uuid {
        self.run
    }

    /// Tells that the run began, beside it: returns at once.
    pub fn start(&mut self) {
        let Some(check) = self.check.clone() else {
            return;
        };
        let ping = Ping {
            check,
            signal: "start".to_owned(),
            run: self.run.to_string(),
            deadlines: self.deadlines,
        };
        let line = self.line.clone();
        let (job_runs, job_ended) = oneshot::channel();
        let task = tokio::spawn(async move {
            // How it ended is told with the end of the run, which goes to the same place.
            let _ = ping.send(&line, |_| String::new(), job_ended).await;
        });
        self.start = Some(StartPing { task, job_runs });
    }

    /// From now on there is only this much time for everything.
    pub fn hurry(&mut self, total: Duration) {
        self.deadlines = Deadlines {
            total,
            attempt: total,
            start: total / 4,
        };
    }

    /// Tells how the run ended.
    pub async fn finish(self, exit_code: u8, report: &Report) -> Delivery {
        self.send(exit_code.to_string(), report).await
    }

    /// Tells something that does not change the check's state.
    pub async fn log(self, report: &Report) -> Delivery {
        self.send("log".to_owned(), report).await
    }

    /// Tells that something is wrong with a job that no run of it tells.
    pub async fn fail(self, report: &Report) -> Delivery {
        self.send("fail".to_owned(), report).await
    }

    async fn send(mut self, signal: String, report: &Report) -> Delivery {
        let Some(check) = self.check.clone() else {
            return Delivery::NotConfigured;
        };
        let begun = Instant::now();
        self.end_start().await;
        let left = self.deadlines.total.saturating_sub(begun.elapsed());
        let deadlines = Deadlines {
            total: left,
            ..self.deadlines
        };
        Ping {
            check,
            signal,
            run: self.run.to_string(),
            deadlines,
        }
        .send(
            &self.line,
            |limit| report.body(limit),
            std::future::pending::<()>(),
        )
        .await
    }

    /// A start ping that arrived after the end would leave the check "started" for ever.
    async fn end_start(&mut self) {
        let Some(StartPing { mut task, job_runs }) = self.start.take() else {
            return;
        };
        drop(job_runs);
        if timeout(self.deadlines.start, &mut task).await.is_err() {
            task.abort();
            let _ = task.await;
        }
    }
}

/// One signal to one check.
struct Ping {
    check: CheckUrl,
    signal: String,
    run: String,
    deadlines: Deadlines,
}

/// What one try came to.
enum Try {
    Done(Delivery),
    /// It may work later, and not before this long.
    Again(Cause, Option<Duration>),
}

impl Ping {
    /// Sends it until it is taken, refused for good, the time is up, or, between two tries, `given_up` is ready.
    async fn send(
        &self,
        line: &Line,
        body: impl Fn(usize) -> String,
        given_up: impl Future,
    ) -> Delivery {
        let until = Instant::now() + self.deadlines.total;
        let mut pause = FIRST_PAUSE;
        let mut last = Cause::Unreachable("no answer in time".to_owned());
        tokio::pin!(given_up);
        loop {
            let attempt = self.attempt(line, body(line.limit()));
            let wish = match timeout_at(until, attempt).await {
                Ok(Try::Done(delivery)) => return delivery,
                Ok(Try::Again(cause, wish)) => {
                    last = cause;
                    wish
                }
                Err(_) => return self.failed(last),
            };
            // A server that wants to be asked again at once still gets its pause.
            let wait = pause.max(wish.unwrap_or_default());
            if wait >= until.saturating_duration_since(Instant::now()) {
                return self.failed(last);
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => (),
                _ = &mut given_up => return self.failed(last),
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    async fn attempt(&self, line: &Line, text: String) -> Try {
        let client = match line.client().await {
            Ok(client) => client,
            Err(cause) => return Try::Done(self.failed(cause)),
        };
        let length = text.len();
        // Without its length Healthchecks stores a body as empty; reqwest leaves it out where it is 0.
        let answer = client
            .post(self.check.signal(&self.signal, &self.run))
            .timeout(self.deadlines.attempt)
            .header("Content-Type", "text/plain; charset=utf-8")
            .header("Content-Length", length)
            .body(text)
            .send()
            .await;
        match answer {
            Ok(answer) => {
                line.learn(answer.headers());
                if line.shorten(answer.status(), length) {
                    return Try::Again(Cause::Status(answer.status().as_u16()), None);
                }
                self.judge(answer).await
            }
            Err(error) => match Cause::of(&error) {
                cause @ Cause::Certificate(_) => Try::Done(self.failed(cause)),
                cause => Try::Again(cause, None),
            },
        }
    }

    async fn judge(&self, answer: Response) -> Try {
        let status = answer.status();
        if is_worth_another_try(status) {
            return Try::Again(
                Cause::Status(status.as_u16()),
                retry_after(answer.headers()),
            );
        }
        if !status.is_success() {
            return Try::Done(self.failed(Cause::Status(status.as_u16())));
        }
        let text = beginning(answer).await;
        let text = text.trim();
        if matches!(text, "OK" | "Created") {
            return Try::Done(Delivery::Delivered);
        }
        let answer = self
            .check
            .hide_path(text)
            .chars()
            .filter(|char| !char.is_control())
            .take(60)
            .collect();
        Try::Done(Delivery::Doubtful {
            check: self.check.clone(),
            answer,
        })
    }

    fn failed(&self, cause: Cause) -> Delivery {
        Delivery::Failed {
            check: self.check.clone(),
            cause,
        }
    }
}

/// Too early, too often, or the server's own trouble.
fn is_worth_another_try(status: StatusCode) -> bool {
    status == StatusCode::REQUEST_TIMEOUT
        || status == StatusCode::TOO_MANY_REQUESTS
        || status.is_server_error()
}

/// The seconds of `Retry-After` (RFC 9110, 10.2.3); a date is passed over.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers
        .get("Retry-After")?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()
        .map(Duration::from_secs)
}

/// The beginning of an answer, which from a wrong address may be of any length.
async fn beginning(mut answer: Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < ANSWER
        && let Ok(Some(piece)) = answer.chunk().await
    {
        bytes.extend_from_slice(&piece);
    }
    bytes.truncate(ANSWER);
    String::from_utf8_lossy(&bytes).into_owned()
}
