//! Tells Healthchecks of a run: that it began, and how it ended, with a body that says so in its first line.
//!
//! Implements Healthchecks' pinging API: `<url>/start`, `<url>/<exit code>` and `<url>/log`, each with the run's id
//! (`rid`). A report never delays the beginning of a job, delays its end by a fixed time at most, and changes no result.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use uuid::Uuid;

mod body;
mod check_url;

pub use body::Report;
pub use check_url::{CheckUrl, InvalidCheckUrl};

/// What INFN's server keeps of a body, in bytes; taken until the server says its own limit.
const USUAL_BODY_LIMIT: usize = 100_000;
/// A larger limit than this is of no use: that much of the output is kept.
const LARGEST_BODY: usize = 1024 * 1024;
/// A smaller one cannot hold a verdict: it is taken for nonsense.
const SMALLEST_BODY: usize = 200;
/// The first pause before another try; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

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

/// What became of a report.
#[derive(Debug)]
pub enum Delivery {
    /// No check URL is set.
    NotConfigured,
    /// The server took it.
    Delivered,
    /// The server says 200, and that it did not count it.
    Doubtful {
        /// Where it went.
        check: CheckUrl,
        /// The server's answer.
        answer: String,
    },
    /// It did not get there.
    Failed {
        /// Where it was to go.
        check: CheckUrl,
        /// Why not.
        cause: Cause,
    },
}

/// Why a report did not get there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The server answered with an error.
    Status(u16),
    /// No connection, or no answer in time.
    Unreachable(String),
}

/// Reports one run to one check.
#[derive(Debug)]
pub struct Reporter {
    check: Option<CheckUrl>,
    deadlines: Deadlines,
    run: String,
    start: Option<JoinHandle<()>>,
    line: Line,
}

/// What the pings of one run share: the connection, and what the server has said of its limit.
#[derive(Debug, Clone)]
struct Line {
    client: Arc<OnceCell<reqwest::Client>>,
    limit: Arc<AtomicUsize>,
}

impl Reporter {
    /// For one run, which gets an id of its own; without a check nothing is sent.
    #[must_use]
    pub fn new(check: Option<CheckUrl>, deadlines: Deadlines) -> Self {
        let run = Uuid::new_v4().to_string();
        let line = Line {
            client: Arc::default(),
            limit: Arc::new(AtomicUsize::new(USUAL_BODY_LIMIT)),
        };
        Self {
            check,
            deadlines,
            run,
            start: None,
            line,
        }
    }

    /// Tells that the run began, beside it: returns at once.
    pub fn start(&mut self) {
        let Some(check) = self.check.clone() else {
            return;
        };
        let ping = Ping {
            check,
            signal: "start".to_owned(),
            run: self.run.clone(),
            deadlines: self.deadlines,
        };
        let line = self.line.clone();
        self.start = Some(tokio::spawn(async move {
            // How it ended is told with the end of the run, which goes to the same place.
            let _ = ping.send(&line, |_| String::new()).await;
        }));
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
            run: self.run,
            deadlines,
        }
        .send(&self.line, |limit| report.body(limit))
        .await
    }

    /// A start ping that arrived after the end would leave the check "started" for ever.
    async fn end_start(&mut self) {
        let Some(mut start) = self.start.take() else {
            return;
        };
        if timeout(self.deadlines.start, &mut start).await.is_err() {
            start.abort();
            let _ = start.await;
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
    /// Sends it until it is taken, refused for good, or the time is up.
    async fn send(&self, line: &Line, body: impl Fn(usize) -> String) -> Delivery {
        let until = Instant::now() + self.deadlines.total;
        let client = match line.client().await {
            Ok(client) => client,
            Err(cause) => return self.failed(cause),
        };
        let mut pause = FIRST_PAUSE;
        let mut last = Cause::Unreachable("no answer in time".to_owned());
        loop {
            let attempt = self.attempt(client, &line.limit, &body);
            match timeout_at(until, attempt).await {
                Ok(Try::Done(delivery)) => return delivery,
                Ok(Try::Again(cause, wish)) => {
                    last = cause;
                    let wait = wish.unwrap_or(pause);
                    if Instant::now() + wait >= until {
                        return self.failed(last);
                    }
                    tokio::time::sleep(wait).await;
                    pause *= 2;
                }
                Err(_) => return self.failed(last),
            }
        }
    }

    async fn attempt(
        &self,
        client: &reqwest::Client,
        limit: &AtomicUsize,
        body: impl Fn(usize) -> String,
    ) -> Try {
        // Without its length Healthchecks stores a body as empty; reqwest leaves it out where it is 0.
        let text = body(limit.load(Ordering::Relaxed));
        let answer = client
            .post(self.check.signal(&self.signal, &self.run))
            .timeout(self.deadlines.attempt)
            .header("Content-Type", "text/plain; charset=utf-8")
            .header("Content-Length", text.len())
            .body(text)
            .send()
            .await;
        match answer {
            Ok(answer) => {
                if let Some(known) = body_limit(answer.headers()) {
                    limit.store(known, Ordering::Relaxed);
                }
                self.judge(answer).await
            }
            Err(error) => Try::Again(Cause::Unreachable(told(&error)), None),
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
        let text = answer.text().await.unwrap_or_default();
        let text = text.trim();
        if matches!(text, "OK" | "Created") {
            return Try::Done(Delivery::Delivered);
        }
        let answer = text
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

impl Line {
    /// The client, made by the first who needs it, beside everything else: it reads the system's certificates.
    async fn client(&self) -> Result<&reqwest::Client, Cause> {
        let make = || async {
            match tokio::task::spawn_blocking(client).await {
                Ok(Ok(client)) => Ok(client),
                Ok(Err(error)) => Err(Cause::Unreachable(told(&error))),
                Err(error) => Err(Cause::Unreachable(error.to_string())),
            }
        };
        self.client.get_or_try_init(make).await
    }
}

/// The client of all pings. Healthchecks does not redirect: another place would get the report.
fn client() -> reqwest::Result<reqwest::Client> {
    // Fails only where a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("cloud-user-backup/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .build()
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

/// The header `Ping-Body-Limit`, in bytes.
fn body_limit(headers: &HeaderMap) -> Option<usize> {
    let limit: usize = headers
        .get("Ping-Body-Limit")?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    (limit >= SMALLEST_BODY).then_some(limit.min(LARGEST_BODY))
}

/// reqwest's own text names the URL, and leaves the reason to its sources.
fn told(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    if std::ptr::addr_eq(deepest, error) {
        "the request failed".to_owned()
    } else {
        deepest.to_string()
    }
}

impl fmt::Display for Delivery {
    /// One line for standard error: which check, what happened, what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConfigured => f.write_str("nobody is told of this run: no check URL is set"),
            Self::Delivered => f.write_str("reported"),
            Self::Doubtful { check, answer } => {
                let cause = match answer.as_str() {
                    "OK (not found)" => "there is no such check: correct the URL",
                    "OK (rate limited)" => "too many pings in a minute: this one was not counted",
                    _ => "that is no answer of Healthchecks: correct the URL",
                };
                write!(
                    f,
                    "warning: the report to {check} was answered with {answer:?}: {cause}"
                )
            }
            Self::Failed { check, cause } => write!(
                f,
                "warning: the report to {check} was not delivered: {cause}"
            ),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "{why}; check the URL and the network"),
            Self::Status(status) => {
                let meaning = match status {
                    400 => "the server refuses the request: the URL is no ping URL",
                    404 => "there is no such check: correct the URL, or make the check",
                    409 => "several checks have this slug: use the UUID in the URL",
                    408 | 429 => "the server is too busy: the next run reports again",
                    300..=399 => "the server sends elsewhere: use the URL that it names",
                    500..=599 => "the server has a problem: the next run reports again",
                    _ => "check the URL",
                };
                write!(f, "status {status}, {meaning}")
            }
        }
    }
}
