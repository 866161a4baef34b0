//! The settings that a keeper was started with, as far as they make its credentials what they are.
//!
//! A server keeps the settings of its start, and `.env` may have been corrected since. So the keeper tells what it works
//! with, and a command with other settings neither uses its credentials nor repeats its troubles. `OIDC_PASSWORD` is
//! not told; of `EXTRA_CA_FILE` a fingerprint is.

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::settings::{Client, Login};
use crate::trust::Trust;

/// What a keeper works with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    issuer: String,
    account: String,
    audience: String,
    endpoint: String,
    role: String,
    session: u64,
    authorities: Option<String>,
    /// Of the service client and its secret; `None` where a person logs in.
    #[serde(default)]
    service: Option<String>,
}

impl Terms {
    /// Those of this login and these certificate authorities.
    #[must_use]
    pub fn new(login: &Login, trust: &Trust) -> Self {
        Self {
            issuer: login.issuer.clone(),
            account: login.account.clone(),
            audience: login.audience.clone(),
            endpoint: login.storage.endpoint.to_string(),
            role: login.storage.role.clone(),
            session: login.storage.session.as_secs(),
            authorities: trust.fingerprint().map(str::to_owned),
            service: login.service.as_ref().map(fingerprint),
        }
    }

    /// The variables whose values are others there, separated by commas; `None` where there are none.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Option<String> {
        let differs = [
            ("OIDC_ISSUER", self.issuer != other.issuer),
            ("OIDC_ACCOUNT", self.account != other.account),
            ("OIDC_AUDIENCE", self.audience != other.audience),
            ("S3_ENDPOINT", self.endpoint != other.endpoint),
            ("S3_ROLE", self.role != other.role),
            ("STS_DURATION", self.session != other.session),
            (
                "OIDC_FLOW",
                self.service.is_some() != other.service.is_some(),
            ),
            (
                "OIDC_CLIENT_ID or OIDC_CLIENT_SECRET",
                self.service.is_some() && other.service.is_some() && self.service != other.service,
            ),
            ("EXTRA_CA_FILE", self.authorities != other.authorities),
        ];
        let names: Vec<_> = differs
            .into_iter()
            .filter_map(|(name, differs)| differs.then_some(name))
            .collect();
        (!names.is_empty()).then(|| names.join(", "))
    }
}

/// Tells one client with its secret from another; it goes to those who get its credentials anyway.
fn fingerprint(client: &Client) -> String {
    let secret = client.secret.as_ref().map(ExposeSecret::expose_secret);
    let text = [&client.id, secret.unwrap_or_default()].join("\0");
    Uuid::new_v5(&Uuid::NAMESPACE_URL, text.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> Terms {
        Terms {
            issuer: "https://iam.test/".to_owned(),
            account: "infncloud".to_owned(),
            audience: "object".to_owned(),
            endpoint: "https://rgw.test/".to_owned(),
            role: "IAMaccess".to_owned(),
            session: 3600,
            authorities: None,
            service: None,
        }
    }

    #[test]
    fn what_differs_is_named() {
        assert_eq!(terms().differences(&terms()), None);
        let other = Terms {
            role: "Other".to_owned(),
            authorities: Some("one".to_owned()),
            ..terms()
        };
        assert_eq!(
            terms().differences(&other).as_deref(),
            Some("S3_ROLE, EXTRA_CA_FILE")
        );
        let service = |secret: &str| Terms {
            service: Some(fingerprint(&Client {
                id: "service".to_owned(),
                secret: Some(secret.to_owned().into()),
            })),
            ..terms()
        };
        assert_eq!(
            terms().differences(&service("one")).as_deref(),
            Some("OIDC_FLOW")
        );
        assert_eq!(service("one").differences(&service("one")), None);
        assert_eq!(
            service("one").differences(&service("other")).as_deref(),
            Some("OIDC_CLIENT_ID or OIDC_CLIENT_SECRET")
        );
    }
}
