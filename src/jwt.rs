//! What a token says of itself, read and not verified: whom it is for is judged by who gets it.
//!
//! RFC 7519; the unsigned form (`alg: none`) is that of INDIGO IAM's refresh tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

/// The registered claims that we look at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Claims {
    /// Who made it, letter by letter.
    pub iss: Option<String>,
    /// Whose it is: the user, by the provider's own name.
    pub sub: Option<String>,
    /// Whom it is for; none, one or several.
    #[serde(default, deserialize_with = "one_or_more")]
    pub aud: Vec<String>,
    /// Until when it is good.
    #[serde(default, deserialize_with = "seconds")]
    pub exp: Option<Timestamp>,
    /// From when on it is good.
    #[serde(default, deserialize_with = "seconds")]
    pub nbf: Option<Timestamp>,
    /// When it was made.
    #[serde(default, deserialize_with = "seconds")]
    pub iat: Option<Timestamp>,
    /// What it allows, separated by spaces (RFC 9068, 2.2.3).
    #[serde(default, deserialize_with = "text")]
    pub scope: Option<String>,
    /// The user's name for people.
    pub preferred_username: Option<String>,
    /// The same.
    pub name: Option<String>,
}

impl Claims {
    /// Whether it says whose it is.
    #[must_use]
    pub fn has_subject(&self) -> bool {
        self.sub.as_ref().is_some_and(|sub| !sub.is_empty())
    }
}

/// The claims of a JWT in the compact form; `None` where it is none: tokens may be opaque.
#[must_use]
pub fn claims(token: &str) -> Option<Claims> {
    let mut parts = token.split('.');
    let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let json = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&json).ok()
}

fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        Several(Vec<String>),
    }
    Ok(match Audience::deserialize(deserializer)? {
        Audience::One(one) => vec![one],
        Audience::Several(several) => several,
    })
}

/// A text; what is none, as the lists of some providers, says nothing.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_str().map(str::to_owned))
}

/// NumericDate: seconds since 1970, which may have a fraction.
pub(super) fn seconds<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    let number = Option::<f64>::deserialize(deserializer)?;
    #[allow(clippy::cast_possible_truncation)]
    Ok(number.and_then(|number| Timestamp::from_second(number.floor() as i64).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> String {
        format!("eyJhbGciOiJub25lIn0.{}.", URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn an_unsigned_refresh_token_tells_its_end() {
        let claims = claims(&token(r#"{"exp":1798068190,"jti":"x"}"#)).unwrap();
        assert_eq!(claims.exp, Timestamp::from_second(1_798_068_190).ok());
        assert!(claims.aud.is_empty());
    }

    #[test]
    fn an_audience_is_one_or_several() {
        assert_eq!(
            claims(&token(r#"{"aud":"object"}"#)).unwrap().aud,
            ["object"]
        );
        assert_eq!(
            claims(&token(r#"{"aud":["a","b"]}"#)).unwrap().aud,
            ["a", "b"]
        );
    }

    #[test]
    fn what_is_no_jwt_says_nothing() {
        for opaque in ["", "opaque", "a.b.c", "a.b", "....", &token("[]")] {
            assert_eq!(claims(opaque), None, "{opaque:?}");
        }
    }
}
