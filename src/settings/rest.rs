//! How the REST server is reached, and by whom.

use secrecy::{ExposeSecret, SecretString};

use super::{Problem, Raw};

/// The port of the guide.
const DEFAULT_PORT: u16 = 8080;

/// The REST server's port and who may use it.
#[derive(Debug, Clone)]
pub struct Rest {
    /// The port inside the container.
    pub port: u16,
    /// Whom the server lets in.
    pub access: Access,
    /// Whether nothing can be removed or replaced by the port; our own jobs can do it all the same.
    pub append_only: bool,
}

/// Whom the REST server lets in.
#[derive(Debug, Clone)]
pub enum Access {
    /// Nobody outside the container: the port is bound to loopback.
    Local,
    /// Everybody who can reach the port, on the user's word.
    Anonymous,
    /// Who knows these.
    Login {
        /// `RESTIC_REST_USERNAME`
        username: String,
        /// `RESTIC_REST_PASSWORD`
        password: SecretString,
    },
}

impl Access {
    /// The credentials in the variables that restic reads for its REST backend.
    #[must_use]
    pub fn restic_variables(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Login { username, password } => vec![
                ("RESTIC_REST_USERNAME", username.clone()),
                ("RESTIC_REST_PASSWORD", password.expose_secret().to_owned()),
            ],
            Self::Local | Self::Anonymous => Vec::new(),
        }
    }
}

pub(super) fn parse(raw: &Raw, problems: &mut Vec<Problem>) -> Option<Rest> {
    let port = match raw
        .restic_rest_port
        .as_deref()
        .map(|text| text.trim().parse())
    {
        None => Some(DEFAULT_PORT),
        Some(Ok(port)) if port >= 1024 => Some(port),
        Some(_) => {
            problems.push(Problem::new(
                "RESTIC_REST_PORT",
                "must be a number from 1024 to 65535; empty means 8080",
            ));
            None
        }
    };
    let mut yes_or_no = |name, value: &Option<String>| match value.as_deref().map(str::trim) {
        None | Some("false") => Some(false),
        Some("true") => Some(true),
        Some(_) => {
            problems.push(Problem::new(name, "must be true or false"));
            None
        }
    };
    let anonymous = yes_or_no("RESTIC_REST_ANONYMOUS", &raw.restic_rest_anonymous);
    let append_only = yes_or_no("RESTIC_REST_APPEND_ONLY", &raw.restic_rest_append_only);
    let access = match (
        raw.restic_rest_username.clone(),
        raw.restic_rest_password.clone(),
    ) {
        (Some(username), Some(_)) if username.contains(':') => {
            // RFC 7617: the first colon ends the user-id.
            problems.push(Problem::new(
                "RESTIC_REST_USERNAME",
                "must not contain a colon",
            ));
            None
        }
        (Some(username), Some(password)) => Some(Access::Login {
            username,
            password: password.into(),
        }),
        (None, None) => anonymous.map(|anonymous| {
            if anonymous {
                Access::Anonymous
            } else {
                Access::Local
            }
        }),
        (Some(_), None) => {
            problems.push(Problem::new(
                "RESTIC_REST_PASSWORD",
                "is missing though RESTIC_REST_USERNAME is set",
            ));
            None
        }
        (None, Some(_)) => {
            problems.push(Problem::new(
                "RESTIC_REST_USERNAME",
                "is missing though RESTIC_REST_PASSWORD is set",
            ));
            None
        }
    };
    if let (Some(true), Some(Access::Local)) = (append_only, &access) {
        problems.push(Problem::new(
            "RESTIC_REST_APPEND_ONLY",
            "is for the port, which is closed: set RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD too",
        ));
    }
    Some(Rest {
        port: port?,
        access: access?,
        append_only: append_only?,
    })
}
