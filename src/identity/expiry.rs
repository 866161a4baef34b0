//! When a login ends: the refresh token says so, else the provider, else it is estimated from the time of the login.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::jwt;
use crate::settings::Client;
use crate::trouble::Trouble;
use crate::volume::write_whole;

use super::provider::Provider;

/// The life of a login at INDIGO IAM from its beginning: a refresh does not prolong it.
const USUAL_LIFE: Duration = Duration::from_hours(30 * 24);

/// The end of a login, and how it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiry {
    /// When it ends.
    pub at: Timestamp,
    /// How that is known.
    pub source: Source,
}

/// How the end of a login is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The refresh token is a JWT with an expiry (INDIGO IAM).
    Token,
    /// The provider told it (RFC 7662).
    Provider,
    /// 30 days after the login, as at INDIGO IAM.
    Estimate,
}

impl Expiry {
    /// What the refresh token itself says.
    #[must_use]
    pub fn of_token(refresh_token: &SecretString) -> Option<Self> {
        Some(Self {
            at: jwt::claims(refresh_token.expose_secret())?.exp?,
            source: Source::Token,
        })
    }

    /// 30 days after the login.
    #[must_use]
    pub fn estimate(made: Timestamp) -> Option<Self> {
        Some(Self {
            at: made.checked_add(USUAL_LIFE).ok()?,
            source: Source::Estimate,
        })
    }

    /// The best that can be known of a login that works; `None` where nothing is.
    ///
    /// A provider calls inactive also what it does not want to speak of (RFC 7662, section 2.2): that tells nothing.
    pub async fn find(
        provider: &Provider,
        client: &Client,
        refresh_token: &SecretString,
        made: Option<Timestamp>,
    ) -> Result<Option<Self>, Trouble> {
        if let Some(expiry) = Self::of_token(refresh_token) {
            return Ok(Some(expiry));
        }
        let told = provider.introspect(client, refresh_token).await?;
        let told = told.filter(|told| told.active).and_then(|told| told.exp);
        Ok(match told {
            Some(at) => Some(Self {
                at,
                source: Source::Provider,
            }),
            None => made.and_then(Self::estimate),
        })
    }

    /// Keeps what the provider has told beside the account in this folder of oidc-agent, for those who do not ask it; what
    /// the token tells itself is not worth it.
    pub fn keep(&self, folder: &Path) -> io::Result<()> {
        if self.source == Source::Provider {
            write_whole(&kept_at(folder), &serde_json::to_vec(self)?)?;
        }
        Ok(())
    }

    /// What was kept last of the login in this folder.
    #[must_use]
    pub fn kept(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(kept_at(folder)).ok()?).ok()
    }

    /// How long the login still lasts; `None` where it has ended.
    #[must_use]
    pub fn left(&self, now: Timestamp) -> Option<Duration> {
        Duration::try_from(self.at.duration_since(now))
            .ok()
            .filter(|left| !left.is_zero())
    }
}

/// Not in the folder itself, whose files oidc-agent takes for accounts.
fn kept_at(folder: &Path) -> PathBuf {
    folder.with_file_name("expiry.json")
}

impl fmt::Display for Expiry {
    /// The date in the time zone of this machine (`TZ`), and that it is an estimate if it is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = jiff::ZonedDateTime::new(self.at, jiff::tz::TimeZone::system());
        write!(f, "{}", date.strftime("%A, %-d %B %Y, %H:%M %Z"))?;
        if self.source == Source::Estimate {
            f.write_str(" (estimated: 30 days after the login)")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// As INDIGO IAM makes them.
    fn token(claims: &str) -> SecretString {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.", part(r#"{"alg":"none"}"#), part(claims)).into()
    }

    #[test]
    fn a_token_with_an_end_tells_it() {
        let told = Expiry::of_token(&token(&format!(r#"{{"exp":{NOW},"jti":"x"}}"#))).unwrap();
        assert_eq!((told.at, told.source), (at(NOW), Source::Token));
        assert_eq!(Expiry::of_token(&token(r#"{"jti":"x"}"#)), None);
        assert_eq!(Expiry::of_token(&"opaque".to_owned().into()), None);
    }

    #[test]
    fn nothing_is_left_from_the_second_of_the_end_on() {
        let expiry = Expiry {
            at: at(NOW),
            source: Source::Token,
        };
        assert_eq!(expiry.left(at(NOW - 1)), Some(Duration::from_secs(1)));
        assert_eq!(expiry.left(at(NOW)), None);
        assert_eq!(expiry.left(at(NOW + 86_400)), None);
    }

    #[test]
    fn what_the_provider_has_told_is_kept_beside_the_folder_and_nothing_else() {
        let login = tempfile::tempdir().unwrap();
        let folder = login.path().join("oidc-agent");
        let expiry = |source| Expiry {
            at: at(NOW),
            source,
        };
        for source in [Source::Token, Source::Estimate] {
            expiry(source).keep(&folder).unwrap();
            assert_eq!(Expiry::kept(&folder), None);
        }
        expiry(Source::Provider).keep(&folder).unwrap();
        assert_eq!(Expiry::kept(&folder), Some(expiry(Source::Provider)));
        std::fs::write(login.path().join("expiry.json"), "{").unwrap();
        assert_eq!(Expiry::kept(&folder), None);
    }

    #[test]
    fn an_estimate_is_thirty_days_and_says_so() {
        let expiry = Expiry::estimate(at(NOW)).unwrap();
        assert_eq!(expiry.at, at(NOW + 30 * 86_400));
        assert!(
            expiry
                .to_string()
                .ends_with(" (estimated: 30 days after the login)"),
            "{expiry}"
        );
        let known = Expiry {
            source: Source::Provider,
            ..expiry
        };
        assert!(!known.to_string().contains("estimated"), "{known}");
    }
}
