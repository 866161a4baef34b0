//! What the keeper tells its neighbours on the volume: HTTP over a socket in a folder that only our user can enter.
//!
//! `GET /status` waits for the first try and gives [`Status`]; `POST /renew` renews now and gives how that ended;
//! `POST /compare` names the settings of the asker that are others here, at once.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::net::UnixListener;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::identity::agent::read_account;
use crate::identity::store::Store;
use crate::settings::{self, Settings};
use crate::trouble::Trouble;
use crate::volume::{Holder, Volume};

use super::mark::Mark;
use super::{Handle, Status, Terms};

/// A question about the status is answered within this time, be it with nothing known.
const FIRST_TRY: Duration = Duration::from_secs(8);
/// The longest renewal: a token and credentials, each of which may need a second try.
const RENEWAL: Duration = Duration::from_mins(1);
/// A comparison: what a slow machine takes for the mark of a password.
const COMPARISON: Duration = Duration::from_secs(8);

/// Told by its name alone.
const PASSWORD: &str = "OIDC_PASSWORD";

/// The settings of one who asks whether ours are the same.
#[derive(Serialize, Deserialize)]
struct Compared {
    terms: Terms,
    /// Of `OIDC_PASSWORD`; `None` where nobody logs in.
    password: Option<Mark>,
}

/// What the answers are made of.
#[derive(Clone)]
struct Answers {
    handle: Handle,
    login: settings::Login,
    /// One comparison of passwords at a time: a flood of them must not take all processors.
    turn: Arc<Mutex<()>>,
}

/// Answers neighbours until it is dropped.
#[derive(Debug)]
pub(super) struct Answering {
    task: JoinHandle<()>,
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Begins to answer; `None` where the volume carries no sockets.
pub(super) fn serve(handle: Handle, login: &settings::Login, volume: &Volume) -> Option<Answering> {
    let path = volume.keeper_socket();
    // We hold the lock: what is there is a dead one's.
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path)
        .inspect_err(|error| {
            tracing::warn!(
                "the volume carries no sockets ({error}): while this runs, other containers cannot use the login"
            );
        })
        .ok()?;
    let _ = std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600));
    let router = Router::new()
        .route("/status", get(status))
        .route("/renew", post(renew))
        .route("/compare", post(compare))
        .with_state(Answers {
            handle,
            login: login.clone(),
            turn: Arc::default(),
        });
    Some(Answering {
        task: tokio::spawn(async move {
            // Ends only with its task.
            let _ = axum::serve(listener, router).await;
        }),
    })
}

async fn status(State(Answers { handle, .. }): State<Answers>) -> Json<Status> {
    let _ = handle.credentials(FIRST_TRY).await;
    Json(handle.status())
}

async fn renew(State(Answers { handle, .. }): State<Answers>) -> Json<Result<(), Trouble>> {
    Json(handle.renew(RENEWAL).await)
}

async fn compare(
    State(answers): State<Answers>,
    Json(theirs): Json<Compared>,
) -> Json<Option<String>> {
    let ours = answers.handle.status().terms;
    let differences = ours.and_then(|ours| ours.differences(&theirs.terms));
    let Some(mark) = theirs.password.filter(|_| differences.is_none()) else {
        return Json(differences);
    };
    let _turn = answers.turn.lock().await;
    let is_ours = mark.fits(answers.login.password).await;
    Json((!is_ours).then(|| PASSWORD.to_owned()))
}

/// The keeper of a volume, as a command with these settings sees it.
#[derive(Debug, Clone, Copy)]
pub struct Neighbour<'a> {
    settings: &'a Settings,
    login: &'a settings::Login,
    volume: &'a Volume,
}

impl<'a> Neighbour<'a> {
    /// Whoever keeps the login of this volume; `None` where the storage needs none.
    #[must_use]
    pub fn new(settings: &'a Settings, volume: &'a Volume) -> Option<Self> {
        Some(Self {
            settings,
            login: settings.login.as_ref()?,
            volume,
        })
    }

    /// What it knows; `None` where there is nobody, or nobody in our reach.
    ///
    /// Of one with other settings only that is told: neither its credentials nor its troubles are ours.
    pub async fn status(self) -> Option<Status> {
        let told = self.told().await?;
        let foreign = match (self.other_terms(&told), &told.trouble) {
            (Some(other), _) => Some(other),
            (None, Some(trouble)) => self.other_password(trouble).await,
            (None, None) => None,
        };
        Some(match foreign {
            Some(trouble) => Status {
                trouble: Some(trouble),
                credentials: None,
                agent: None,
                ..told
            },
            None => told,
        })
    }

    /// Lets it renew the credentials now, and gives how that ended; `None` as with [`Self::status`].
    ///
    /// Its password is judged by that end alone: what it knows from before may be about the login before this one.
    pub async fn renew(self) -> Option<Result<(), Trouble>> {
        if let Some(other) = self.other_terms(&self.told().await?) {
            return Some(Err(other));
        }
        let end = ask(self.volume, RENEWAL * 2, |at| at.post(url("renew"))).await?;
        Some(match end {
            Err(trouble) => Err(self.other_password(&trouble).await.unwrap_or(trouble)),
            Ok(()) => Ok(()),
        })
    }

    /// That it works with other settings, be it another `OIDC_PASSWORD`, whatever login is saved.
    ///
    /// `None` also where there is nobody, where it is silent, or too old to be asked this.
    pub async fn other_settings(self) -> Option<Trouble> {
        let is_person = self.login.service.is_none();
        let ours = Compared {
            terms: Terms::new(self.login, &self.settings.trust),
            password: if is_person {
                Mark::of(self.login.password.clone()).await
            } else {
                None
            },
        };
        let told: Option<Option<String>> = ask(self.volume, COMPARISON, |at| {
            at.post(url("compare")).json(&ours)
        })
        .await;
        let variables = told??;
        Some(Trouble::OtherSettings { variables })
    }

    /// That it gives no answer; `None` where there is nobody.
    #[must_use]
    pub fn silent(self) -> Option<Trouble> {
        let holder = self.volume.keeper().ok()??;
        Some(silent(self.volume, holder.as_ref()))
    }

    /// What it tells, as it is.
    async fn told(self) -> Option<Status> {
        ask(self.volume, FIRST_TRY * 2, |at| at.get(url("status"))).await
    }

    fn other_terms(self, told: &Status) -> Option<Trouble> {
        let ours = Terms::new(self.login, &self.settings.trust);
        let variables = told.terms.as_ref()?.differences(&ours)?;
        Some(Trouble::OtherSettings { variables })
    }

    /// What to tell in place of its wrong password where ours is right.
    async fn other_password(self, trouble: &Trouble) -> Option<Trouble> {
        // In one container there is one environment.
        let is_here = || matches!(self.volume.keeper(), Ok(Some(Some(holder))) if holder.is_here());
        if *trouble != Trouble::WrongPassword || is_here() {
            return None;
        }
        let account = &self.login.account;
        let current = Store::new(&self.settings.home)
            .current(account)
            .ok()
            .flatten()?;
        let password = &self.login.password;
        read_account(
            &self.settings.environment,
            &current.folder,
            account,
            password,
        )
        .await
        .is_ok()
        .then(|| Trouble::OtherSettings {
            variables: PASSWORD.to_owned(),
        })
    }
}

/// That who holds the login's lock gives no answer.
pub(super) fn silent(volume: &Volume, holder: Option<&Holder>) -> Trouble {
    let server = volume.server().ok().flatten().flatten();
    let is_server = holder.zip(server.as_ref()).is_some_and(|(holder, server)| {
        holder.container.is_some() && holder.container == server.container
    });
    let name = Holder::describe(holder);
    Trouble::Neighbour {
        holder: if is_server {
            format!("the running server, {name}")
        } else {
            name
        },
        is_server,
    }
}

fn url(what: &str) -> String {
    format!("http://localhost/{what}")
}

async fn ask<T: DeserializeOwned>(
    volume: &Volume,
    deadline: Duration,
    question: impl FnOnce(&reqwest::Client) -> reqwest::RequestBuilder,
) -> Option<T> {
    // Plain HTTP only: no certificates are loaded, no proxy stands between us and the socket.
    let client = reqwest::Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .timeout(deadline)
        .unix_socket(volume.keeper_socket())
        .build()
        .ok()?;
    let answer = question(&client).send().await.ok()?;
    answer.json().await.ok()
}
