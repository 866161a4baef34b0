//! Takes tokens out of the texts of oidc-agent and of providers, which quote them in their errors.
//!
//! Such a token is no setting of ours, so it is known by its look only: better a word too many is replaced.

use std::sync::LazyLock;

use regex_lite::{Captures, Regex};

const MARK: &str = "[redacted]";

/// A JWT, also one without a signature, or cut off.
const JWT: &str = r"\bey[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]*)*";
/// What follows the name of a secret, as JSON, a form or a sentence has it.
const NAMED: &str = r#"(?i)((?:client_secret|[a-z_]*token|device_code|password)"?\s*[:=]\s*['"]?)([A-Za-z0-9._~+/=-]{16,})"#;
/// A long word; random ones hold both cases and digits, UUIDs and names do not.
const WORD: &str = r"[A-Za-z0-9_~+=-]{32,}";

static TOKENS: LazyLock<Option<[Regex; 3]>> = LazyLock::new(|| {
    Some([
        Regex::new(JWT).ok()?,
        Regex::new(NAMED).ok()?,
        Regex::new(WORD).ok()?,
    ])
});

/// The text with everything in it replaced that looks like a token or a client's secret.
#[must_use]
pub fn without_tokens(text: &str) -> String {
    let Some([jwt, named, word]) = &*TOKENS else {
        // A pattern that does not compile, which the tests below rule out: nothing is shown then.
        return MARK.to_owned();
    };
    let text = jwt.replace_all(text, MARK);
    let text = named.replace_all(&text, |found: &Captures| format!("{}{MARK}", &found[1]));
    word.replace_all(&text, |found: &Captures| {
        if is_random(&found[0]) {
            MARK.to_owned()
        } else {
            found[0].to_owned()
        }
    })
    .into_owned()
}

fn is_random(word: &str) -> bool {
    let has = |kind: fn(&char) -> bool| word.chars().any(|c| kind(&c));
    has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase) && has(char::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_providers_quote_is_not_shown() {
        for (text, shown) in [
            (
                "invalid_token: Expired refresh token: eyJhbGciOiJub25lIn0.eyJleHAiOjE3OTgwNjgxOTAsImp0aSI6IjBiOGIzIn0.",
                "invalid_token: Expired refresh token: [redacted]",
            ),
            (
                "Invalid refresh token: hLo3mXk0Qq9Zt5vB1nR7cW2yU8eS4aDf6gHjKlPoIuYt",
                "Invalid refresh token: [redacted]",
            ),
            (
                r#"{"client_secret": "abcdefghijklmnopq"}"#,
                r#"{"client_secret": "[redacted]"}"#,
            ),
            ("x hLo3mXk0Qq9Zt5vB1nR7cW2yU8eS4aDf6g y", "x [redacted] y"),
        ] {
            assert_eq!(without_tokens(text), shown);
        }
    }

    #[test]
    fn what_is_no_token_stays() {
        for text in [
            "invalid_token: Invalid refresh token: token not found",
            "could not connect to https://iam.cloud.infn.it/",
            "User 6d8f1c34-2f1c-5a0e-9f5b-0c2b7a6f1234 needs to sign AUP for this organization in order to proceed.",
        ] {
            assert_eq!(without_tokens(text), text);
        }
    }
}
