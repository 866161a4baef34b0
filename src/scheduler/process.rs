//! The process of a run: in a session of its own, ended at its timeout or at a stop, waited for in any case.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::grace::Grace;
use crate::plan::Job;
use crate::report::Deadlines;
use crate::schedule::Kind;
use crate::supervise::{Invocation, exit_code, signal_exit_code};

use super::words;

/// What ends the job of the schedule itself takes, beside its two deadlines.
const SLACK: Duration = Duration::from_secs(3);

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    Exited(u8),
    Killed(Signal),
    /// It was told to end after this time; `killed` where it did not.
    TimedOut {
        after: Duration,
        killed: bool,
    },
    /// A stop came first.
    Stopped,
    /// A stop came while it still waited for its turn.
    NotBegun,
    CannotStart(String),
}

impl End {
    /// Whether it did not end by itself, so that it is made up.
    pub(super) fn is_broken_off(&self) -> bool {
        // Our commands and shells end so on a signal of somebody else.
        const BY_SIGNAL: [u8; 3] = [130, 129, 143];
        match self {
            Self::Exited(code) => BY_SIGNAL.contains(code),
            Self::Killed(Signal::SIGTERM | Signal::SIGINT | Signal::SIGHUP)
            | Self::Stopped
            | Self::NotBegun => true,
            Self::Killed(_) | Self::TimedOut { .. } | Self::CannotStart(_) => false,
        }
    }

    /// As shells and timeout(1) number it.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Exited(code) => *code,
            Self::Killed(signal) => signal_exit_code(*signal),
            Self::TimedOut { .. } => 124,
            Self::Stopped | Self::NotBegun => 130,
            Self::CannotStart(_) => 127,
        }
    }

    /// A fragment after "NAME failed: ".
    pub(super) fn cause(&self) -> Option<String> {
        Some(match self {
            Self::Exited(0) => return None,
            Self::Exited(code) => format!("exit code {code}"),
            Self::Killed(signal) => format!("it was killed by {signal}"),
            Self::TimedOut { after, killed } => format!(
                "it did not end within its timeout of {} and was {}",
                words::span(*after),
                if *killed { "killed" } else { "ended" }
            ),
            Self::Stopped | Self::NotBegun => "it was stopped with the scheduler".to_owned(),
            Self::CannotStart(why) => why.clone(),
        })
    }
}

/// Starts the command in a session of its own, by which PID 1 knows it for a job; an error is a fragment.
pub(super) fn spawn(job: &Job) -> Result<Child, String> {
    let path = job.environment.path();
    let Some((word, args)) = job.job.command.split_first() else {
        return Err("it has no command".to_owned());
    };
    let program = find(word, path).ok_or_else(|| {
        if word.contains('/') {
            format!("{word} is no program: it is not there, or may not be executed")
        } else {
            format!("the program {word} is not in PATH")
        }
    })?;
    let setsid = find("setsid", path).ok_or("the program setsid is not in PATH")?;
    let words = [program.into_os_string()]
        .into_iter()
        .chain(args.iter().map(OsString::from));
    let more = [("CLOUD_BACKUP_STARTED_BY", super::STARTED_BY)];
    let environment = job.environment.with(more.into_iter());
    let invocation = Invocation {
        name: "a job",
        program: setsid,
        args: words.collect(),
        env: environment
            .all()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        death_signal: Signal::SIGTERM,
    };
    let mut command = invocation.command(false);
    if let Kind::Local { dir: Some(dir) } = &job.job.kind {
        // The system's word for it would not say what is missing.
        if !dir.is_dir() {
            return Err(format!("there is no folder {} (dir)", dir.display()));
        }
        command.current_dir(dir);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("it cannot be started: {error}"))
}

/// The program of a command's first word: a path, or a name in PATH. Our own commands count.
fn find(word: &str, path: &str) -> Option<PathBuf> {
    let is_program = |file: &Path| {
        file.metadata()
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    if word.contains('/') {
        return Some(PathBuf::from(word)).filter(|file| is_program(file));
    }
    std::env::split_paths(path)
        .map(|folder| folder.join(word))
        .find(|file| is_program(file))
}

/// Waits for the end of a job; ends it at its timeout, and once `stop` is `true`.
pub(super) async fn wait(
    job: &Job,
    child: &mut Child,
    mut stop: watch::Receiver<bool>,
    grace: Grace,
) -> End {
    let begun = Instant::now();
    // A day more than the longest timeout: a sleep needs an end.
    let far = Duration::from_hours(31 * 24);
    let mut asked: Option<End> = None;
    let mut kill_at = begun + far;
    let mut killed = false;
    loop {
        tokio::select! {
            status = child.wait() => {
                return match (status, asked) {
                    (status, Some(End::TimedOut { after, .. })) => {
                        // One that died of the signal was not there yet to handle it, and could not report.
                        let died = job.reports && status.is_ok_and(|status| status.signal().is_some());
                        End::TimedOut { after, killed: killed || died }
                    }
                    (Ok(status), Some(_)) if ended(status) == End::Exited(0) => End::Exited(0),
                    (_, Some(end)) => end,
                    (Ok(status), None) => ended(status),
                    (Err(error), None) => End::CannotStart(format!("cannot wait for it: {error}")),
                };
            }
            _ = stop.wait_for(|stop| *stop), if !matches!(asked, Some(End::Stopped)) => {
                signal_group(child, Signal::SIGTERM);
                kill_at = Instant::now() + grace.restic() + grace.report();
                asked = Some(End::Stopped);
            }
            () = sleep_until(begun + job.job.timeout.unwrap_or(far)), if asked.is_none() => {
                // Our jobs know by this signal that it is the timeout, and report it as that.
                let signal = if job.reports { Signal::SIGALRM } else { Signal::SIGTERM };
                signal_group(child, signal);
                kill_at = Instant::now() + after_timeout(job, grace);
                let after = job.job.timeout.unwrap_or_default();
                asked = Some(End::TimedOut { after, killed });
            }
            () = sleep_until(kill_at), if asked.is_some() && !killed => {
                signal_group(child, Signal::SIGKILL);
                killed = true;
            }
        }
    }
}

/// How long a job has that was told to end at its timeout: to release restic's lock, and where it reports to do so.
fn after_timeout(job: &Job, grace: Grace) -> Duration {
    if job.reports {
        grace.restic() + Deadlines::default().total + SLACK
    } else {
        grace.restic() + grace.report()
    }
}

/// Signals the job's session; in its first moment, before it has one, the process alone.
fn signal_group(child: &Child, signal: Signal) {
    if let Some(leader) = child.id().and_then(|id| i32::try_from(id).ok()) {
        let leader = Pid::from_raw(leader);
        let _ = killpg(leader, signal).or_else(|_| kill(leader, signal));
    }
}

fn ended(status: ExitStatus) -> End {
    match status
        .signal()
        .and_then(|signal| Signal::try_from(signal).ok())
    {
        Some(signal) => End::Killed(signal),
        None => End::Exited(exit_code(status)),
    }
}
