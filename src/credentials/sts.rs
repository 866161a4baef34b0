//! STS of Ceph RGW: a token becomes temporary credentials of S3 (`AssumeRoleWithWebIdentity`).
//!
//! One exchange, asked once: when to ask again is for the caller. The form is that of AWS's STS API, version
//! 2011-06-15, as the Ceph documentation has it ("STS in Ceph"); what RGW really answers is in `docs/parts.md`.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::redirect::Policy;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::credentials::Credentials;
use crate::error::{Error, Result};
use crate::http_date;
use crate::settings::Login;
use crate::trouble::Trouble;
use crate::trust::Trust;
use crate::unreachable;

mod answer;
mod guilty;

use answer::Answer;
pub use guilty::{CLOCKS, Expected, flaw, guilty};

/// A connection takes at most this long.
const CONNECT: Duration = Duration::from_secs(5);
/// The whole exchange takes at most this long: RGW asks the login service in the middle of it.
const EXCHANGE: Duration = Duration::from_secs(20);
/// Two to 64 characters of `[\w+=,.@-]`; it shows in the storage's logs.
const SESSION_NAME: &str = "cloud-backup";

/// The STS of one storage, for one role.
#[derive(Debug)]
pub struct Sts {
    client: reqwest::Client,
    url: Url,
    session: Duration,
    expected: Expected,
}

impl Sts {
    /// The STS behind this login; nothing is asked yet.
    pub fn new(login: &Login, trust: &Trust) -> Result<Self> {
        let client = trust
            .client()
            .connect_timeout(CONNECT)
            .timeout(EXCHANGE)
            // The token is for the storage that is set, and for no other address.
            .redirect(Policy::none())
            .build()
            .map_err(|error| Error::System {
                what: "making an HTTP client",
                source: std::io::Error::other(error),
            })?;
        Ok(Self {
            client,
            url: with_slash(&login.storage.endpoint),
            session: login.storage.session,
            expected: Expected {
                endpoint: login.storage.endpoint.to_string(),
                role: login.storage.role.clone(),
                issuer: login.issuer.clone(),
                audience: login.audience.clone(),
            },
        })
    }

    /// What the storage expects of a token.
    #[must_use]
    pub fn expected(&self) -> &Expected {
        &self.expected
    }

    /// Asks for an answer, whatever it says: that there is a way to the storage and that its certificate is trusted. Gives
    /// the time there, where the answer has it. Within 20 s.
    pub async fn reach(&self) -> Result<Option<Timestamp>, Trouble> {
        let response = self.client.head(self.url.clone()).send().await;
        let response = response.map_err(|error| self.unreachable(&error))?;
        Ok(http_date::of(response.headers()))
    }

    /// Exchanges an access token for credentials, within 20 s.
    ///
    /// A trouble names the guilty part, which for a refused token is found by looking into it.
    pub async fn assume_role(&self, token: &SecretString) -> Result<Credentials, Trouble> {
        // With a newline at its end RGW refuses any token.
        let token = token.expose_secret().trim();
        let form = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            (
                "RoleArn",
                &format!("arn:aws:iam:::role/{}", self.expected.role),
            ),
            ("RoleSessionName", SESSION_NAME),
            ("DurationSeconds", &self.session.as_secs().to_string()),
            ("WebIdentityToken", token),
        ];
        let response = self.client.post(self.url.clone()).form(&form).send().await;
        let answer = match response {
            Ok(response) => Answer::read(response).await,
            Err(error) => Err(error),
        }
        .map_err(|error| self.unreachable(&error))?;
        answer.judge(token, self.session, &self.expected, Timestamp::now())
    }

    fn unreachable(&self, error: &reqwest::Error) -> Trouble {
        let endpoint = self.expected.endpoint.clone();
        match unreachable::untrusted(error) {
            Some(detail) => Trouble::StsUntrusted { endpoint, detail },
            None => Trouble::StsUnreachable {
                endpoint,
                detail: why(error),
            },
        }
    }
}

/// RGW's STS is at the root of the endpoint, whether that was written with a slash or without one.
fn with_slash(endpoint: &Url) -> Url {
    let mut url = endpoint.clone();
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", endpoint.path()));
    }
    url
}

/// The reason, with what RGW does meanwhile where it does not answer.
fn why(error: &reqwest::Error) -> String {
    let reason = unreachable::reason(error, CONNECT, EXCHANGE);
    if error.is_timeout() && !error.is_connect() {
        return format!("{reason} (it asks the login service, which may be the one that hangs)");
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_ends_with_one_slash() {
        for (endpoint, url) in [
            ("https://rgw.test:8443", "https://rgw.test:8443/"),
            ("https://rgw.test/", "https://rgw.test/"),
            ("https://rgw.test/s3", "https://rgw.test/s3/"),
        ] {
            assert_eq!(with_slash(&endpoint.parse().unwrap()).as_str(), url);
        }
    }
}
