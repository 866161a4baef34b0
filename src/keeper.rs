//! The keeper of the login: of all processes on a volume the one that runs oidc-agent and renews the credentials.
//!
//! A provider may take the second use of a refresh token for theft, so there is one agent for one login. Whoever takes
//! the lock first keeps it: the server as a rule, else a one-shot command. The others follow: they ask the keeper by
//! its socket in the volume, and the first to find the lock free goes on in its place.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::credentials::Credentials;
use crate::error::Result;
use crate::settings::{self, Settings};
use crate::trouble::Trouble;
use crate::volume::{Locking, Volume};

mod by_agent;
mod following;
mod keeping;
mod mark;
mod neighbour;
mod renewal;
mod terms;

pub use neighbour::Neighbour;
pub use terms::Terms;

use following::Following;

/// What an end takes beside the patience with the agent's requests: its grace after SIGTERM, and some.
const END: Duration = Duration::from_secs(3);
/// A keeper that ends leaves its place within this time.
const SUCCESSION: Duration = Duration::from_secs(10);
/// Requests that wait for a renewal beside the ones in line are refused: a flood of them must not use up the memory.
const LINE: usize = 32;

/// What the keeper knows; what its neighbours get to read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Status {
    /// The last credentials that were got, which may have ended.
    pub credentials: Option<Credentials>,
    /// Why the last renewal failed; `None` where it did not.
    pub trouble: Option<Trouble>,
    /// The socket of oidc-agent, while it has the account loaded.
    pub agent: Option<PathBuf>,
    /// How many renewals were tried since the keeper began; 0: none has come to its end yet.
    pub tries: u64,
    /// What the keeper works with.
    terms: Option<Terms>,
}

impl Status {
    /// The credentials, as long as they are good: also while their renewal fails.
    #[must_use]
    pub fn valid(&self, now: Timestamp) -> Option<&Credentials> {
        self.credentials
            .as_ref()
            .filter(|credentials| credentials.expiration > now)
    }

    /// The credentials, or why there are none; `None` where that is not known yet.
    #[must_use]
    pub fn answer(&self, now: Timestamp) -> Option<Result<Credentials, Trouble>> {
        match (self.valid(now), &self.trouble) {
            (Some(credentials), _) => Some(Ok(credentials.clone())),
            (None, Some(trouble)) => Some(Err(trouble.clone())),
            (None, None) => None,
        }
    }
}

/// How long requests that are under way at the agent are waited for at its end: killed in the middle of a refresh it can
/// lose a login of one-use tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// The command has done its work, and nobody kills it.
    Leisurely,
    /// The container is stopped: PID 1 has the last word (`STOP_GRACE`).
    Hurried,
}

impl Patience {
    fn time(self) -> Duration {
        match self {
            Self::Leisurely => Duration::from_secs(10),
            Self::Hurried => Duration::from_secs(6),
        }
    }
}

/// The wish for a renewal now, and who waits for its end.
type Wish = oneshot::Sender<Result<(), Trouble>>;

/// This process's part in keeping the login: as the keeper, or as one who follows it.
#[derive(Debug)]
pub struct Keeper {
    handle: Handle,
    stop: watch::Sender<Option<Patience>>,
    task: JoinHandle<()>,
}

/// Asks the keeper in this process.
#[derive(Debug, Clone)]
pub struct Handle {
    status: watch::Receiver<Status>,
    wishes: mpsc::Sender<Wish>,
}

/// What the keeping task works with.
#[derive(Debug)]
struct Part {
    settings: Settings,
    login: settings::Login,
    volume: Volume,
    status: watch::Sender<Status>,
    wishes: mpsc::Receiver<Wish>,
    stop: watch::Receiver<Option<Patience>>,
    handle: Handle,
}

impl Keeper {
    /// Begins to keep the login of this volume, or to follow who keeps it; `None` where the storage needs no login.
    #[must_use]
    pub fn start(settings: &Settings, volume: &Volume) -> Option<Self> {
        let login = settings.login.clone()?;
        let (status, status_receiver) = watch::channel(Status::default());
        let (wish_sender, wishes) = mpsc::channel(LINE);
        let (stop, stop_receiver) = watch::channel(None);
        let handle = Handle {
            status: status_receiver,
            wishes: wish_sender,
        };
        let part = Part {
            settings: settings.clone(),
            login,
            volume: volume.clone(),
            status,
            wishes,
            stop: stop_receiver,
            handle: handle.clone(),
        };
        Some(Self {
            handle,
            stop,
            task: tokio::spawn(part.play()),
        })
    }

    /// Asks it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Begins to end the agent, if it is ours; what is known is still told.
    pub fn begin_to_stop(&self, patience: Patience) {
        // Who was in a hurry first stays in a hurry.
        self.stop.send_if_modified(|stop| {
            let is_first = stop.is_none();
            stop.get_or_insert(patience);
            is_first
        });
    }

    /// Ends the agent, if it is ours, and returns when it is gone.
    pub async fn stop(mut self, patience: Patience) {
        self.begin_to_stop(patience);
        if timeout(patience.time() + END, &mut self.task)
            .await
            .is_err()
        {
            self.task.abort();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Handle {
    /// What is known now.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Waits for the next change of what is known.
    pub async fn changed(&mut self) -> Status {
        if self.status.changed().await.is_err() {
            // The keeper has ended, and with it this process.
            std::future::pending::<()>().await;
        }
        self.status.borrow_and_update().clone()
    }

    /// Credentials that are good now, or why there are none; where nothing is known yet, the end of the first renewal
    /// is waited for this long.
    pub async fn credentials(&self, patience: Duration) -> Result<Credentials, Trouble> {
        self.answer(patience, |_| true).await
    }

    /// The same, but what passes by itself is waited out, this long at most.
    pub async fn wait_for_credentials(&self, patience: Duration) -> Result<Credentials, Trouble> {
        self.answer(patience, Trouble::needs_a_person).await
    }

    async fn answer(
        &self,
        patience: Duration,
        is_final: impl Fn(&Trouble) -> bool,
    ) -> Result<Credentials, Trouble> {
        let mut status = self.status.clone();
        let until = Instant::now() + patience;
        let mut last = no_answer(patience);
        loop {
            let known = status.borrow_and_update().answer(Timestamp::now());
            match known {
                Some(Ok(credentials)) => return Ok(credentials),
                Some(Err(trouble)) if is_final(&trouble) => return Err(trouble),
                Some(Err(trouble)) => last = trouble,
                None => (),
            }
            if !matches!(timeout_at(until, status.changed()).await, Ok(Ok(()))) {
                return Err(last);
            }
        }
    }

    /// Renews the credentials now, by a real refresh at the provider, whatever is known; gives how that ended.
    ///
    /// A neighbour that ends meanwhile takes its answer along: then we are, or another one is, the keeper soon.
    pub async fn renew(&self, deadline: Duration) -> Result<(), Trouble> {
        let begun = Instant::now();
        let until = begun + deadline;
        loop {
            match timeout_at(until, self.wish()).await {
                Ok(Some(Err(Trouble::Neighbour { .. }))) if begun.elapsed() < SUCCESSION => {
                    tokio::time::sleep(following::PAUSE).await;
                }
                Ok(Some(end)) => return end,
                // This process ends. Who asked as a neighbour asks again, and then somebody else.
                Ok(None) => {
                    return Err(Trouble::Neighbour {
                        holder: "a command that has just ended".to_owned(),
                        is_server: false,
                    });
                }
                // The reason may be known though nobody answered: a neighbour that hangs.
                Err(_) => {
                    let known = self.status().trouble;
                    return Err(known.unwrap_or_else(|| no_answer(deadline)));
                }
            }
        }
    }

    async fn wish(&self) -> Option<Result<(), Trouble>> {
        let (wish, end) = oneshot::channel();
        self.wishes.send(wish).await.ok()?;
        end.await.ok()
    }
}

fn no_answer(after: Duration) -> Trouble {
    Trouble::NoToken {
        detail: format!("no answer within {}", humantime::format_duration(after)),
    }
}

impl Part {
    /// Keeps the login whenever nobody else does, and follows the one who does, until it is told to stop.
    async fn play(mut self) {
        let mut following = Following::default();
        while self.stop.borrow().is_none() {
            match self.volume.lock_login() {
                Ok(Locking::Ours(_lock)) => keeping::keep(&mut self).await,
                Ok(Locking::Held(holder)) => following.follow(&mut self, holder.as_ref()).await,
                Err(error) => {
                    self.publish(Err(Trouble::Agent {
                        detail: error.to_string(),
                    }));
                    tokio::time::sleep(following::PAUSE).await;
                }
            }
        }
    }

    /// Makes the end of a try known: new credentials, or why the old ones could not be renewed.
    fn publish(&self, end: Result<Credentials, Trouble>) {
        self.status.send_modify(|status| {
            status.tries += 1;
            match end {
                Ok(credentials) => {
                    status.credentials = Some(credentials);
                    status.trouble = None;
                }
                Err(trouble) => status.trouble = Some(trouble),
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn credentials(name: &str, expiration: Timestamp) -> Credentials {
        Credentials {
            access_key_id: name.to_owned(),
            secret_access_key: String::new(),
            session_token: String::new(),
            expiration,
        }
    }

    fn handle() -> (Handle, watch::Sender<Status>, mpsc::Receiver<Wish>) {
        let (status, status_receiver) = watch::channel(Status::default());
        let (wish_sender, wishes) = mpsc::channel(LINE);
        let handle = Handle {
            status: status_receiver,
            wishes: wish_sender,
        };
        (handle, status, wishes)
    }

    fn silent() -> Trouble {
        Trouble::Neighbour {
            holder: String::new(),
            is_server: false,
        }
    }

    fn told(trouble: Option<Trouble>, seconds_left: Option<i64>) -> Status {
        let end = |left| Timestamp::now() + jiff::SignedDuration::from_secs(left);
        Status {
            credentials: seconds_left.map(|left| credentials("KEY", end(left))),
            trouble,
            ..Status::default()
        }
    }

    #[test]
    fn good_credentials_are_given_whatever_the_trouble_and_ended_ones_never() {
        let now = Timestamp::now();
        let answer = |trouble, left| told(trouble, left).answer(now).map(|end| end.is_ok());
        assert_eq!(answer(Some(Trouble::NoLogin), Some(60)), Some(true));
        assert_eq!(answer(Some(Trouble::NoLogin), Some(-1)), Some(false));
        assert_eq!(answer(None, Some(-1)), None);
        assert_eq!(answer(None, None), None);
    }

    #[tokio::test]
    async fn what_passes_by_itself_is_waited_out_and_what_needs_a_person_is_not() {
        let (handle, status, _wishes) = handle();
        status.send_replace(told(Some(silent()), None));
        let begun = Instant::now();
        let patience = Duration::from_millis(50);
        let end = handle.wait_for_credentials(patience).await;
        assert_eq!(end, Err(silent()), "the last reason");
        assert!(begun.elapsed() >= patience);

        let patience = Duration::from_secs(30);
        let waiting = tokio::spawn({
            let handle = handle.clone();
            async move { handle.wait_for_credentials(patience).await }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        status.send_replace(told(None, Some(3600)));
        assert!(waiting.await.unwrap().is_ok());

        status.send_replace(told(Some(Trouble::WrongPassword), None));
        let begun = Instant::now();
        let end = handle.wait_for_credentials(patience).await;
        assert_eq!(end, Err(Trouble::WrongPassword));
        assert!(begun.elapsed() < patience);
    }

    #[tokio::test]
    async fn whoever_asks_for_rclone_is_told_the_trouble_at_once() {
        let (handle, status, _wishes) = handle();
        let begun = Instant::now();
        let patience = Duration::from_millis(50);
        assert!(handle.credentials(patience).await.is_err(), "nothing known");
        assert!(begun.elapsed() >= patience);
        status.send_replace(told(Some(silent()), None));
        let patience = Duration::from_secs(30);
        assert_eq!(handle.credentials(patience).await, Err(silent()));
        assert!(begun.elapsed() < patience);
    }
}
