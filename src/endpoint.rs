//! Where the REST server of restic's protocol is, and what it answers: the one place that asks it over HTTP.
//!
//! The protocol: restic's "REST Backend" reference (HEAD /config; GET /keys/ with the version 2 media type).

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::settings::Access;
use secrecy::ExposeSecret;

/// One request may take this long: credentials may have to be fetched on the way.
const ATTEMPT: Duration = Duration::from_secs(10);
/// A server that fails or does not answer is asked again for this long.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(250);
/// Version 2 lists objects with their sizes; rclone serves no other.
const LISTING: &str = "application/vnd.x.restic.rest.v2";

/// A file of a list.
#[derive(Debug, Deserialize)]
struct ListedFile {
    size: u64,
}

/// Where the server behind this socket leaves what its storage has complained of.
#[must_use]
pub fn complaints(socket: &Path) -> PathBuf {
    socket.with_extension("complaint")
}

/// A REST server that serves one repository.
#[derive(Debug)]
pub struct Endpoint {
    url: String,
    client: reqwest::Client,
    login: Option<(String, String)>,
    restic_url: String,
    complaints: Option<PathBuf>,
}

impl Endpoint {
    /// The server behind a unix socket.
    pub fn socket(path: PathBuf, access: &Access) -> Result<Self> {
        let restic_url = format!("rest:http+unix://{}:/", path.display());
        Self::new(
            "http://localhost".to_owned(),
            restic_url,
            access,
            Some(complaints(&path)),
            |builder| builder.unix_socket(path),
        )
    }

    /// The server on a port of loopback.
    pub fn loopback(port: u16, access: &Access) -> Result<Self> {
        let url = format!("http://127.0.0.1:{port}");
        let restic_url = format!("rest:{url}/");
        Self::new(url, restic_url, access, None, |builder| builder)
    }

    fn new(
        url: String,
        restic_url: String,
        access: &Access,
        complaints: Option<PathBuf>,
        reach: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Result<Self> {
        let login = match access {
            Access::Login { username, password } => {
                Some((username.clone(), password.expose_secret().to_owned()))
            }
            Access::Local | Access::Anonymous => None,
        };
        // Plain HTTP only: no certificates are loaded, no proxy stands between us and our own container.
        let builder = reqwest::Client::builder()
            .tls_certs_only([])
            .no_proxy()
            .timeout(ATTEMPT);
        let client = reach(builder).build().map_err(|error| Error::System {
            what: "making an HTTP client",
            source: std::io::Error::other(error),
        })?;
        Ok(Self {
            url,
            client,
            login,
            restic_url,
            complaints,
        })
    }

    /// What the storage has said last of a request that failed, in rclone's words, since then; as far as that is known here.
    #[must_use]
    pub fn complaint(&self, since: SystemTime) -> Option<String> {
        let file = self.complaints.as_ref()?;
        let written = std::fs::metadata(file).and_then(|meta| meta.modified());
        // A file has the time of the kernel's last tick.
        if written.ok()? + Duration::from_millis(50) < since {
            return None;
        }
        let said = std::fs::read_to_string(file).ok()?;
        Some(said).filter(|said| !said.is_empty())
    }

    /// The repository as restic takes it.
    #[must_use]
    pub fn restic_url(&self) -> &str {
        &self.restic_url
    }

    /// Whether the server answers at all, be it with an error.
    pub async fn answers(&self) -> bool {
        self.ask(Method::HEAD, "config").await.is_ok()
    }

    /// Whether a repository is there and can be read; asks again for a while where the server fails or is not up.
    pub async fn has_repository(&self) -> Result<bool> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.has_repository_now().await {
                Err(error) if is_transient(&error) => {
                    if Instant::now() + PAUSE >= until {
                        return Err(match error {
                            Error::NoAnswer { .. } => Error::NoAnswer { after: PATIENCE },
                            other => other,
                        });
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                end => return end,
            }
        }
    }

    /// The same, asked once.
    ///
    /// The keys are listed too: of a config once seen rclone tells from its cache, a list it asks of the storage.
    pub async fn has_repository_now(&self) -> Result<bool> {
        if !self.has_config().await? {
            return Ok(false);
        }
        match self.count("keys").await? {
            0 => Err(Error::NoKeys),
            _ => Ok(true),
        }
    }

    async fn has_config(&self) -> Result<bool> {
        let begun = SystemTime::now();
        match self.ask(Method::HEAD, "config").await?.status() {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            status => Err(self.refused(status, "the config", begun)),
        }
    }

    /// How many files of a kind (`keys`, `snapshots`) are listed.
    pub async fn count(&self, kind: &'static str) -> Result<usize> {
        let begun = SystemTime::now();
        let answer = self.ask(Method::GET, &format!("{kind}/")).await?;
        if answer.status() != StatusCode::OK {
            let what = if kind == "keys" {
                "the list of keys"
            } else {
                "the list of snapshots"
            };
            return Err(self.refused(answer.status(), what, begun));
        }
        let body = answer
            .bytes()
            .await
            .map_err(|_| Error::NoAnswer { after: ATTEMPT })?;
        let list: Option<Vec<IgnoredAny>> =
            serde_json::from_slice(&body).map_err(|_| Error::ServerFailed {
                last_words: format!("its list of {kind} is not JSON"),
            })?;
        Ok(list.map_or(0, |list| list.len()))
    }

    /// How many bytes the files of the repository take on the storage; `None` where that is not known in time.
    pub async fn size(&self, deadline: Duration) -> Option<u64> {
        let sum = async {
            let mut size = 0;
            for kind in ["data", "index", "snapshots", "keys"] {
                let request = self.request(Method::GET, &format!("{kind}/"));
                let answer = request.timeout(deadline).send().await.ok()?;
                if answer.status() != StatusCode::OK {
                    return None;
                }
                let files: Option<Vec<ListedFile>> = answer.json().await.ok()?;
                let sizes = files.unwrap_or_default();
                size += sizes.iter().map(|file| file.size).sum::<u64>();
            }
            Some(size)
        };
        tokio::time::timeout(deadline, sum).await.ok().flatten()
    }

    fn refused(&self, status: StatusCode, what: &'static str, begun: SystemTime) -> Error {
        match status {
            StatusCode::UNAUTHORIZED => Error::Unauthorised,
            StatusCode::FORBIDDEN => Error::StorageForbidden { what },
            status => Error::StorageFailing {
                status: status.as_u16(),
                what,
                complaint: self.complaint(begun),
            },
        }
    }

    async fn ask(&self, method: Method, resource: &str) -> Result<reqwest::Response> {
        self.request(method, resource)
            .send()
            .await
            .map_err(|_| Error::NoAnswer { after: ATTEMPT })
    }

    fn request(&self, method: Method, resource: &str) -> reqwest::RequestBuilder {
        let request = self
            .client
            .request(method, format!("{}/{resource}", self.url))
            .header("Accept", LISTING);
        match &self.login {
            Some((username, password)) => request.basic_auth(username, Some(password)),
            None => request,
        }
    }
}

fn is_transient(error: &Error) -> bool {
    matches!(error, Error::NoAnswer { .. } | Error::StorageFailing { .. })
}
