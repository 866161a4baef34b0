//! Where rclone fetches its credentials: an HTTP endpoint on loopback, for whoever has its random token.
//!
//! The form is that of the container credentials provider of the AWS SDKs ("Container credential provider" in their
//! reference guide). It keeps nothing: each request asks its source, which keeps credentials and renews them.

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::Credentials;
use crate::error::{Error, Result};
use crate::trouble::Trouble;

const PATH: &str = "/credentials";
/// A source that takes longer has forgotten its own deadlines; who asks waits for minutes, if it is let.
const SOURCE: Duration = Duration::from_secs(30);
/// What says that there are no credentials. 5xx would be the truer word, and rclone then asks again for minutes before
/// it shows the sentence; with a 400 it fails at once, and asks anew at the next request.
const UNAVAILABLE: StatusCode = StatusCode::BAD_REQUEST;
/// What an SDK shows before the sentence.
const CODE: &str = "NoCredentials";

/// A running endpoint; it ends when this is dropped.
pub struct LoopbackEndpoint {
    url: String,
    token: SecretString,
    /// Dropped, it tells the server to end.
    _life: oneshot::Sender<()>,
}

impl fmt::Debug for LoopbackEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoopbackEndpoint({})", self.url)
    }
}

impl LoopbackEndpoint {
    /// Listens on a port of loopback that the system chooses, and asks `source` at each request.
    ///
    /// The source should answer at once, from what it keeps; its future is dropped when the asker goes away.
    pub async fn start<S, F>(source: S) -> Result<Self>
    where
        S: Fn() -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Credentials, Trouble>> + Send + 'static,
    {
        let token = random_token()?;
        let cannot_listen = |source| Error::System {
            what: "listening on loopback",
            source,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(cannot_listen)?;
        let port = listener.local_addr().map_err(cannot_listen)?.port();
        let shared = Arc::new(Shared {
            source,
            token: token.clone(),
            patience: SOURCE,
        });
        let router = Router::new()
            .route(PATH, routing::get(answer::<S, F>))
            .fallback(elsewhere)
            .with_state(shared);
        let (life, end) = oneshot::channel::<()>();
        let server = axum::serve(listener, router).with_graceful_shutdown(async {
            // An error is the drop of the other half, which is what is waited for.
            let _ = end.await;
        });
        tokio::spawn(server.into_future());
        Ok(Self {
            url: format!("http://{}:{port}{PATH}", Ipv4Addr::LOCALHOST),
            token,
            _life: life,
        })
    }

    /// The environment that makes an AWS SDK ask here. The token in it is a secret: it opens the storage.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, String)> {
        vec![
            (
                "AWS_CONTAINER_CREDENTIALS_FULL_URI".to_owned(),
                self.url.clone(),
            ),
            (
                "AWS_CONTAINER_AUTHORIZATION_TOKEN".to_owned(),
                self.token.expose_secret().to_owned(),
            ),
        ]
    }
}

struct Shared<S> {
    source: S,
    token: SecretString,
    /// How long the source may take.
    patience: Duration,
}

async fn answer<S, F>(State(shared): State<Arc<Shared<S>>>, headers: HeaderMap) -> Response
where
    S: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = Result<Credentials, Trouble>> + Send + 'static,
{
    let given = headers
        .get(AUTHORIZATION)
        .map_or(&[][..], |value| value.as_bytes());
    if !bool::from(given.ct_eq(shared.token.expose_secret().as_bytes())) {
        return refusal(
            StatusCode::UNAUTHORIZED,
            "this endpoint wants its AWS_CONTAINER_AUTHORIZATION_TOKEN",
        );
    }
    match tokio::time::timeout(shared.patience, (shared.source)()).await {
        Ok(Ok(credentials)) => ([(CACHE_CONTROL, "no-store")], Json(credentials)).into_response(),
        Ok(Err(trouble)) => refusal(UNAVAILABLE, &trouble.to_string()),
        Err(_) => refusal(
            UNAVAILABLE,
            &format!("no credentials within {} s", shared.patience.as_secs()),
        ),
    }
}

/// Never a 404: rclone takes one from here for one of the storage, and shows a full repository as an empty one.
async fn elsewhere() -> Response {
    refusal(UNAVAILABLE, "there is nothing at this address")
}

/// An error in the form that the SDKs read and show.
fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "code": CODE, "message": message }))).into_response()
}

/// 256 random bits, in characters that a header takes.
fn random_token() -> Result<SecretString> {
    let mut bytes = [0; 32];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| Error::System {
            what: "getting random numbers",
            source: std::io::ErrorKind::Other.into(),
        })?;
    Ok(URL_SAFE_NO_PAD.encode(bytes).into())
}

#[cfg(test)]
mod tests;
