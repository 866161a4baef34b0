//! What STS answered: the credentials, or the trouble.
//!
//! Nothing here waits but the reading of an answer; the judgement takes the time as a parameter.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, StatusCode};
use serde::Deserialize;

use super::guilty::{Expected, clock, guilty};
use crate::credentials::Credentials;
use crate::http_date;
use crate::jwt;
use crate::settings::USUAL_SESSION;
use crate::supervise::without_tokens;
use crate::trouble::Trouble;

/// An answer with credentials has about 1.3 kB; more than this is no answer of STS.
const LIMIT: usize = 64 * 1024;
/// What is shown of others' words.
const SHOWN: usize = 200;

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    /// The `Date` header: what time it is there, in whole seconds.
    date: Option<Timestamp>,
    content_type: String,
    body: String,
}

/// The part of the answer that we need; the names are AWS's.
#[derive(Deserialize)]
struct Granted {
    #[serde(rename = "AssumeRoleWithWebIdentityResult")]
    result: Grant,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Grant {
    credentials: Keys,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Keys {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: Timestamp,
}

/// An error of S3 and STS of RGW; the message is mostly empty.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal {
    code: String,
    #[serde(default)]
    message: String,
}

impl Answer {
    /// Reads it, and what is too long for an answer of STS only in part.
    pub(super) async fn read(mut response: Response) -> reqwest::Result<Self> {
        let date = http_date::of(response.headers());
        let content_type = response.headers().get(CONTENT_TYPE);
        let content_type = content_type
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let mut body = Vec::new();
        while body.len() < LIMIT
            && let Some(chunk) = response.chunk().await?
        {
            body.extend_from_slice(&chunk);
        }
        Ok(Self {
            status: response.status(),
            date,
            content_type,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    /// The credentials, or which part is to blame that there are none.
    pub(super) fn judge(
        &self,
        token: &str,
        session: Duration,
        expected: &Expected,
        now: Timestamp,
    ) -> Result<Credentials, Trouble> {
        if self.status == StatusCode::OK {
            return self.credentials(expected, now);
        }
        let Ok(refusal) = quick_xml::de::from_str::<Refusal>(&self.body) else {
            return Err(self.failing(expected));
        };
        Err(match self.status {
            StatusCode::FORBIDDEN => guilty(token, expected, self.date, now),
            StatusCode::BAD_REQUEST if refusal.is_about_an_argument() => {
                if jwt::claims(token).is_some_and(|claims| !claims.has_subject()) {
                    Trouble::NoSubject
                } else {
                    refusal.of_the_session(session)
                }
            }
            status => expected.failing(format!("status {} ({refusal})", status.as_u16())),
        })
    }

    fn credentials(&self, expected: &Expected, now: Timestamp) -> Result<Credentials, Trouble> {
        let keys = match quick_xml::de::from_str::<Granted>(&self.body) {
            Ok(granted) => granted.result.credentials,
            // The cause names an element or a kind of text, and quotes none.
            Err(_) => return Err(self.failing(expected)),
        };
        // Whole seconds: not every reader of the endpoint takes a fraction.
        let expiration =
            Timestamp::from_second(keys.expiration.as_second()).unwrap_or(keys.expiration);
        if expiration <= now {
            return Err(clock(expected, self.date, now).unwrap_or_else(|| {
                expected.failing(format!("what it gave has ended already, at {expiration}"))
            }));
        }
        // A clock that is behind would take them for good long after their end.
        let behind = self
            .date
            .map_or(0, |date| date.as_second() - now.as_second());
        let end = expiration.as_second() - behind.max(0);
        Ok(Credentials {
            access_key_id: keys.access_key_id,
            secret_access_key: keys.secret_access_key,
            session_token: keys.session_token,
            expiration: Timestamp::from_second(end).unwrap_or(expiration),
        })
    }

    /// Whoever answered, it was not STS. The body is not shown: it could hold the token.
    fn failing(&self, expected: &Expected) -> Trouble {
        let what = match self.status.as_u16() {
            200 => "the answer is none of STS",
            300..=399 => "it sends elsewhere, where no token goes",
            _ => "that is no answer of STS",
        };
        let kind = match self.content_type.split(';').next().map(str::trim) {
            None | Some("") => "without a type",
            Some(kind) => &shown(kind),
        };
        expected.failing(format!("status {}, {kind}: {what}", self.status.as_u16()))
    }
}

impl Refusal {
    /// RGW says `InvalidArgument` and no more; of all that we send that can be the duration, which may be outside its
    /// limits, or a token without a subject.
    fn is_about_an_argument(&self) -> bool {
        matches!(self.code.as_str(), "InvalidArgument" | "ValidationError")
            || self.is_about_the_duration()
    }

    fn is_about_the_duration(&self) -> bool {
        self.message.to_ascii_lowercase().contains("duration")
    }

    /// What is left is the duration; of the usual one that is not certain.
    fn of_the_session(&self, session: Duration) -> Trouble {
        let seconds = session.as_secs();
        let limits = "it allows 900 s or more, up to what the role allows, mostly 3600 s";
        let detail = if session == USUAL_SESSION && !self.is_about_the_duration() {
            format!(
                "the role allows less, or something else of the request is not as the storage wants it ({self})"
            )
        } else {
            format!("{limits} ({self})")
        };
        Trouble::SessionRefused { seconds, detail }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&shown(&self.code))?;
        if !self.message.is_empty() {
            write!(f, ": {}", shown(&self.message))?;
        }
        Ok(())
    }
}

/// Others' words: one line, without tokens, and not too long.
pub(super) fn shown(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    without_tokens(&line).chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests;
