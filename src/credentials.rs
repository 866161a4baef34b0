//! From a token to the storage: credentials by STS, and the loopback endpoint where rclone fetches them.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub mod sts;

/// Temporary credentials of S3, in the form of the container credentials provider of the AWS SDKs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Credentials {
    /// `AWS_ACCESS_KEY_ID`
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`
    pub secret_access_key: String,
    /// `AWS_SESSION_TOKEN`
    #[serde(rename = "Token")]
    pub session_token: String,
    /// When they end.
    pub expiration: Timestamp,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials(until {})", self.expiration)
    }
}
