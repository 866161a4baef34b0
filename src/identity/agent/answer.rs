//! What oidc-agent's error texts mean: who is guilty.
//!
//! The texts are those of its 4.2.6, seen in runs (`docs/parts.md`); they come over its socket, from its tools, and in
//! its log, and are the only thing that tells its errors apart.

use crate::identity::refusal::{refusal, words};
use crate::trouble::Trouble;

/// What stands before the reason of a failed connection, in the log.
const FAILED: [&str; 2] = ["curl_easy_perform() failed: ", "HTTPS Request failed: "];
/// What its advice begins with, which follows the reason.
const ADVICE: &str = "Please check";

/// The trouble behind an error text; `log` are the lines that the agent printed during that request, if they are known.
///
/// The log goes first: for a connection that was dropped or refused oidc-agent has no text of its own, and repeats its
/// previous error, whatever that was.
pub(super) fn trouble(text: &str, log: &[String], issuer: &str) -> Trouble {
    let text = text.trim().trim_start_matches("Error: ");
    let text = text.lines().next().unwrap_or_default().trim();
    let unreachable = |detail: String| Trouble::ProviderUnreachable {
        issuer: issuer.to_owned(),
        detail,
    };
    let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));

    let untrusted = |detail: &str| Trouble::ProviderUntrusted {
        issuer: issuer.to_owned(),
        detail: detail.to_owned(),
    };
    if let Some(reason) = log.iter().find_map(|line| network_failure(line)) {
        // "SSL connect error" is a connection that was broken off.
        return if reason.contains("SSL") && reason.contains("cert") {
            untrusted(reason)
        } else {
            unreachable(reason.to_owned())
        };
    }
    if has(&["reached maximum number of tries", "wrong password"]) {
        return Trouble::WrongPassword;
    }
    if has(&["error with ssl cert"]) {
        return untrusted("oidc-agent says no more of it");
    }
    if has(&[
        "could not connect to url",
        "reached timeout",
        "Could not get token endpoint",
    ]) {
        return unreachable(words("", text));
    }
    // What it says for a dropped connection while it has no previous error.
    if has(&["Argument is NULL"]) {
        return unreachable("the connection was lost".to_owned());
    }
    if has(&[
        "could not parse json",
        "unexpected response",
        "Received Http Status Code",
    ]) {
        return Trouble::ProviderFailing {
            issuer: issuer.to_owned(),
            detail: format!(
                "its answer is not that of a login service ({})",
                words("", text)
            ),
        };
    }
    if has(&["No flow was successful"])
        && let Some(code) = log.iter().find_map(|line| refused(line))
    {
        return refusal(issuer, code, "");
    }
    match oauth_error(text) {
        Some((code, description)) => refusal(issuer, code, description),
        None => Trouble::Agent {
            detail: words("", text),
        },
    }
}

/// The reason of a failed connection that this line of the log tells, if it tells one.
fn network_failure(line: &str) -> Option<&str> {
    let (_, reason) = FAILED.iter().find_map(|start| line.split_once(start))?;
    Some(reason.split(ADVICE).next().unwrap_or_default().trim())
}

/// `oidc-agent.d ERROR: invalid_grant`: the code with which a provider refused.
fn refused(line: &str) -> Option<&str> {
    let (_, code) = line.split_once("oidc-agent.d ERROR: ")?;
    oauth_error(code).map(|(code, _)| code)
}

/// Code and description of `code: description`; RFC 6749, section 5.2.
fn oauth_error(text: &str) -> Option<(&str, &str)> {
    let (code, description) = text.split_once(": ").unwrap_or((text, ""));
    let is_code = code.contains('_') && code.chars().all(|c| c.is_ascii_lowercase() || c == '_')
        || code == "unauthorized";
    is_code.then_some((code, description))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://iam.test/";
    const DROPPED: &str = "2026-11-23 23:40:05 oidc-agent.http ERROR: CURLErrorHandling (src/oidc-agent/http/http_errorHandler.c:52) \
                           curl_easy_perform() failed: Failure when receiving data from the peer";
    const NO_CA: &str = "2026-11-23 23:38:58 oidc-agent.http ERROR: handleSSL (src/oidc-agent/http/http_errorHandler.c:22) HTTPS \
                         Request failed: Problem with the SSL CA cert (path? access rights?) Please check the provided certh_path.";

    fn of(text: &str, log: &[&str]) -> Trouble {
        let log: Vec<_> = log.iter().map(|line| (*line).to_owned()).collect();
        trouble(text, &log, ISSUER)
    }

    #[test]
    fn a_refusal_is_the_providers() {
        let ended = of(
            "Error: invalid_token: Expired refresh token: eyJhbGciOiJub25lIn0.eyJleHAiOjE3OTgwNjgxOTB9.\nMost likely ...",
            &["2026-11-23 23:40:05 oidc-agent.d ERROR: invalid_token"],
        );
        assert!(
            matches!(&ended, Trouble::LoginEnded { detail } if detail == "invalid_token: Expired refresh token: [redacted]"),
            "{ended:?}"
        );
        let aup = of(
            "invalid_grant: User alice needs to sign AUP for this organization in order to proceed.",
            &[],
        );
        assert!(matches!(aup, Trouble::LoginRefused { .. }), "{aup:?}");
        let client = of("invalid_client: Bad client credentials", &[]);
        assert!(
            matches!(client, Trouble::ClientRefused { .. }),
            "{client:?}"
        );
    }

    #[test]
    fn a_refusal_that_is_repeated_after_a_dropped_connection_is_none() {
        let stale = "invalid_token: Expired refresh token: eyJhbGciOiJub25lIn0.e30.";
        assert_eq!(
            of(
                stale,
                &[
                    DROPPED,
                    "oidc-agent.d ERROR: invalid_token: Expired refresh token: [redacted]"
                ]
            ),
            Trouble::ProviderUnreachable {
                issuer: ISSUER.to_owned(),
                detail: "Failure when receiving data from the peer".to_owned()
            }
        );
    }

    #[test]
    fn a_provider_out_of_reach_is_told_with_the_reason() {
        for (text, log, part) in [
            ("could not connect to url", &[][..], "could not connect"),
            ("Argument is NULL in function oidc_strcopy", &[], "was lost"),
            (
                "Error: Could not get token endpoint from the ...",
                &[],
                "token endpoint",
            ),
            ("the other party disconnected", &[DROPPED], "Failure when"),
        ] {
            let trouble = of(text, log);
            assert!(
                matches!(&trouble, Trouble::ProviderUnreachable { detail, .. } if detail.contains(part) && !detail.contains("Please")),
                "{text}: {trouble:?}"
            );
        }
    }

    #[test]
    fn a_certificate_that_is_not_trusted_is_told_as_that() {
        for (text, log, part) in [
            ("error with ssl cert", &[][..], "oidc-agent"),
            (
                "Error: Could not get token endpoint from the ...",
                &[NO_CA],
                "SSL CA cert",
            ),
        ] {
            let trouble = of(text, log);
            assert!(
                matches!(&trouble, Trouble::ProviderUntrusted { detail, .. } if detail.contains(part) && !detail.contains("Please")),
                "{text}: {trouble:?}"
            );
        }
    }

    #[test]
    fn the_password_the_provider_and_the_agent_are_told_apart() {
        assert_eq!(
            of(
                "Error: reached maximum number of tries\nError: reached maximum number of tries",
                &[]
            ),
            Trouble::WrongPassword
        );
        let failing = of(
            "could not parse json",
            &["oidc-agent.d ERROR: Error while parsing json"],
        );
        assert!(
            matches!(failing, Trouble::ProviderFailing { .. }),
            "{failing:?}"
        );
        for text in [
            "account not loaded",
            "the other party disconnected",
            "",
            "Computer says NO!",
        ] {
            let trouble = of(text, &[]);
            assert!(
                matches!(&trouble, Trouble::Agent { detail } if detail == text),
                "{trouble:?}"
            );
        }
    }

    #[test]
    fn the_log_tells_what_oidc_gen_does_not() {
        let text = "Error: No flow was successful.";
        let refused = of(text, &["x oidc-agent.d ERROR: invalid_client"]);
        assert!(
            matches!(refused, Trouble::ClientRefused { .. }),
            "{refused:?}"
        );
        assert!(matches!(of(text, &[]), Trouble::Agent { .. }));
    }
}
