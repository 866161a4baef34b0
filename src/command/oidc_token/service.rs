//! A token of the service client, by those words of oidc-token (its manual, 4.2) that mean something without an agent.

use std::ffi::OsString;
use std::io::Write;

use secrecy::ExposeSecret;

use crate::error::{Error, Result};
use crate::identity::service::Service;
use crate::settings::Problem;

/// What is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wish {
    scope: Option<String>,
    audience: Option<String>,
}

/// Prints a new token.
pub(super) async fn token(service: Service, account: &str, args: &[OsString]) -> Result<u8> {
    let Some(Wish { scope, audience }) = wish(account, args) else {
        return Err(Error::Settings(vec![Problem::new(
            "OIDC_FLOW",
            format!(
                "is client_credentials, where there is no oidc-agent: oidc-token takes {account}, --aud, --scope and --time"
            ),
        )]));
    };
    let token = service.asking_for(scope, audience).token().await?;
    writeln!(std::io::stdout(), "{}", token.expose_secret()).map_err(|source| Error::System {
        what: "writing the token",
        source,
    })?;
    Ok(0)
}

/// `None` for words that only an agent understands, and for another account.
fn wish(account: &str, args: &[OsString]) -> Option<Wish> {
    let mut wish = Wish::default();
    let mut named = false;
    let mut words = args.iter().map(|arg| arg.to_str());
    while let Some(word) = words.next() {
        let word = word?;
        let (name, value) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value)),
            _ => (word, None),
        };
        let mut value = || value.or_else(|| words.next().flatten()).map(str::to_owned);
        match name {
            "--aud" => wish.audience = Some(value()?),
            "--scope" | "-s" => wish.scope = Some(value()?),
            // A new token is good for longer than any that was kept.
            "--time" | "-t" => drop(value()?),
            _ if word == account && !named => named = true,
            _ => return None,
        }
    }
    named.then_some(wish)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish_of(line: &str) -> Option<Wish> {
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        wish("infncloud", &args)
    }

    #[test]
    fn the_words_of_oidc_token_are_understood() {
        assert_eq!(wish_of("infncloud"), Some(Wish::default()));
        let audience = Some(Wish {
            audience: Some("object".to_owned()),
            scope: None,
        });
        for line in [
            "--aud=object infncloud",
            "infncloud --aud object",
            "-t 60 --aud=object infncloud",
        ] {
            assert_eq!(wish_of(line), audience, "{line}");
        }
        let scope = wish_of("infncloud -s openid").and_then(|wish| wish.scope);
        assert_eq!(scope.as_deref(), Some("openid"));
    }

    #[test]
    fn what_only_an_agent_can_do_is_refused() {
        for line in [
            "other",
            "infncloud other",
            "--all infncloud",
            "infncloud --aud",
            "--aud=object",
            "--refresh-token infncloud",
        ] {
            assert_eq!(wish_of(line), None, "{line}");
        }
    }
}
