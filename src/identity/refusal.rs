//! What a provider's refusal means: its error code and text, as the provider itself or oidc-agent tells them.
//!
//! RFC 6749, section 5.2, and what providers make of it; the texts of INDIGO IAM are in `docs/parts.md`.

use crate::supervise::without_tokens;
use crate::trouble::Trouble;

/// More of a provider's text is no help to anybody.
const MOST_CHARACTERS: usize = 300;

/// The trouble behind an OAuth error; `issuer` is whom it came from, for those that are the provider's own.
///
/// The code alone does not tell: an expired refresh token is `invalid_grant` (as the RFC has it) or `invalid_token`,
/// and so is a user who may not go on. So a text about the user goes first.
#[must_use]
pub fn refusal(issuer: &str, error: &str, description: &str) -> Trouble {
    let detail = words(error, description);
    match error {
        "invalid_client" | "unauthorized_client" => Trouble::ClientRefused { detail },
        "consent_required" | "interaction_required" | "login_required" | "access_denied" => {
            Trouble::LoginRefused { detail }
        }
        _ if asks_something_of_the_user(description) => Trouble::LoginRefused { detail },
        "invalid_grant" | "invalid_token" => Trouble::LoginEnded { detail },
        // What Spring Security, under INDIGO IAM, says of a client before OAuth is asked at all.
        "unauthorized" => Trouble::ClientRefused { detail },
        "invalid_scope" => Trouble::LoginRefused {
            detail: format!("{detail} (see OIDC_SCOPE)"),
        },
        "invalid_target" => Trouble::LoginRefused {
            detail: format!("{detail} (see OIDC_AUDIENCE)"),
        },
        _ => Trouble::ProviderFailing {
            issuer: issuer.to_owned(),
            detail,
        },
    }
}

/// Code and text as one short line without tokens, control characters, and the full stop that our own sentences add.
pub(super) fn words(error: &str, description: &str) -> String {
    let text = match (error.trim(), description.trim()) {
        ("", text) | (text, "") => text.to_owned(),
        (error, description) => format!("{error}: {description}"),
    };
    let visible: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let line = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    // Cut after the tokens are out: half a token would not be known as one.
    without_tokens(line.trim_end_matches('.'))
        .chars()
        .take(MOST_CHARACTERS)
        .collect()
}

/// "User NAME needs to sign AUP ...", "User NAME is not active.", "Account is disabled"; but not "Token is not active".
fn asks_something_of_the_user(description: &str) -> bool {
    let description = description.to_lowercase();
    let has = |word: &str| {
        description
            .split(|c: char| !c.is_alphanumeric())
            .any(|w| w == word)
    };
    has("aup")
        || (has("user") || has("account"))
            && [
                "active",
                "disabled",
                "enabled",
                "locked",
                "suspended",
                "sign",
                "policy",
                "terms",
            ]
            .into_iter()
            .any(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://iam.test/";

    #[test]
    fn a_login_that_has_ended_is_told_as_that_by_either_code() {
        for (error, description) in [
            (
                "invalid_token",
                "Expired refresh token: eyJhbGciOiJub25lIn0.eyJleHAiOjE3OTgwNjgxOTB9.",
            ),
            (
                "invalid_grant",
                "Expired refresh token: eyJhbGciOiJub25lIn0.eyJleHAiOjE3OTgwNjgxOTB9.",
            ),
            ("invalid_token", "Invalid refresh token: token not found"),
            ("invalid_grant", "Invalid Refresh Token"),
            ("invalid_grant", "Token is not active"),
            ("invalid_grant", "grant request is invalid"),
            ("invalid_grant", ""),
        ] {
            let trouble = refusal(ISSUER, error, description);
            assert!(
                matches!(&trouble, Trouble::LoginEnded { detail } if !detail.contains("eyJ")),
                "{error}: {description}: {trouble:?}"
            );
        }
    }

    #[test]
    fn what_is_asked_of_the_user_is_no_end_of_the_login() {
        for (error, description) in [
            (
                "invalid_grant",
                "User alice needs to sign AUP for this organization in order to proceed.",
            ),
            ("invalid_grant", "User alice is not active."),
            ("unauthorized", "User alice is not active."),
            ("invalid_token", "User alice is not active."),
            ("invalid_grant", "Account disabled"),
            ("consent_required", ""),
            ("invalid_scope", "unknown scope"),
        ] {
            let trouble = refusal(ISSUER, error, description);
            assert!(
                matches!(trouble, Trouble::LoginRefused { .. }),
                "{error}: {description}: {trouble:?}"
            );
        }
    }

    #[test]
    fn the_client_and_the_provider_are_to_blame_for_the_rest() {
        let trouble = refusal(ISSUER, "invalid_client", "Bad client credentials");
        assert_eq!(
            trouble,
            Trouble::ClientRefused {
                detail: "invalid_client: Bad client credentials".to_owned()
            }
        );
        assert_eq!(
            refusal(ISSUER, "unauthorized", "Bad credentials"),
            Trouble::ClientRefused {
                detail: "unauthorized: Bad credentials".to_owned()
            }
        );
        let trouble = refusal(ISSUER, "server_error", "");
        assert_eq!(
            trouble,
            Trouble::ProviderFailing {
                issuer: ISSUER.to_owned(),
                detail: "server_error".to_owned()
            }
        );
    }

    #[test]
    fn a_text_is_one_short_line() {
        assert_eq!(
            words("server_error", " a\n\u{1b}[2J  b\u{7}"),
            "server_error: a [2J b"
        );
        assert_eq!(words("", &"x ".repeat(1000)).chars().count(), 300);
        let at_the_cut = format!(
            "{} eyJhbGciOiJub25lIn0.eyJleHAiOjE3OTgwNjgx.",
            "x ".repeat(140)
        );
        assert!(!words("", &at_the_cut).contains("eyJ"));
    }
}
