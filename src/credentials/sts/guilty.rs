//! Which part is to blame for a bare `403 AccessDenied` of STS: the token tells, read and not verified.
//!
//! RGW answers everything that is wrong with a token, its role or its issuer by this one answer without a message. So
//! what can be compared is compared: the times, the audience, the issuer. What is left is the role.

use jiff::{SignedDuration, Timestamp};

use super::answer::shown;
use crate::jwt::{self, Claims};
use crate::trouble::Trouble;

/// Clocks that differ by less are not worth a word.
pub const CLOCKS: SignedDuration = SignedDuration::from_secs(60);

/// What the storage expects of a token, as far as the settings tell.
#[derive(Debug, Clone)]
pub struct Expected {
    /// `S3_ENDPOINT`
    pub endpoint: String,
    /// `S3_ROLE`, by its name.
    pub role: String,
    /// `OIDC_ISSUER`, letter by letter.
    pub issuer: String,
    /// `OIDC_AUDIENCE`
    pub audience: String,
}

impl Expected {
    /// STS answers, and not as it should.
    pub(super) fn failing(&self, detail: String) -> Trouble {
        Trouble::StsFailing {
            endpoint: self.endpoint.clone(),
            detail,
        }
    }
}

/// The trouble behind a 403 for this token.
///
/// `server_date` is the `Date` header of the answer; without one the token is judged by our clock, which is then not
/// blamed.
#[must_use]
pub fn guilty(
    token: &str,
    expected: &Expected,
    server_date: Option<Timestamp>,
    now: Timestamp,
) -> Trouble {
    let Some(claims) = jwt::claims(token) else {
        return refused("it is no JWT, and only those tell the storage whose they are".to_owned());
    };
    flaw(&claims, expected, server_date, now).unwrap_or_else(|| Trouble::RoleRefused {
        role: expected.role.clone(),
        detail: format!(
            "it is unknown there, or not open to this account or to tokens for {}, or the storage does not know or reach {}",
            expected.audience, expected.issuer
        ),
    })
}

/// What of these claims no storage with these expectations takes; the times are as in [`guilty`].
#[must_use]
pub fn flaw(
    claims: &Claims,
    expected: &Expected,
    server_date: Option<Timestamp>,
    now: Timestamp,
) -> Option<Trouble> {
    if let Some(untimely) = untimely(claims, server_date.unwrap_or(now)) {
        let blamed = clock(expected, server_date, now);
        return Some(blamed.unwrap_or_else(|| Trouble::ProviderFailing {
            issuer: expected.issuer.clone(),
            detail: format!("by the storage's clock, the token that it gave {untimely}"),
        }));
    }
    if !claims.aud.contains(&expected.audience) {
        let audience = match claims.aud.as_slice() {
            [] => "nobody".to_owned(),
            several => shown(&several.join(", ")),
        };
        return Some(refused(format!(
            "it is for {audience}, and OIDC_AUDIENCE is {}",
            expected.audience
        )));
    }
    if claims.iss.as_deref() != Some(&expected.issuer) {
        return Some(refused(format!(
            "its issuer is {:?}, and OIDC_ISSUER is {:?}",
            shown(claims.iss.as_deref().unwrap_or_default()),
            expected.issuer
        )));
    }
    (!claims.has_subject()).then_some(Trouble::NoSubject)
}

fn refused(detail: String) -> Trouble {
    Trouble::TokenRefused { detail }
}

/// Why the token is not good at this time; RGW allows for no difference.
fn untimely(claims: &Claims, at: Timestamp) -> Option<String> {
    let seconds = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs();
    if let Some(exp) = claims.exp.filter(|exp| *exp < at) {
        return Some(format!("had ended {} s before", seconds(exp, at)));
    }
    let begin = claims.nbf.max(claims.iat)?;
    (begin > at).then(|| format!("begins only in {} s", seconds(at, begin)))
}

/// How far our clock is from the storage's, where that is much.
pub(super) fn clock(
    expected: &Expected,
    server_date: Option<Timestamp>,
    now: Timestamp,
) -> Option<Trouble> {
    let ahead = now.duration_since(server_date?);
    (ahead.abs() > CLOCKS).then(|| Trouble::Clock {
        ahead: ahead.as_secs(),
        other: format!("the storage {}", expected.endpoint),
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::*;

    /// Seconds since 1970 at which all of this happens.
    const NOW: i64 = 1_800_000_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn expected() -> Expected {
        Expected {
            endpoint: "https://rgw.test/".to_owned(),
            role: "IAMaccess".to_owned(),
            issuer: "https://iam.test/".to_owned(),
            audience: "object".to_owned(),
        }
    }

    /// A token that is right at `NOW`, but for these claims.
    fn token(changes: &Value) -> String {
        let mut claims = json!({
            "iss": "https://iam.test/", "aud": "object", "sub": "1", "iat": NOW, "nbf": NOW, "exp": NOW + 3600,
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        format!(
            "eyJhbGciOiJSUzI1NiJ9.{}.c2lnbmF0dXJl",
            URL_SAFE_NO_PAD.encode(claims.to_string())
        )
    }

    /// The sentence for a token, where our clock is ahead of the server's by so many seconds.
    fn sentence(changes: &Value, ahead: i64) -> String {
        guilty(&token(changes), &expected(), Some(at(NOW)), at(NOW + ahead)).to_string()
    }

    #[test]
    fn a_right_token_leaves_the_role() {
        for right in [
            json!({}),
            json!({"aud": ["other", "object"]}),
            json!({"exp": NOW}),
        ] {
            assert!(
                matches!(
                    guilty(&token(&right), &expected(), Some(at(NOW)), at(NOW)),
                    Trouble::RoleRefused { role, .. } if role == "IAMaccess"
                ),
                "{right}"
            );
        }
    }

    #[test]
    fn an_opaque_token_is_named() {
        for opaque in ["", "opaque", "a.b.c"] {
            assert_eq!(
                guilty(opaque, &expected(), Some(at(NOW)), at(NOW)).to_string(),
                "the storage refuses the token: it is no JWT, and only those tell the storage whose they are"
            );
        }
    }

    #[test]
    fn an_audience_is_named_beside_the_one_that_is_wanted() {
        for (audience, named) in [
            (json!("else"), "else"),
            (json!(["a", "b"]), "a, b"),
            (json!([]), "nobody"),
            (json!("Object"), "Object"),
        ] {
            assert_eq!(
                sentence(&json!({ "aud": audience }), 0),
                format!(
                    "the storage refuses the token: it is for {named}, and OIDC_AUDIENCE is object"
                )
            );
        }
    }

    #[test]
    fn an_issuer_is_compared_letter_by_letter() {
        assert_eq!(
            sentence(&json!({"iss": "https://iam.test"}), 0),
            "the storage refuses the token: its issuer is \"https://iam.test\", and OIDC_ISSUER is \
             \"https://iam.test/\""
        );
        assert!(sentence(&json!({"iss": null}), 0).contains("its issuer is \"\""));
    }

    #[test]
    fn a_token_without_a_subject_is_named() {
        for subject in [json!(null), json!("")] {
            assert_eq!(
                sentence(&json!({ "sub": subject }), 0),
                "the storage refuses the token: it has no subject (sub)"
            );
        }
    }

    #[test]
    fn our_clock_is_blamed_where_it_differs_by_more_than_a_minute() {
        for (untimely, ahead, told) in [
            (json!({"exp": NOW - 1}), -3600, "3600 s behind"),
            (json!({"nbf": NOW + 300}), 300, "300 s ahead of"),
            (json!({"iat": NOW + 300}), 61, "61 s ahead of"),
        ] {
            assert_eq!(
                sentence(&untimely, ahead),
                format!(
                    "the clock of this machine is {told} that of the storage https://rgw.test/"
                )
            );
        }
    }

    #[test]
    fn a_right_clock_leaves_the_provider() {
        for (untimely, ahead, told) in [
            (json!({"exp": NOW - 1}), 0, "had ended 1 s before"),
            (json!({"exp": NOW - 90}), -60, "had ended 90 s before"),
            (json!({"nbf": NOW + 3}), 60, "begins only in 3 s"),
            (
                json!({"iat": NOW + 300, "nbf": null}),
                5,
                "begins only in 300 s",
            ),
        ] {
            assert_eq!(
                sentence(&untimely, ahead),
                format!(
                    "the login service https://iam.test/ does not work: by the storage's clock, the token that it gave \
                     {told}"
                )
            );
        }
    }

    #[test]
    fn a_clock_that_is_wrong_is_not_blamed_for_a_timely_token() {
        assert!(sentence(&json!({"aud": "else"}), 86_400).contains("OIDC_AUDIENCE"));
        assert!(sentence(&json!({}), -86_400).contains("the role IAMaccess"));
    }

    #[test]
    fn without_a_date_our_clock_is_the_measure() {
        let old = token(&json!({"exp": NOW - 7200}));
        let said = guilty(&old, &expected(), None, at(NOW)).to_string();
        assert!(said.ends_with("had ended 7200 s before"), "{said}");
    }

    #[test]
    fn time_comes_before_audience_before_issuer() {
        let all = json!({"exp": NOW - 1, "aud": "else", "iss": "https://else.test/"});
        assert!(sentence(&all, 0).contains("had ended"));
        let two = json!({"aud": "else", "iss": "https://else.test/"});
        assert!(sentence(&two, 0).contains("OIDC_AUDIENCE"));
    }

    #[test]
    fn what_a_token_says_is_cut_and_cleaned() {
        let said = sentence(
            &json!({"iss": format!("https://{}\u{1b}[2J", "x.".repeat(900))}),
            0,
        );
        assert!(said.chars().count() < 350, "{said}");
        assert!(!said.contains('\u{1b}'));
    }
}
