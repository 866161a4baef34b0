//! How rclone gets its credentials for the storage of the login, as variables of its environment.
//!
//! A stock rclone fetches them from our endpoint on loopback: the container credentials provider of the AWS SDKs
//! (`AWS_CONTAINER_CREDENTIALS_FULL_URI`). INFN's patched rclone asks oidc-agent, as the documented section tells it.

use std::fmt;
use std::path::PathBuf;

use crate::settings::{Login, SECTION};

/// Asked before our endpoint, or in its place (AWS SDK for Go, `resolveCredentialChain`): none of the user's own ones may win.
const OF_THE_SDK: &str = "AWS_";

/// Where credentials are to be had. Which of the two ways it takes depends on the rclone that is installed.
#[derive(Clone)]
pub struct Supply {
    /// What leads a stock rclone to our endpoint: `AWS_CONTAINER_CREDENTIALS_FULL_URI` and
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN`.
    pub endpoint: Vec<(String, String)>,
    /// The socket of oidc-agent, for INFN's patched rclone.
    pub agent: PathBuf,
}

impl fmt::Debug for Supply {
    /// Without the endpoint's token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Supply(agent at {})", self.agent.display())
    }
}

/// What turns the section of the guide into one that a stock rclone opens by these variables.
///
/// `RCLONE_CONFIG_<SECTION>_<KEY>` wins over the file, `RCLONE_S3_<KEY>` and `AWS_*` do not win over it; what would be
/// static credentials in the file is emptied. With the AWS SDKs' own files out of the way, their chain has nothing
/// but our endpoint.
#[must_use]
pub fn s3_environment(login: &Login, variables: &[(String, String)]) -> Vec<(String, String)> {
    let storage = &login.storage;
    let section = [
        ("TYPE", "s3"),
        ("PROVIDER", "Ceph"),
        ("ENV_AUTH", "true"),
        ("ENDPOINT", storage.endpoint.as_str()),
        ("ACCESS_KEY_ID", ""),
        ("SECRET_ACCESS_KEY", ""),
        ("SESSION_TOKEN", ""),
        ("PROFILE", ""),
        ("SHARED_CREDENTIALS_FILE", ""),
        ("ROLE_ARN", ""),
        ("V2_AUTH", "false"),
    ];
    let region = storage.region.as_deref().map(|region| ("REGION", region));
    let sdk = [
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ];
    section
        .into_iter()
        .chain(region)
        .map(|(key, value)| (variable(key), value.to_owned()))
        .chain(sdk.map(|(name, value)| (name.to_owned(), value.to_owned())))
        .chain(variables.iter().cloned())
        .collect()
}

/// What makes a stock rclone serve restic faster, where the user has not chosen otherwise; docs/performance.md measures it.
///
/// Without `no_head` rclone asks for each object that it has just uploaded, and compares the answer with nothing
/// (`operations.RcatSize`): a request more for each pack. restic's own S3 backend does not ask either. Other commands
/// of rclone do compare, so it is for the server alone.
pub(super) fn tune_for_restic(environment: &mut Vec<(String, String)>) {
    let name = variable("NO_HEAD");
    if !environment.iter().any(|(known, _)| *known == name) {
        environment.push((name, "true".to_owned()));
    }
}

/// The variable that sets this key of the login's section, over the file.
fn variable(key: &str) -> String {
    format!("RCLONE_CONFIG_{}_{key}", SECTION.to_uppercase())
}

/// What leads INFN's patched rclone to oidc-agent (its `liboidc-agent`); all else stands in the documented section.
fn patched_environment(supply: &Supply) -> Vec<(String, String)> {
    vec![(
        "OIDC_SOCK".to_owned(),
        supply.agent.to_string_lossy().into_owned(),
    )]
}

/// The user's environment for rclone, with the login's storage opened by `supply`.
pub(super) fn open(
    mut environment: Vec<(String, String)>,
    login: &Login,
    supply: &Supply,
    patched: bool,
) -> Vec<(String, String)> {
    let ours = if patched {
        patched_environment(supply)
    } else {
        s3_environment(login, &supply.endpoint)
    };
    environment.retain(|(name, _)| {
        !name.starts_with(OF_THE_SDK) && !ours.iter().any(|(own, _)| own == name)
    });
    environment.extend(ours);
    environment
}
