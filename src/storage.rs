//! rclone: the storage behind restic's REST protocol, as a supervised `rclone serve restic`.
//!
//! Its options and environment are those of rclone's documentation for `serve restic`; the secrets of the server go
//! by `RCLONE_USER` and `RCLONE_PASS`, never by arguments.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use secrecy::ExposeSecret;
use tokio::time::Instant;

use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::settings::{Access, Settings};
use crate::supervise::{Invocation, Service, State, find_program};

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
    endpoint: Endpoint,
}

impl Server {
    /// Starts rclone and returns when it answers, whatever its storage says.
    pub async fn start(settings: &Settings, listeners: &Listeners) -> Result<Self> {
        let invocation = serve(settings, listeners)?;
        let endpoint = Endpoint::socket(listeners.socket.clone(), &settings.rest.access)?;
        // The caller holds the lock of the volume, or the folder is its own: nobody else's socket is removed.
        let server = Self {
            service: Service::start(
                invocation,
                settings.environment.redactor(),
                Some(listeners.socket.clone()),
                EMPTY_LISTING,
            ),
            endpoint,
        };
        server.answer().await?;
        Ok(server)
    }

    async fn answer(&self) -> Result<()> {
        let until = Instant::now() + START;
        while Instant::now() < until {
            if self.endpoint.answers().await {
                return Ok(());
            }
            if let State::Waiting { last_words } = self.service.state() {
                return Err(Error::ServerFailed { last_words });
            }
            tokio::time::sleep(POLL).await;
        }
        Err(Error::NoAnswer { after: START })
    }

    /// Where it is reached.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Lets it finish what it is doing, for at most this long.
    pub async fn stop(self, grace: Duration) {
        self.service.stop(grace).await;
    }
}

/// The port of the server, as an address to listen on.
#[must_use]
pub fn address(access: &Access, port: u16) -> String {
    match access {
        Access::Local => format!("127.0.0.1:{port}"),
        Access::Anonymous | Access::Login { .. } => format!(":{port}"),
    }
}

fn serve(settings: &Settings, listeners: &Listeners) -> Result<Invocation> {
    let config = settings.home.join(".config/rclone/rclone.conf");
    require_section(settings, &config)?;
    let mut args: Vec<OsString> = vec!["serve".into(), "restic".into()];
    args.extend([
        "--addr".into(),
        format!("unix://{}", listeners.socket.display()).into(),
    ]);
    if let Some(address) = &listeners.port {
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

    let mut env = settings.environment.for_rclone();
    if let Access::Login { username, password } = &settings.rest.access {
        env.push(("RCLONE_USER".to_owned(), username.clone()));
        env.push((
            "RCLONE_PASS".to_owned(),
            password.expose_secret().to_owned(),
        ));
    }
    Ok(Invocation {
        name: "rclone",
        program: find_program("rclone", settings.environment.path())?,
        args,
        env,
        death_signal: Signal::SIGTERM,
    })
}

/// A remote `name:path` needs its section, in the file or in the environment.
fn require_section(settings: &Settings, config: &Path) -> Result<()> {
    let Some(section) = settings.remote.section() else {
        return Ok(());
    };
    let in_file = std::fs::read_to_string(config).is_ok_and(|text| {
        text.lines()
            .any(|line| line.trim() == format!("[{section}]"))
    });
    if in_file || settings.environment.defines_section(section) {
        return Ok(());
    }
    Err(Error::NotConfigured {
        section: section.to_owned(),
        file: config.to_owned(),
    })
}
