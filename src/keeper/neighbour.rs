//! What the keeper tells its neighbours on the volume: HTTP over a socket in a folder that only our user can enter.
//!
//! `GET /status` waits for the first try and gives [`Status`]; `POST /renew` renews now and gives how that ended.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use serde::de::DeserializeOwned;
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

use crate::identity::agent::read_account;
use crate::identity::store::Store;
use crate::settings::{self, Settings};
use crate::trouble::Trouble;
use crate::volume::Volume;

use super::{Handle, Status, Terms};

/// A question about the status is answered within this time, be it with nothing known.
const FIRST_TRY: Duration = Duration::from_secs(8);
/// The longest renewal: a token and credentials, each of which may need a second try.
const RENEWAL: Duration = Duration::from_mins(1);

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
pub(super) fn serve(handle: Handle, volume: &Volume) -> Option<Answering> {
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
        .with_state(handle);
    Some(Answering {
        task: tokio::spawn(async move {
            // Ends only with its task.
            let _ = axum::serve(listener, router).await;
        }),
    })
}

async fn status(State(handle): State<Handle>) -> Json<Status> {
    let _ = handle.credentials(FIRST_TRY).await;
    Json(handle.status())
}

async fn renew(State(handle): State<Handle>) -> Json<Result<(), Trouble>> {
    Json(handle.renew(RENEWAL).await)
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
        let end = request(self.volume, reqwest::Method::POST, "renew", RENEWAL * 2).await?;
        Some(match end {
            Err(trouble) => Err(self.other_password(&trouble).await.unwrap_or(trouble)),
            Ok(()) => Ok(()),
        })
    }

    /// What it tells, as it is.
    async fn told(self) -> Option<Status> {
        request(self.volume, reqwest::Method::GET, "status", FIRST_TRY * 2).await
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
            variables: "OIDC_PASSWORD".to_owned(),
        })
    }
}

async fn request<T: DeserializeOwned>(
    volume: &Volume,
    method: reqwest::Method,
    what: &str,
    deadline: Duration,
) -> Option<T> {
    // Plain HTTP only: no certificates are loaded, no proxy stands between us and the socket.
    let client = reqwest::Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .timeout(deadline)
        .unix_socket(volume.keeper_socket())
        .build()
        .ok()?;
    let answer = client
        .request(method, format!("http://localhost/{what}"))
        .send()
        .await
        .ok()?;
    answer.json().await.ok()
}
