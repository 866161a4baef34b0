//! What of the process environment children get, and the values that nothing may show.
//!
//! Children get an explicit environment: a base that every program needs, and what is meant for them by prefix.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use super::destination::DESTINATION;
use crate::supervise::Redactor;
use crate::trust::Trust;

/// Beginnings of what restic and rclone read beside their own: the S3 library's, and those of Go's runtime that matter on
/// a small machine.
const OF_GO: [&str; 7] = [
    "AWS_",
    "GODEBUG",
    "GOGC",
    "GOMAXPROCS",
    "GOMEMLIMIT",
    "XDG_",
    "LC_",
];

/// Variables that any program may need: who and where it is, its language, its proxies and its trusted certificates.
const BASE: [&str; 18] = [
    "HOME",
    "USER",
    "LOGNAME",
    "PATH",
    "TERM",
    "TMPDIR",
    "TZ",
    "LANG",
    "LANGUAGE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NO_COLOR",
];

/// Ours: what of restic's variables decides the repository and its password is set by us alone.
const RESTIC_OURS: [&str; 5] = [
    "RESTIC_REPOSITORY",
    "RESTIC_PASSWORD",
    "RESTIC_REST_",
    "RESTIC_FROM_REPOSITORY_FILE",
    "RESTIC_PROGRESS_FPS",
];

/// A variable with one of these in its name holds a secret.
const SECRET_MARKS: [&str; 6] = ["PASS", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "CHECK_URL"];

/// A shorter value is no secret: replacing it would only make the text unreadable.
const SHORTEST_SECRET: usize = 4;
/// Ping keys of Healthchecks have 22 characters, IDs of checks 36; a shorter part of a URL is a name.
const SHORTEST_PING_KEY: usize = 20;

/// The variables of this process.
#[derive(Clone)]
pub struct Environment {
    vars: BTreeMap<String, String>,
}

impl Environment {
    /// Takes the variables, secrets of files included.
    #[must_use]
    pub fn new(vars: BTreeMap<String, String>) -> Self {
        Self { vars }
    }

    /// The variables as they are, where they do not make settings; secrets of files included as far as they can be read.
    #[must_use]
    pub fn from_vars(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut vars = super::utf8_pairs(vars, &mut Vec::new());
        super::read_secret_files(&mut vars, &mut Vec::new());
        Self::new(vars)
    }

    /// `PATH`, where programs are looked for.
    #[must_use]
    pub fn path(&self) -> &str {
        self.vars
            .get("PATH")
            .map_or("/usr/local/bin:/usr/bin:/bin", String::as_str)
    }

    /// What restic gets beside repository and password.
    #[must_use]
    pub fn for_restic(&self) -> Vec<(String, String)> {
        self.select(&[&OF_GO[..], &["RESTIC_"]].concat(), &RESTIC_OURS)
    }

    /// What rclone gets beside its listeners.
    #[must_use]
    pub fn for_rclone(&self) -> Vec<(String, String)> {
        self.select(
            &[&OF_GO[..], &["RCLONE_"]].concat(),
            &["RCLONE_USER", "RCLONE_PASS", "RCLONE_ADDR"],
        )
    }

    /// The certificate authorities of `SSL_CERT_FILE` and `EXTRA_CA_FILE`; an error fits after the latter's name.
    pub fn trust(&self) -> Result<Trust, String> {
        let file = |name| {
            self.get(name)
                .map(str::trim)
                .filter(|file| !file.is_empty())
        };
        Trust::new(file("SSL_CERT_FILE"), file("EXTRA_CA_FILE"))
    }

    /// What oidc-agent and its tools get; `folder` is where their accounts are. Secrets are added run by run.
    #[must_use]
    pub fn for_agent(&self, folder: &Path) -> Vec<(String, String)> {
        let mut vars = self.select(&[], &[]);
        vars.push((
            "OIDC_CONFIG_DIR".to_owned(),
            folder.to_string_lossy().into_owned(),
        ));
        vars
    }

    /// The home folder, which the volume holds.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        PathBuf::from(self.get("HOME").unwrap_or("/home/user"))
    }

    /// Whether `RCLONE_CONFIG_<SECTION>_TYPE` defines the section without a file.
    #[must_use]
    pub fn defines_section(&self, section: &str) -> bool {
        self.vars.contains_key(&format!(
            "{}_TYPE",
            crate::storage::config::variable(section)
        ))
    }

    /// The arguments of a job as its lock and the history know it: the same job on the second destination is another one.
    #[must_use]
    pub fn told_args(&self, args: &[String]) -> Vec<String> {
        let destination = self.get(DESTINATION).map(str::trim);
        let mark = destination
            .filter(|name| !name.is_empty())
            .map(|name| format!("{DESTINATION}={name}"));
        mark.into_iter().chain(args.iter().cloned()).collect()
    }

    /// All of them, by name.
    pub(super) fn vars(&self) -> &BTreeMap<String, String> {
        &self.vars
    }

    /// All of them, by name.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.vars
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// These and more variables, which go before ours of the same name.
    #[must_use]
    pub fn with<'a>(&self, more: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut vars = self.vars.clone();
        vars.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Self { vars }
    }

    /// The time zone of `TZ`, else the system's; an error fits after the variable's name.
    pub fn zone(&self) -> Result<TimeZone, String> {
        match self
            .get("TZ")
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            None => Ok(TimeZone::try_system().unwrap_or(TimeZone::UTC)),
            Some(name) => {
                let name = name.strip_prefix(':').unwrap_or(name);
                TimeZone::get(name)
                    .or_else(|_| TimeZone::posix(name))
                    .map_err(|_| {
                        "is no time zone that is known here: write one such as Europe/Rome"
                            .to_owned()
                    })
            }
        }
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str)
    }

    /// Replaces every secret of the environment in what passes through it.
    #[must_use]
    pub fn redactor(&self) -> Redactor {
        let values = || self.vars.iter().filter(|(name, _)| is_secret(name));
        // The ID or the key in a ping URL is as good as the whole.
        let parts = values()
            .filter(|(name, _)| name.ends_with("CHECK_URL"))
            .flat_map(|(_, url)| url.split(['/', '?']).skip(3))
            .filter(|part| part.len() >= SHORTEST_PING_KEY);
        Redactor::new(
            values()
                .map(|(_, value)| value.as_str())
                .filter(|value| value.len() >= SHORTEST_SECRET)
                .chain(parts)
                .map(str::to_owned),
        )
    }

    fn select(&self, prefixes: &[&str], except: &[&str]) -> Vec<(String, String)> {
        self.vars
            .iter()
            .filter(|(name, _)| {
                BASE.contains(&name.as_str())
                    || prefixes.iter().any(|prefix| name.starts_with(prefix))
            })
            .filter(|(name, _)| !except.iter().any(|ours| name.starts_with(ours)))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

/// Names tell, and a `NAME_FILE` holds a path, not the secret itself.
fn is_secret(name: &str) -> bool {
    let name = name.to_uppercase();
    !name.ends_with("_FILE")
        && !name.ends_with("_DAYS")
        && SECRET_MARKS.iter().any(|mark| name.contains(mark))
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({} variables)", self.vars.len())
    }
}
