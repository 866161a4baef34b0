//! The device flow: a code for the user's browser, then the question, again and again, whether it was approved.
//!
//! RFC 8628. Nothing is kept between two polls: a wait that is dropped leaves nothing behind but a code that runs out.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use super::super::refusal::words;
use super::{DEVICE_GRANT, Provider, Tokens};
use crate::settings::Client;
use crate::trouble::Trouble;

/// RFC 8628, section 3.2: where the answer has none. INDIGO IAM's has none.
const INTERVAL: Duration = Duration::from_secs(5);
/// Polls of a provider that is out of reach come no more rarely.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// What an absurd number in an answer is cut to.
const LONGEST_LIFE: Duration = Duration::from_hours(24);

/// A login that waits for the user.
#[derive(Debug)]
pub struct DeviceLogin {
    /// What the user types at the address.
    pub user_code: String,
    /// Where.
    pub verification_uri: Url,
    /// The same with the code in it, for a QR code; not every provider has it.
    pub verification_uri_complete: Option<Url>,
    /// How long the code is good, from when it was given.
    pub expires_in: Duration,
    /// Between two polls.
    pub interval: Duration,
    device_code: SecretString,
    ends: Instant,
}

#[derive(Deserialize)]
struct Begun {
    device_code: SecretString,
    user_code: String,
    // The name that drafts of the RFC had, and some providers still have.
    #[serde(alias = "verification_url")]
    verification_uri: Url,
    #[serde(alias = "verification_url_complete")]
    verification_uri_complete: Option<Url>,
    expires_in: u64,
    interval: Option<u64>,
}

/// What a poll tells.
enum Poll {
    Approved(Tokens),
    Pending,
    SlowDown,
    /// No answer, or one that may pass.
    Failing(Trouble),
}

impl DeviceLogin {
    /// So long before the end of the code's life, for which the provider has a clock of its own.
    fn last_poll(&self, before: Duration) -> Instant {
        self.ends.checked_sub(before).unwrap_or(self.ends)
    }
}

#[cfg(test)]
impl DeviceLogin {
    pub(super) fn for_tests(interval: Duration, life: Duration) -> Self {
        let page = Url::parse("https://iam.test/device").unwrap();
        Self {
            user_code: "ABCDEF".to_owned(),
            verification_uri: page,
            verification_uri_complete: None,
            expires_in: life,
            interval,
            device_code: "the-code".into(),
            ends: Instant::now() + life,
        }
    }
}

impl Provider {
    /// Asks for a code (RFC 8628, section 3.1); `scope` is separated by spaces.
    pub async fn begin_login(&self, client: &Client, scope: &str) -> Result<DeviceLogin, Trouble> {
        let endpoint = self.device_endpoint()?;
        // INDIGO IAM wants the name in the form too, as oidc-agent sends it.
        let form = [("client_id", client.id.as_str()), ("scope", scope)];
        let answer = self.ask(endpoint, client, &form).await?;
        if answer.is_client_error() {
            return Err(self.refused(&answer, client, ""));
        }
        let begun: Begun = self.good(&answer)?;
        let pages = [
            Some(&begun.verification_uri),
            begun.verification_uri_complete.as_ref(),
        ];
        // The user types a password there.
        if pages
            .into_iter()
            .flatten()
            .any(|page| page.scheme() != "https")
        {
            return Err(self.http.failing("its page for the login has no https"));
        }
        let expires_in = Duration::from_secs(begun.expires_in).min(LONGEST_LIFE);
        Ok(DeviceLogin {
            user_code: words("", &begun.user_code),
            verification_uri: begun.verification_uri,
            verification_uri_complete: begun.verification_uri_complete,
            expires_in,
            interval: begun
                .interval
                .filter(|seconds| *seconds > 0)
                .map_or(INTERVAL, Duration::from_secs),
            device_code: begun.device_code,
            ends: Instant::now() + expires_in,
        })
    }

    /// Where codes are to be had.
    pub(super) fn device_endpoint(&self) -> Result<&Url, Trouble> {
        self.endpoints.device.as_ref().ok_or_else(|| {
            self.http.failing(
                "its discovery document names no endpoint for the device flow: set OIDC_DEVICE_ENDPOINT",
            )
        })
    }

    /// Polls until the user has decided or the code has run out; may be dropped at any moment.
    ///
    /// A provider that is out of reach or out of order meanwhile is asked again, ever more rarely (RFC 8628, section
    /// 3.5), which `failing` is told once; it is the trouble if it still is at the end of the code's life. The last poll
    /// is just before that end, whatever was due: the user may have used the last seconds.
    pub async fn await_login(
        &self,
        client: &Client,
        login: &DeviceLogin,
        failing: impl FnOnce(&Trouble),
    ) -> Result<Tokens, Trouble> {
        let mut failing = Some(failing);
        let last = login.last_poll(self.http.deadlines.last_poll);
        let mut interval = login.interval;
        let mut pause = interval;
        loop {
            let next = Instant::now() + pause;
            // A poll between this one and the last would come too soon after one of them.
            let is_last = next + interval > last;
            tokio::time::sleep_until(if is_last { last } else { next }).await;
            let trouble = match self.poll(client, login).await? {
                Poll::Approved(tokens) => return Ok(tokens),
                Poll::Failing(why) => {
                    if let Some(failing) = failing.take() {
                        failing(&why);
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE.max(interval));
                    why
                }
                waits => {
                    if matches!(waits, Poll::SlowDown) {
                        interval += self.http.deadlines.slow_down;
                    }
                    pause = interval;
                    Trouble::CodeExpired
                }
            };
            if is_last {
                tokio::time::sleep_until(login.ends).await;
                return Err(trouble);
            }
        }
    }

    /// RFC 8628, section 3.4 and 3.5.
    async fn poll(&self, client: &Client, login: &DeviceLogin) -> Result<Poll, Trouble> {
        let code = login.device_code.expose_secret();
        let form = [("grant_type", DEVICE_GRANT), ("device_code", code)];
        let answer = match self.ask(&self.endpoints.token, client, &form).await {
            Ok(answer) => answer,
            Err(unreachable) => return Ok(Poll::Failing(unreachable)),
        };
        if answer.is_passing() {
            return Ok(self
                .good(&answer)
                .map_or_else(Poll::Failing, Poll::Approved));
        }
        let Some((error, description)) = answer.error() else {
            return self.good(&answer).map(Poll::Approved);
        };
        match error.as_str() {
            "authorization_pending" => Ok(Poll::Pending),
            "slow_down" => Ok(Poll::SlowDown),
            "access_denied" => Err(Trouble::Declined),
            "expired_token" => Err(Trouble::CodeExpired),
            // So INDIGO IAM says it.
            "invalid_request" if description.starts_with("Device code has expired") => {
                Err(Trouble::CodeExpired)
            }
            _ => Err(match self.refused(&answer, client, code) {
                // There is no login yet that could end: it is the code that is not known any more.
                Trouble::LoginEnded { .. } => Trouble::CodeExpired,
                other => other,
            }),
        }
    }
}
