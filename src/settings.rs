//! The environment, read once, as typed settings.
//!
//! The variables are those of the user guide and `.env.example`. Every secret is also read from the file that
//! `NAME_FILE` names; an empty value is an unset one; all problems are told together; none shows a secret.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use secrecy::SecretString;
use serde::Deserialize;
use tracing_subscriber::filter::LevelFilter;

use crate::error::{Error, Result};
use crate::log::{Format, Logging};
use crate::privileges;
use crate::trust::Trust;

mod checks;
mod destination;
mod environment;
mod file;
mod login;
mod names;
mod quota;
mod remote;
mod rest;
mod secret_files;
mod snapshots;

pub use checks::Checks;
pub use destination::Destination;
pub use environment::Environment;
pub use file::variables;
pub use login::{Client, Flow, Login, ObjectStorage, SECTION, USUAL_SESSION};
pub use names::{Unknown, unknown};
pub use remote::Remote;
pub use rest::{Access, Rest};
pub use snapshots::SnapshotBound;

use secret_files::{SECRETS, read_secret_files};

/// As the guide's `compose.yaml` names it.
const DEFAULT_CONTAINER: &str = "cloud-backup";
/// What `docker stop` allows before it kills, unless it is told another time.
const DEFAULT_GRACE: Duration = Duration::from_secs(10);
/// Below this the phases of a stop have no time left to happen one after the other.
const MIN_GRACE: Duration = Duration::from_secs(5);

/// One thing wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    variable: String,
    message: String,
}

impl Problem {
    pub(crate) fn new(variable: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            variable: variable.into(),
            message: message.into(),
        }
    }
}

impl Problem {
    /// Which variable it is about.
    #[must_use]
    pub fn variable(&self) -> &str {
        &self.variable
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.variable, self.message)
    }
}

/// Everything the program takes from its environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The home folder, which the volume holds.
    pub home: PathBuf,
    /// Which of the two destinations this is about; the remote, the login and the password are those of it.
    pub destination: Destination,
    /// Where the repository is stored.
    pub remote: Remote,
    /// Where `copy` copies it.
    second: destination::Wish,
    /// The login that opens it, where it needs one.
    pub login: Option<Login>,
    /// Whom to trust beside the system's certificate authorities.
    pub trust: Trust,
    /// The key of the repository; on a host it may be missing, see [`Self::restic_password`].
    restic_password: Option<SecretString>,
    /// How the REST server is reached.
    pub rest: Rest,
    /// Where each job reports.
    pub checks: Checks,
    /// The container's name, by which the schedule file calls it.
    pub container: String,
    /// How many snapshots `forget` may leave.
    pub snapshot_bound: SnapshotBound,
    /// How many bytes the storage takes of this user, where there is such a bound.
    pub quota: Option<u64>,
    /// How long a stop may take, as `docker stop` counts it.
    pub stop_grace: Duration,
    /// What the server logs, and how.
    pub logging: Logging,
    /// What children get, and what must not be shown.
    pub environment: Environment,
    /// Settings that are wrong and not worth failing a backup for.
    pub warnings: Vec<Problem>,
}

/// The variables as they stand in the environment, before any is understood.
#[derive(Debug, Deserialize)]
struct Raw {
    home: Option<String>,
    aai_user: Option<String>,
    oidc_password: Option<String>,
    oidc_flow: Option<String>,
    oidc_issuer: Option<String>,
    oidc_device_endpoint: Option<String>,
    oidc_account: Option<String>,
    oidc_scope: Option<String>,
    oidc_audience: Option<String>,
    oidc_client_id: Option<String>,
    oidc_client_secret: Option<String>,
    token_warn_days: Option<String>,
    s3_endpoint: Option<String>,
    s3_region: Option<String>,
    s3_role: Option<String>,
    sts_duration: Option<String>,
    s3_bucket: Option<String>,
    backup_bucket: Option<String>,
    backup_bucket_path: Option<String>,
    backup_remote: Option<String>,
    copy_remote: Option<String>,
    copy_password: Option<String>,
    destination: Option<String>,
    restic_password: Option<String>,
    restic_rest_username: Option<String>,
    restic_rest_password: Option<String>,
    restic_rest_port: Option<String>,
    restic_rest_anonymous: Option<String>,
    restic_rest_append_only: Option<String>,
    container_name: Option<String>,
    max_snapshots: Option<String>,
    quota: Option<String>,
    stop_grace: Option<String>,
    log_format: Option<String>,
    log_level: Option<String>,
}

impl Raw {
    fn home(&self) -> PathBuf {
        PathBuf::from(self.home.as_deref().unwrap_or("/home/user"))
    }
}

/// What decides where the storage is and how it is opened.
struct Given<'a> {
    raw: &'a Raw,
    flow: Flow,
    environment: &'a Environment,
}

impl Settings {
    /// Reads the settings from variables, such as `std::env::vars_os()` gives them.
    pub fn from_vars(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self> {
        let mut problems = Vec::new();
        let mut vars = utf8_pairs(vars, &mut problems);
        read_secret_files(&mut vars, &mut problems);
        vars.retain(|_, value| !value.trim().is_empty());

        let Ok(raw) = envy::from_iter::<_, Raw>(vars.clone()) else {
            // Every field is an optional text, so this is unreachable; envy's own message could show a value.
            problems.push(Problem::new("the environment", "cannot be read"));
            return Err(Error::Settings(problems));
        };

        let mut warnings = Vec::new();
        let environment = Environment::new(vars);
        if let Some(message) = privileges::strange_home(&environment) {
            problems.push(Problem::new("HOME", message));
        }
        let destination = destination::parse(raw.destination.as_deref(), &mut problems);
        let given = Given {
            raw: &raw,
            flow: login::flow(raw.oidc_flow.as_deref(), &mut problems),
            environment: &environment,
        };
        let place = destination::place(destination, &given, &mut problems);
        let second = destination::wish(destination, &given, place.as_ref());
        warnings.extend(second.problems().iter().cloned());
        let trust = trust(&environment, &mut problems);
        let rest = rest::parse(&raw, &mut problems);
        let snapshot_bound = snapshots::parse(raw.max_snapshots.as_deref(), &mut problems);
        let quota = quota::parse(
            raw.quota.as_deref(),
            // The 200 GB are a person's.
            place
                .as_ref()
                .and_then(|place| place.login.as_ref())
                .is_some_and(|login| login.service.is_none()),
            &mut warnings,
        );
        let stop_grace = parse_grace(raw.stop_grace.as_deref(), &mut problems);
        let logging = parse_logging(&raw, &mut problems);
        let checks = Checks::parse(environment.vars(), &mut warnings);

        let home = raw.home();
        match (place, rest) {
            (Some(place), Some(rest)) if problems.is_empty() => Ok(Self {
                home,
                destination,
                remote: place.remote,
                second,
                login: place.login,
                trust,
                restic_password: place.password,
                rest,
                checks,
                container: raw
                    .container_name
                    .map_or(DEFAULT_CONTAINER.to_owned(), |name| name.trim().to_owned()),
                snapshot_bound,
                quota,
                stop_grace,
                logging,
                environment,
                warnings,
            }),
            _ => Err(Error::Settings(problems)),
        }
    }
}

fn no_restic_password() -> Problem {
    Problem::new(
        "RESTIC_PASSWORD",
        "is missing: choose the password that encrypts the repository",
    )
}

impl Settings {
    /// The same for the second destination, to copy to.
    pub fn second(&self) -> Result<Self> {
        let place = self.second.place().map_err(Error::Settings)?;
        Ok(Self {
            destination: Destination::Copy,
            remote: place.remote,
            login: place.login,
            restic_password: place.password,
            second: destination::Wish::default(),
            ..self.clone()
        })
    }

    /// Whether there is a second destination.
    #[must_use]
    pub fn has_second(&self) -> bool {
        self.second.is_there()
    }

    /// The settings of this process, by [`variables`].
    pub fn of_process() -> Result<Self> {
        file::of_user().map_err(|problem| Error::Settings(vec![problem]))?;
        Self::from_vars(variables())
    }

    /// The key of the repository. In the image it is known to be there; a host may have the login alone.
    pub fn restic_password(&self) -> Result<&SecretString> {
        self.restic_password
            .as_ref()
            .ok_or_else(|| Error::Settings(vec![no_restic_password()]))
    }

    /// The time zone of schedules: `TZ`, else the system's. A wrong one is an error only where it is asked for.
    pub fn zone(&self) -> Result<TimeZone> {
        self.environment
            .zone()
            .map_err(|message| Error::Settings(vec![Problem::new("TZ", message)]))
    }
}

/// The certificate authorities of `EXTRA_CA_FILE`.
fn trust(environment: &Environment, problems: &mut Vec<Problem>) -> Trust {
    environment.trust().unwrap_or_else(|message| {
        problems.push(Problem::new("EXTRA_CA_FILE", message));
        Trust::default()
    })
}

/// How long a stop may take: `STOP_GRACE` of the environment, else what `docker stop` allows by default.
///
/// For PID 1, which must stop its children also where the other settings are wrong.
#[must_use]
pub fn stop_grace(value: Option<&str>) -> Duration {
    parse_grace(value, &mut Vec::new())
}

fn utf8_pairs(
    vars: impl IntoIterator<Item = (OsString, OsString)>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    for (name, value) in vars {
        let Ok(name) = name.into_string() else {
            continue;
        };
        match value.into_string() {
            Ok(value) => drop(pairs.insert(name, value)),
            Err(_) if is_ours(&name) => {
                problems.push(Problem::new(name, "is not UTF-8 text: type it again"));
            }
            Err(_) => (),
        }
    }
    pairs
}

fn is_ours(name: &str) -> bool {
    [
        "RESTIC_",
        "BACKUP_",
        "COPY_",
        "DESTINATION",
        "OIDC_",
        "FORGET_",
        "VERIFY_",
        "AAI_",
        "S3_",
        "STS_",
        "TOKEN_",
        "EXTRA_CA_",
        "MAX_SNAPSHOTS",
        "QUOTA",
    ]
    .iter()
    .any(|prefix| name.starts_with(prefix))
}

fn parse_grace(value: Option<&str>, problems: &mut Vec<Problem>) -> Duration {
    let Some(text) = value.map(str::trim).filter(|text| !text.is_empty()) else {
        return DEFAULT_GRACE;
    };
    let parsed = text
        .parse()
        .map(Duration::from_secs)
        .or_else(|_| humantime::parse_duration(text));
    match parsed {
        Ok(grace) if grace >= MIN_GRACE => grace,
        _ => {
            problems.push(Problem::new(
                "STOP_GRACE",
                "must be a time of at least 5s, such as 30s",
            ));
            DEFAULT_GRACE
        }
    }
}

fn parse_logging(raw: &Raw, problems: &mut Vec<Problem>) -> Logging {
    let format = match raw.log_format.as_deref().map(str::trim) {
        None | Some("text") => Format::Text,
        Some("json") => Format::Json,
        Some(_) => {
            problems.push(Problem::new("LOG_FORMAT", "must be text or json"));
            Format::Text
        }
    };
    let level = raw
        .log_level
        .as_deref()
        .map_or(Ok(LevelFilter::INFO), |text| text.trim().parse());
    if level.is_err() {
        problems.push(Problem::new(
            "LOG_LEVEL",
            "must be error, warn, info, debug or trace",
        ));
    }
    Logging {
        format,
        level: level.unwrap_or(LevelFilter::INFO),
    }
}

#[cfg(test)]
mod tests;
