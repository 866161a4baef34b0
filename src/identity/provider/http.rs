//! One request to the provider under its deadlines, and its answer, which is never read beyond a bound.
//!
//! What an answer means is left to who asked; only that there is none, or one that no endpoint may give, is told here.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, RequestBuilder, StatusCode};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::super::refusal::words;
use crate::http_date;
use crate::settings::Client;
use crate::trouble::Trouble;
use crate::unreachable;

/// No answer of the protocol comes near it.
const MOST_BYTES: usize = 1024 * 1024;
/// Within one host; more go in circles.
const MOST_REDIRECTS: usize = 5;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadlines {
    /// Name, connection and TLS.
    pub connect: Duration,
    /// A whole request with its answer.
    pub request: Duration,
    /// By this much `slow_down` makes polling slower (RFC 8628, section 3.5).
    pub slow_down: Duration,
    /// So long before a code's end is the last poll.
    pub last_poll: Duration,
}

impl Deadlines {
    pub(super) const DEFAULT: Self = Self {
        connect: Duration::from_secs(5),
        request: Duration::from_secs(10),
        slow_down: Duration::from_secs(5),
        last_poll: Duration::from_secs(1),
    };
}

/// How a client with a secret says who it is (RFC 6749, section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Authentication {
    /// `client_secret_basic`
    Basic,
    /// `client_secret_post`
    Post,
}

/// The client for one issuer.
#[derive(Debug)]
pub(super) struct Http {
    issuer: String,
    client: reqwest::Client,
    pub deadlines: Deadlines,
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: StatusCode,
    /// Which endpoint it came from, to be said after a status: `at /token`.
    pub at: String,
    /// What time it is there, in whole seconds.
    pub date: Option<Timestamp>,
    body: Vec<u8>,
    location: Option<String>,
}

impl Answer {
    /// The answer to a request that is wrong or refused, by the provider itself.
    pub(super) fn is_client_error(&self) -> bool {
        self.status.is_client_error() && !self.is_passing()
    }

    /// The provider, or what stands in front of it, is out of order or too busy for now.
    pub(super) fn is_passing(&self) -> bool {
        self.status.is_server_error()
            || matches!(
                self.status,
                StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
            )
    }

    /// Code and text of an error (RFC 6749, section 5.2); `None` where it tells none.
    pub(super) fn error(&self) -> Option<(String, String)> {
        #[derive(Deserialize)]
        struct Refused {
            error: String,
            #[serde(default)]
            error_description: Option<String>,
        }
        if !self.is_client_error() {
            return None;
        }
        let refused: Refused = serde_json::from_slice(&self.body).ok()?;
        Some((refused.error, refused.error_description.unwrap_or_default()))
    }
}

impl Http {
    /// Redirects are followed on the same host only: forms carry secrets.
    pub(super) fn new(
        issuer: &str,
        builder: ClientBuilder,
        deadlines: Deadlines,
    ) -> Result<Self, Trouble> {
        let stay_there = Policy::custom(|attempt| {
            let stays = attempt
                .previous()
                .first()
                .is_some_and(|first| first.origin() == attempt.url().origin());
            if stays && attempt.previous().len() <= MOST_REDIRECTS {
                attempt.follow()
            } else {
                attempt.stop()
            }
        });
        let client = builder
            .redirect(stay_there)
            .connect_timeout(deadlines.connect)
            .timeout(deadlines.request)
            .build()
            .map_err(|error| Trouble::ProviderUnreachable {
                issuer: issuer.to_owned(),
                detail: unreachable::reason(&error, deadlines.connect, deadlines.request),
            })?;
        Ok(Self {
            issuer: issuer.to_owned(),
            client,
            deadlines,
        })
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(super) async fn get(&self, url: &Url) -> Result<Answer, Trouble> {
        self.send(url, self.client.get(url.clone())).await
    }

    pub(super) async fn post_json(
        &self,
        url: &Url,
        body: &serde_json::Value,
    ) -> Result<Answer, Trouble> {
        self.send(url, self.client.post(url.clone()).json(body))
            .await
    }

    /// A form of the client's; a public client, which has no secret, names itself in it.
    pub(super) async fn post_form(
        &self,
        url: &Url,
        client: &Client,
        authentication: Authentication,
        form: &[(&str, &str)],
    ) -> Result<Answer, Trouble> {
        let mut form = form.to_vec();
        let mut request = self.client.post(url.clone());
        let secret = client.secret.as_ref().map(ExposeSecret::expose_secret);
        if let (Some(secret), Authentication::Basic) = (secret, authentication) {
            request = request.basic_auth(encoded(&client.id), Some(encoded(secret)));
        } else {
            form.retain(|(name, _)| *name != "client_id");
            form.push(("client_id", &client.id));
            form.extend(secret.map(|secret| ("client_secret", secret)));
        }
        self.send(url, request.form(&form)).await
    }

    async fn send(&self, url: &Url, request: RequestBuilder) -> Result<Answer, Trouble> {
        let unreachable = |error: reqwest::Error| {
            let issuer = self.issuer.clone();
            let Deadlines {
                connect, request, ..
            } = self.deadlines;
            match unreachable::untrusted(&error) {
                Some(detail) => Trouble::ProviderUntrusted { issuer, detail },
                None => Trouble::ProviderUnreachable {
                    issuer,
                    detail: unreachable::reason(&error, connect, request),
                },
            }
        };
        let mut response = request
            .header("Accept", "application/json")
            .send()
            .await
            .map_err(unreachable)?;
        let at = format!("at {}", url.path());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(self.failing(&format!("its answer {at} is longer than 1 MiB")));
            }
            body.extend_from_slice(&chunk);
        }
        let location = response.headers().get("Location");
        Ok(Answer {
            status: response.status(),
            at,
            date: http_date::of(response.headers()),
            body,
            location: location
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
        })
    }

    /// The body of an answer that grants what was asked for; else why it does not.
    pub(super) fn good<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, Trouble> {
        let Answer { status, at, .. } = answer;
        if status.is_redirection() {
            let place = answer.location.as_deref().unwrap_or("nowhere");
            return Err(self.failing(&format!("{at} it sends us elsewhere, to {place}")));
        }
        if !status.is_success() {
            return Err(self.failing(&format!("status {} {at}", status.as_u16())));
        }
        // The parser's own error can quote what it does not like.
        serde_json::from_slice(&answer.body)
            .map_err(|_| self.failing(&format!("its answer {at} is not what the protocol has")))
    }

    pub(super) fn failing(&self, detail: &str) -> Trouble {
        Trouble::ProviderFailing {
            issuer: self.issuer.clone(),
            detail: words("", detail),
        }
    }
}

/// `application/x-www-form-urlencoded`, which goes before Basic's own encoding.
fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}
