//! From a token to the storage: credentials by STS, and the loopback endpoint where rclone fetches them.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub mod endpoint;
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

/// The credentials as JSON for the `credential_process` of the AWS SDKs and tools.
///
/// The form is that of their "Process credential provider", version 1. It holds the secrets: for standard output only.
#[must_use]
pub fn credential_process(credentials: &Credentials) -> String {
    serde_json::json!({
        "Version": 1,
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": credentials.secret_access_key,
        "SessionToken": credentials.session_token,
        "Expiration": credentials.expiration,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials {
            access_key_id: "KEY".to_owned(),
            secret_access_key: "SECRET".to_owned(),
            session_token: "SESSION".to_owned(),
            expiration: "2026-11-23T23:54:26Z".parse().unwrap(),
        }
    }

    #[test]
    fn both_forms_are_those_of_the_documentation() {
        let container: serde_json::Value = serde_json::to_value(credentials()).unwrap();
        assert_eq!(
            container,
            serde_json::json!({
                "AccessKeyId": "KEY", "SecretAccessKey": "SECRET", "Token": "SESSION",
                "Expiration": "2026-11-23T23:54:26Z",
            })
        );
        let process: serde_json::Value =
            serde_json::from_str(&credential_process(&credentials())).unwrap();
        assert_eq!(
            process,
            serde_json::json!({
                "Version": 1, "AccessKeyId": "KEY", "SecretAccessKey": "SECRET", "SessionToken": "SESSION",
                "Expiration": "2026-11-23T23:54:26Z",
            })
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(
            format!("{:?}", credentials()),
            "Credentials(until 2026-11-23T23:54:26Z)"
        );
    }
}
