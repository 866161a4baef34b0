//! A child that must always run: one task owns its life, restarts it with backoff and ends it on request.
//!
//! Pending -> Running -> (it ended) Waiting -> Running ... -> Ended. What it prints goes to our log, secrets replaced.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Child;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Invocation, Redactor, end, exit_code};
use crate::volume::write_whole;

/// The first pause before a restart; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// After this long without a crash the pauses begin anew.
const HEALTHY: Duration = Duration::from_mins(5);
/// After its end a program's stream may be held open by its children; this long its last words are waited for.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// So many of its last lines are told when it ends.
const LAST_LINES: usize = 10;

/// Where a service is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Not started yet.
    Pending,
    /// Running as this process.
    Running {
        /// Its process id.
        pid: u32,
    },
    /// It ended; it is started again after a pause.
    Waiting {
        /// The last lines that it printed.
        last_words: String,
    },
    /// Ended on request.
    Ended,
}

/// What becomes of the lines that it prints, beside our log.
#[derive(Debug, Clone)]
pub struct Lines {
    /// Those with this text in them are logged for debugging only.
    pub no_news: &'static str,
    /// The last one that begins with [`COMPLAINT`] is kept in this file.
    pub complaints: Option<PathBuf>,
}

/// How rclone begins a line about an error.
const COMPLAINT: &str = "ERROR :";

impl Lines {
    /// Keeps it where it is a complaint; where there is no room for it, it stands in the log alone.
    fn keep(&self, line: &str) {
        if let (Some(file), Some(complaint)) = (&self.complaints, line.strip_prefix(COMPLAINT)) {
            let _ = write_whole(file, complaint.trim().as_bytes());
        }
    }
}

/// A running service; dropped, it is killed.
#[derive(Debug)]
pub struct Service {
    state: watch::Receiver<State>,
    stop: watch::Sender<Option<Duration>>,
    task: JoinHandle<()>,
}

impl Service {
    /// Starts it, and keeps it running until [`Self::stop`].
    ///
    /// The file of a unix socket that it listens on is removed before each start: one that was killed leaves it
    /// behind, and the next one could not listen there.
    #[must_use]
    pub fn start(
        invocation: Invocation,
        redactor: Redactor,
        socket: Option<PathBuf>,
        lines: Lines,
    ) -> Self {
        let (state_sender, state) = watch::channel(State::Pending);
        let (stop, stop_receiver) = watch::channel(None);
        let life = Life {
            invocation,
            redactor,
            socket,
            lines,
            state: state_sender,
            stop: stop_receiver,
        };
        Self {
            state,
            stop,
            task: tokio::spawn(life.live()),
        }
    }

    /// Where it is in its life now.
    #[must_use]
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// Asks it to end (SIGTERM), kills it after `grace`, and returns when it is gone.
    pub async fn stop(mut self, grace: Duration) {
        let _ = self.stop.send(Some(grace));
        let _ = (&mut self.task).await;
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the owning task has.
struct Life {
    invocation: Invocation,
    redactor: Redactor,
    socket: Option<PathBuf>,
    lines: Lines,
    state: watch::Sender<State>,
    stop: watch::Receiver<Option<Duration>>,
}

impl Life {
    async fn live(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let started = Instant::now();
            let Some(last_words) = self.run_once().await else {
                break;
            };
            if started.elapsed() >= HEALTHY {
                pause = FIRST_PAUSE;
            }
            tracing::warn!(
                "{} is started again in {}",
                self.invocation.name,
                humantime::format_duration(pause)
            );
            self.state.send_replace(State::Waiting { last_words });
            tokio::select! {
                () = tokio::time::sleep(pause) => (),
                _ = stop_wanted(&mut self.stop) => break,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.state.send_replace(State::Ended);
    }

    /// One run: its last words, or `None` when it ended on request.
    async fn run_once(&mut self) -> Option<String> {
        let name = self.invocation.name;
        if let Some(socket) = &self.socket {
            let _ = std::fs::remove_file(socket);
        }
        let mut child = match self
            .invocation
            .command(true)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
        {
            Ok(child) => child,
            Err(error) => {
                tracing::error!("cannot start {name}: {error}");
                return Some(error.to_string());
            }
        };
        self.state.send_replace(State::Running {
            pid: child.id().unwrap_or_default(),
        });
        let stderr = child.stderr.take();
        let mut last_lines = VecDeque::new();
        let grace = {
            let lines = log_lines(name, stderr, &self.redactor, &self.lines, &mut last_lines);
            tokio::pin!(lines);
            let mut reading = true;
            loop {
                tokio::select! {
                    grace = stop_wanted(&mut self.stop) => break Some(grace),
                    () = &mut lines, if reading => reading = false,
                    _ = child.wait() => {
                        if reading {
                            let _ = tokio::time::timeout(LAST_WORDS, &mut lines).await;
                        }
                        break None;
                    }
                }
            }
        };
        if let Some(grace) = grace {
            self.end(&mut child, grace).await;
            return None;
        }
        let last_words = Vec::from(last_lines).join("\n");
        match child.wait().await {
            Ok(status) => {
                tracing::error!("{name} ended with code {}: {last_words}", exit_code(status));
            }
            Err(error) => tracing::error!("{name} is lost: {error}"),
        }
        Some(last_words)
    }

    async fn end(&self, child: &mut Child, grace: Duration) {
        match end(child, Signal::SIGTERM, grace).await {
            Ok(_) => tracing::debug!("{} ended", self.invocation.name),
            Err(error) => tracing::error!("{} is lost: {error}", self.invocation.name),
        }
    }
}

/// Waits for the wish to stop and gives its grace; the owner being gone is such a wish.
async fn stop_wanted(stop: &mut watch::Receiver<Option<Duration>>) -> Duration {
    stop.wait_for(Option::is_some)
        .await
        .ok()
        .and_then(|grace| *grace)
        .unwrap_or_default()
}

/// Logs each line until the stream ends; the last ones are kept.
async fn log_lines(
    name: &str,
    stream: Option<impl AsyncRead + Unpin>,
    redactor: &Redactor,
    how: &Lines,
    last: &mut VecDeque<String>,
) {
    let Some(stream) = stream else { return };
    let mut lines = BufReader::new(stream).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = redactor.text(String::from_utf8_lossy(&line).trim_end());
        if line.contains(how.no_news) {
            tracing::debug!("{name}: {line}");
        } else {
            tracing::info!("{name}: {line}");
            how.keep(&line);
        }
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(line);
    }
}
