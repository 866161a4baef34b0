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

use crate::trouble::Trouble;
use crate::volume::Volume;

use super::{Handle, Status};

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

/// What the keeper of this volume knows; `None` where there is none, or none in our reach.
pub async fn ask(volume: &Volume) -> Option<Status> {
    request(volume, reqwest::Method::GET, "status", FIRST_TRY * 2).await
}

/// Lets the keeper of this volume renew the credentials now, and gives how that ended; `None` as with [`ask`].
pub async fn ask_for_renewal(volume: &Volume) -> Option<Result<(), Trouble>> {
    request(volume, reqwest::Method::POST, "renew", RENEWAL * 2).await
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
