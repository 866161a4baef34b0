//! oidc-agent's socket: one plain JSON request a connection, one answer, end of file.

use std::io;
use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

use super::answer;
use crate::trouble::Trouble;

/// Tokens have a few kB.
const LONGEST_ANSWER: u64 = 256 * 1024;
/// Between two tries to get into the line.
const LINE_IS_FULL: Duration = Duration::from_millis(20);
/// Whom the agent names in its log.
const HINT: &str = "cloud-backup";

/// Why there is no answer that helps.
#[derive(Debug)]
pub(super) enum Failure {
    /// No agent there, or one that ended meanwhile.
    NoAgent(String),
    /// The deadline is over: an agent that waits for its provider.
    Late(Duration),
    /// The agent's own error text, tokens included.
    Said(String),
}

impl Failure {
    /// The trouble behind it, without a look at the agent's log.
    pub(super) fn trouble(self, issuer: &str) -> Trouble {
        match self {
            Self::NoAgent(detail) => Trouble::Agent { detail },
            Self::Late(deadline) => Trouble::ProviderUnreachable {
                issuer: issuer.to_owned(),
                detail: format!("no answer within {}", humantime::format_duration(deadline)),
            },
            Self::Said(text) => answer::trouble(&text, &[], issuer),
        }
    }
}

#[derive(Serialize)]
struct Request<'a> {
    request: &'a str,
    #[serde(flatten)]
    token: Option<TokenRequest<'a>>,
}

#[derive(Serialize)]
struct TokenRequest<'a> {
    account: &'a str,
    audience: &'a str,
    /// Seconds; of no effect with an audience.
    min_valid_period: u16,
    application_hint: &'a str,
}

/// `expires_at` is left out on purpose: with an audience it is that of another token.
#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    error: Option<String>,
}

/// A new access token from somebody else's agent, whose log is not at hand: after a dropped connection its answer may be
/// its previous error, so one refusal proves nothing.
pub async fn access_token(
    socket: &Path,
    issuer: &str,
    account: &str,
    audience: &str,
    deadline: Duration,
) -> Result<SecretString, Trouble> {
    token(socket, account, audience, deadline)
        .await
        .map_err(|failure| failure.trouble(issuer))
}

pub(super) async fn token(
    socket: &Path,
    account: &str,
    audience: &str,
    deadline: Duration,
) -> Result<SecretString, Failure> {
    let request = Request {
        request: "access_token",
        token: Some(TokenRequest {
            account,
            audience,
            min_valid_period: 0,
            application_hint: HINT,
        }),
    };
    let answer = ask(socket, &request, deadline).await?;
    read_token(&answer)
}

/// Returns when the agent has answered all that it was asked before, as it does one at a time; false: not by the deadline.
pub(super) async fn wait_for_others(socket: &Path, deadline: Duration) -> bool {
    let request = Request {
        request: "loaded_accounts",
        token: None,
    };
    !matches!(ask(socket, &request, deadline).await, Err(Failure::Late(_)))
}

fn read_token(answer: &[u8]) -> Result<SecretString, Failure> {
    if answer.is_empty() {
        return Err(Failure::NoAgent("it gave no answer".to_owned()));
    }
    let answer: Answer = serde_json::from_slice(answer)
        .map_err(|_| Failure::NoAgent("its answer is no JSON".to_owned()))?;
    match (answer.access_token, answer.error) {
        (Some(token), _) => Ok(token.into()),
        (None, error) => Err(Failure::Said(error.unwrap_or_default())),
    }
}

async fn ask(socket: &Path, request: &Request<'_>, deadline: Duration) -> Result<Vec<u8>, Failure> {
    match timeout(deadline, exchange(socket, request)).await {
        Ok(answer) => answer.map_err(|error| {
            Failure::NoAgent(format!("no connection to {}: {error}", socket.display()))
        }),
        Err(_) => Err(Failure::Late(deadline)),
    }
}

/// The agent lets few wait in line, and the system turns the next away: it is asked again.
async fn connect(socket: &Path) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(socket).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(LINE_IS_FULL).await,
            end => return end,
        }
    }
}

async fn exchange(socket: &Path, request: &Request<'_>) -> io::Result<Vec<u8>> {
    let mut stream = connect(socket).await?;
    stream.write_all(&serde_json::to_vec(request)?).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn said(answer: &str) -> String {
        match read_token(answer.as_bytes()) {
            Err(Failure::Said(text)) => text,
            other => panic!("{answer}: {other:?}"),
        }
    }

    #[test]
    fn an_answer_is_a_token_or_an_error() {
        let good = br#"{"status":"success","access_token":"eyJ.x.y","issuer":"https://iam.test/","expires_at":1}"#;
        assert_eq!(read_token(good).unwrap().expose_secret(), "eyJ.x.y");
        let bad = r#"{"status":"failure","error":"account not loaded","info":"..."}"#;
        assert_eq!(said(bad), "account not loaded");
        assert_eq!(said("{}"), "");
    }

    #[test]
    fn an_agent_that_goes_away_is_no_refusal() {
        for answer in ["", "{", "[]", "null"] {
            assert!(
                matches!(read_token(answer.as_bytes()), Err(Failure::NoAgent(_))),
                "{answer:?}"
            );
        }
    }

    #[test]
    fn the_request_is_one_flat_object() {
        let request = Request {
            request: "access_token",
            token: Some(TokenRequest {
                account: "infncloud",
                audience: "object",
                min_valid_period: 0,
                application_hint: HINT,
            }),
        };
        assert_eq!(
            serde_json::to_string(&request).unwrap(),
            r#"{"request":"access_token","account":"infncloud","audience":"object","min_valid_period":0,"application_hint":"cloud-backup"}"#
        );
    }

    #[tokio::test]
    async fn a_line_that_is_full_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        let listener = tokio::net::UnixSocket::new_stream().unwrap();
        listener.bind(&path).unwrap();
        let listener = listener.listen(1).unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = UnixStream::connect(&path).await {
            waiting.push(stream);
        }
        assert!(!wait_for_others(&path, Duration::from_millis(100)).await);
        let asked =
            tokio::spawn(async move { wait_for_others(&path, Duration::from_secs(10)).await });
        sleep(Duration::from_millis(100)).await;
        // As an agent that ends: each is let in, and gets no answer.
        for _ in 0..=waiting.len() {
            drop(listener.accept().await.unwrap());
        }
        assert!(asked.await.unwrap());
    }

    #[tokio::test]
    async fn a_silent_agent_is_a_provider_that_hangs_and_none_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent.sock");
        let deadline = Duration::from_millis(50);
        let ask = || access_token(&socket, "https://iam.test/", "a", "object", deadline);
        assert!(matches!(ask().await, Err(Trouble::Agent { .. })));
        let _listener = tokio::net::UnixListener::bind(&socket).unwrap();
        assert_eq!(
            ask().await.unwrap_err(),
            Trouble::ProviderUnreachable {
                issuer: "https://iam.test/".to_owned(),
                detail: "no answer within 50ms".to_owned()
            }
        );
    }
}
