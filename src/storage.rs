//! rclone: the storage behind restic's REST protocol, as a supervised `rclone serve restic`.
//!
//! Its options and environment are those of rclone's documentation for `serve restic`; the secrets of the server go
//! by `RCLONE_USER` and `RCLONE_PASS`, never by arguments.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::time::Instant;

use crate::endpoint::{self, Endpoint};
use crate::error::{Error, Result};
use crate::settings::{Access, Settings};
use crate::supervise::{Invocation, Lines, Service, State};
use crate::volume::Volume;

pub mod bucket;
pub mod config;
mod ini;
mod passage;
mod patched;
mod place;
pub mod probe;
pub mod profile;
mod rclone;
mod supply;

use passage::Passage;
pub use patched::RISKS;
pub use place::Place;
pub use rclone::{Rclone, require_section};
pub use supply::{Supply, s3_environment};

/// rclone is up within this time, or something is wrong.
const START: Duration = Duration::from_secs(20);
/// How often it is asked whether it is up.
const POLL: Duration = Duration::from_millis(20);

/// What rclone calls an error, and answers with an empty list: nothing was stored there yet.
const EMPTY_LISTING: &str = "error listing: directory not found";

/// Where the server listens.
#[derive(Debug)]
pub struct Listeners {
    /// The unix socket for our own jobs.
    pub socket: PathBuf,
    /// The port of loopback or of all interfaces, where one is wanted.
    pub port: Option<String>,
}

/// A running REST server.
#[derive(Debug)]
pub struct Server {
    service: Service,
    /// Serves the port in its place, where the port is append-only.
    guarded: Option<Service>,
    endpoint: Endpoint,
    /// Only where rclone knows no unix sockets.
    passage: Option<Passage>,
}

impl Server {
    /// Starts rclone and returns when it answers, whatever its storage says.
    ///
    /// `supply` opens the storage of the login; without it the remote is one of the user's own.
    pub async fn start(
        settings: &Settings,
        volume: &Volume,
        listeners: &Listeners,
        supply: Option<&Supply>,
    ) -> Result<Self> {
        let rclone = Rclone::find(settings, volume, supply).await?;
        if supply.is_none() || rclone.is_patched() {
            require_section(settings)?;
        }
        // The caller holds the lock of the volume, or the folder is its own: nobody else's socket is removed.
        let socket = listeners.socket.clone();
        let is_guarded = settings.rest.append_only;
        let (guarded_port, port) = (
            listeners.port.clone().filter(|_| is_guarded),
            listeners.port.clone().filter(|_| !is_guarded),
        );
        // The patched one is built on 1.58, and rclone listens on unix sockets from 1.61 on.
        let (addresses, passage) = if rclone.is_patched() {
            let (address, passage) = Passage::open(&socket, port.as_deref())?;
            (vec![address], Some(passage))
        } else {
            let unix = format!("unix://{}", socket.display());
            let addresses = [unix].into_iter().chain(port);
            (addresses.collect(), None)
        };
        let server = Self {
            service: Service::start(
                serve(settings, &rclone, &addresses),
                settings.environment.redactor(),
                passage.is_none().then(|| socket.clone()),
                Lines {
                    no_news: EMPTY_LISTING,
                    complaints: Some(endpoint::complaints(&socket)),
                },
            ),
            guarded: guarded_port.map(|port| {
                Service::start(
                    append_only(serve(settings, &rclone, &[port])),
                    settings.environment.redactor(),
                    None,
                    // It is for strangers, whose errors are no job's.
                    Lines {
                        no_news: EMPTY_LISTING,
                        complaints: None,
                    },
                )
            }),
            endpoint: Endpoint::socket(socket, &settings.rest.access)?,
            passage,
        };
        answer(&server.service, &server.endpoint).await?;
        if let Some(guarded) = &server.guarded {
            let port = Endpoint::loopback(settings.rest.port, &settings.rest.access)?;
            answer(guarded, &port).await?;
        }
        Ok(server)
    }

    /// Where it is reached.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether it is INFN's patched rclone that serves, with [`RISKS`].
    #[must_use]
    pub fn is_patched(&self) -> bool {
        self.passage.is_some()
    }

    /// Lets it finish what it is doing, for at most this long.
    pub async fn stop(self, grace: Duration) {
        let guarded = async {
            if let Some(guarded) = self.guarded {
                guarded.stop(grace).await;
            }
        };
        tokio::join!(self.service.stop(grace), guarded);
    }
}

/// Waits until it answers there.
async fn answer(service: &Service, endpoint: &Endpoint) -> Result<()> {
    let until = Instant::now() + START;
    while Instant::now() < until {
        if endpoint.answers().await {
            return Ok(());
        }
        if let State::Waiting { last_words } = service.state() {
            return Err(Error::ServerFailed { last_words });
        }
        tokio::time::sleep(POLL).await;
    }
    Err(Error::NoAnswer { after: START })
}

/// The port of the server, as an address to listen on.
#[must_use]
pub fn address(access: &Access, port: u16) -> String {
    match access {
        Access::Local => format!("127.0.0.1:{port}"),
        Access::Anonymous | Access::Login { .. } => format!(":{port}"),
    }
}

fn serve(settings: &Settings, rclone: &Rclone, addresses: &[String]) -> Invocation {
    let config = config::path(&settings.home);
    let mut args: Vec<OsString> = vec!["serve".into(), "restic".into()];
    for address in addresses {
        args.extend(["--addr".into(), address.into()]);
    }
    // Our log has its own times.
    args.push("--log-format=".into());
    // Without a file rclone would warn at each start that there is none.
    let file = if config.exists() {
        config.as_path()
    } else {
        Path::new("/dev/null")
    };
    args.extend([
        "--config".into(),
        file.into(),
        settings.remote.as_str().into(),
    ]);
    let mut invocation = rclone.serving(args);
    if let Access::Login { username, password } = &settings.rest.access {
        invocation.env.extend([
            ("RCLONE_USER".to_owned(), username.clone()),
            (
                "RCLONE_PASS".to_owned(),
                password.expose_secret().to_owned(),
            ),
        ]);
    }
    invocation
}

/// The same server, by which objects can be added, and nothing but locks removed: rclone's `--append-only`.
fn append_only(mut invocation: Invocation) -> Invocation {
    let args = &mut invocation.args;
    // Behind the names of the commands; a variable of the user's own does not go before it.
    args.insert(2, "--append-only".into());
    invocation
}

#[cfg(test)]
mod tests;
