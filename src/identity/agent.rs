//! oidc-agent: its process, the account that it keeps, and the tokens that it gives.
//!
//! One agent is started, used and ended here; when a new one is needed is decided by the keeper. What oidc-agent 4.2.6
//! really does is in `docs/parts.md`; its socket's protocol is the one of its API documentation (plain JSON).

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;
use secrecy::SecretString;
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::time::{Instant, sleep};

use crate::settings::Environment;
use crate::supervise::{end, exit_code, signal_group};
use crate::trouble::Trouble;

mod account;
mod answer;
mod log;
mod socket;
mod stored;
mod tool;

pub use account::NewAccount;
pub use socket::access_token;
pub use stored::{StoredAccount, read_account};

use log::Log;
use socket::Failure;

/// It listens after some 10 ms; on a machine without time to spare later.
const START: Duration = Duration::from_secs(10);
/// Between two looks at whether it listens.
const LOOK: Duration = Duration::from_millis(20);
/// After SIGTERM.
const GRACE: Duration = Duration::from_secs(1);

/// A running oidc-agent; dropped, its whole process group is killed, which [`Self::stop`] does better.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    log: Log,
    socket: PathBuf,
    folder: PathBuf,
    issuer: String,
    environment: Environment,
    stuck: AtomicBool,
}

impl Agent {
    /// Starts it with this folder of accounts; returns when it takes connections on `socket`, after 10 s at most.
    ///
    /// The folder must exist, and be for nobody else to read. `issuer` is whom it asks, for messages only. A socket
    /// that a dead agent left there is removed first: whoever calls makes sure that no other one lives.
    pub async fn start(
        environment: &Environment,
        folder: &Path,
        socket: &Path,
        issuer: &str,
    ) -> Result<Self, Trouble> {
        let args = [
            "-d",
            "--no-autoload",
            "--no-autoreauthenticate",
            "--no-webserver",
            "--no-scheme",
            "--log-stderr",
            "-a",
        ];
        let mut invocation = tool::invocation("oidc-agent", environment, folder)?;
        invocation.args.extend(args.map(Into::into));
        invocation.args.push(socket.into());
        let _ = std::fs::remove_file(socket);
        let mut child = invocation
            .command(true)
            .stdin(Stdio::null())
            // It prints its shell commands anew with each process that it forks.
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| tool::broken(&invocation.cannot_start(error)))?;
        let log = Log::of(child.stderr.take(), environment.redactor());
        let mut agent = Self {
            child,
            log,
            socket: socket.to_owned(),
            folder: folder.to_owned(),
            issuer: issuer.to_owned(),
            environment: environment.clone(),
            stuck: AtomicBool::new(false),
        };
        agent.wait_until_it_listens().await?;
        Ok(agent)
    }

    async fn wait_until_it_listens(&mut self) -> Result<(), Trouble> {
        let until = Instant::now() + START;
        loop {
            let Err(error) = UnixStream::connect(&self.socket).await else {
                return Ok(());
            };
            let detail = match self.has_ended() {
                Some(last_words) => last_words,
                None if Instant::now() > until => format!(
                    "no connection to {} within {}: {error}",
                    self.socket.display(),
                    humantime::format_duration(START)
                ),
                None => {
                    sleep(LOOK).await;
                    continue;
                }
            };
            return Err(Trouble::Agent { detail });
        }
    }

    /// A new access token for this audience; each call is a refresh at the provider.
    ///
    /// After a connection that was dropped oidc-agent repeats its previous error, also a refusal. Its log tells the
    /// two apart, and is looked at here. Still the keeper does well to confirm the end of a login by a fresh agent.
    ///
    /// When the deadline is over the provider hangs, and the agent with it ([`Self::is_stuck`]). A call that is given up
    /// before goes on in the agent.
    pub async fn access_token(
        &self,
        account: &str,
        audience: &str,
        deadline: Duration,
    ) -> Result<SecretString, Trouble> {
        let mark = self.log.mark();
        match socket::token(&self.socket, account, audience, deadline).await {
            Ok(token) => {
                // It says nothing where it cannot write: then the login is in its memory only.
                if let Err(trouble) = stored::check_file(&self.folder.join(account)).await {
                    tracing::error!("the login is not kept on the volume: {trouble}");
                }
                Ok(token)
            }
            Err(Failure::Said(text)) => Err(answer::trouble(
                &text,
                &self.log.since(mark).await,
                &self.issuer,
            )),
            Err(Failure::Late(deadline)) => {
                self.set_stuck();
                Err(self.late(deadline))
            }
            Err(failure) => Err(failure.trouble(&self.issuer)),
        }
    }

    /// Who is to blame for no answer: as a rule the provider, whom it waits for.
    fn late(&self, deadline: Duration) -> Trouble {
        if self.child.id().is_some_and(is_suspended) {
            let deadline = humantime::format_duration(deadline);
            return Trouble::Agent {
                detail: format!("its process is suspended (SIGSTOP): no answer within {deadline}"),
            };
        }
        Failure::Late(deadline).trouble(&self.issuer)
    }

    /// Whether a request has met its deadline: all later ones would wait behind it, so that a new agent is needed.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Relaxed)
    }

    fn set_stuck(&self) {
        self.stuck.store(true, Ordering::Relaxed);
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its exit code and its last words, if it has ended.
    pub fn has_ended(&mut self) -> Option<String> {
        let end = match self.child.try_wait() {
            Ok(None) => return None,
            Ok(Some(status)) => format!("it ended with code {}", exit_code(status)),
            Err(error) => format!("it is lost: {error}"),
        };
        Some(match self.log.last_words() {
            words if words.is_empty() => end,
            words => format!("{end}: {words}"),
        })
    }

    /// Ends it and all that it has forked, and removes its socket; takes `patience` and a second at most.
    ///
    /// A request that is under way, ours or another client's, is let through if it can be. Where refresh tokens are of
    /// one use the agent has the new one for a quarter of a second before it is in the file (it makes the key of the
    /// password anew), and killed in this time, by whatever signal, it takes the login with it.
    ///
    /// Nobody new gets in: who connected before is served before us, as it does one after the other.
    /// The requests that are under way have this patience: several in a row, each of which takes half a second, or more on
    /// a busy machine.
    pub async fn stop(mut self, patience: Duration) {
        let aside = self.socket.with_extension("end");
        let socket = match std::fs::rename(&self.socket, &aside) {
            Ok(()) => &aside,
            Err(_) => &self.socket,
        };
        if !self.is_stuck()
            && self.child.id().is_some()
            && !socket::wait_for_others(socket, patience).await
        {
            tracing::warn!("oidc-agent is ended in the middle of a request");
        }
        let group = self.child.id();
        if let Err(error) = end(&mut self.child, Signal::SIGTERM, GRACE).await {
            tracing::error!("oidc-agent is lost: {error}");
        }
        // The process that waits for a hanging provider outlives the one that was waited for.
        tool::kill_group(group);
        for socket in [&self.socket, &aside] {
            let _ = std::fs::remove_file(socket);
        }
    }
}

/// Whether a signal has stopped this process; proc_pid_stat(5).
fn is_suspended(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name of the program stands in parentheses, and may have some of its own.
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest);
    state.is_some_and(|state| state.starts_with('T'))
}

impl Drop for Agent {
    fn drop(&mut self) {
        signal_group(&self.child, Signal::SIGKILL);
    }
}
