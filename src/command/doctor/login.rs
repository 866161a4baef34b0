//! The login, from what is saved in the volume to the storage's credentials: the account, the agent, a token by a real
//! refresh, what it says, and what STS makes of it. A service client has neither an account nor an agent.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};

use crate::command::access::StorageAccess;
use crate::command::login::Saved;
use crate::command::quota;
use crate::credentials::sts::{Sts, flaw};
use crate::identity::agent::access_token;
use crate::identity::expiry::Source;
use crate::identity::service::Service;
use crate::jwt::{self, Claims};
use crate::keeper::Handle;
use crate::moment::{about, day_and_time};
use crate::settings::{Login, Settings};
use crate::trouble::Trouble;

use super::finding::Finding;
use super::ledger::Look;

/// The refresh may take this long: the keeper may have to start a fresh agent to be sure.
const REFRESH: Duration = Duration::from_secs(50);
/// One more token, to be looked into.
const TOKEN: Duration = Duration::from_secs(20);
/// What a bucket holds is asked for this long.
const USED: Duration = Duration::from_secs(10);

/// The login as it is saved.
pub(super) async fn saved(settings: &Settings, login: &Login) -> (Look, Option<String>) {
    if let Some(client) = &login.service {
        let good = format!(
            "none that ends: the service client {} gets tokens",
            client.id
        );
        return (Look::good(good), None);
    }
    let saved = Saved::read(settings, login).await;
    let now = Timestamp::now();
    let expiry = saved.expiry();
    let account = match &saved.account {
        Ok(account) => account,
        Err(trouble) => return (Look::found(Finding::Login(trouble.clone())), saved.user),
    };
    if !account.is_of(&login.issuer) {
        let trouble = Trouble::OtherIssuer {
            saved: account.issuer.clone(),
            wanted: login.issuer.clone(),
        };
        return (Look::found(Finding::Login(trouble)), saved.user);
    }
    let whose = saved
        .user
        .as_ref()
        .map_or_else(String::new, |user| format!("of {user}, "));
    let Some(expiry) = expiry else {
        let good = format!("{whose}when it ends only the login service knows");
        return (Look::good(good), saved.user);
    };
    let zone = settings.environment.zone().unwrap_or(TimeZone::UTC);
    let left = expiry.at.duration_since(now);
    let day = day_and_time(expiry.at, &zone, now);
    // An estimate alone proves no end: the refresh does.
    if !left.is_positive() && expiry.source != Source::Estimate {
        let detail = format!("its time was over {day}");
        let ended = Finding::Login(Trouble::LoginEnded { detail });
        return (Look::found(ended), saved.user);
    }
    let is_soon = left.is_positive() && left.as_hours() < i64::from(login.warn_days) * 24;
    let soon = is_soon.then(|| Finding::LoginEnds { left: about(left) });
    let good = format!("{whose}good until {day}");
    (Look::of(soon.into_iter().collect(), good), saved.user)
}

/// What became of a try.
pub(super) struct Tried {
    pub agent: Look,
    pub token: Look,
    pub claims: Look,
    pub sts: Look,
    /// The bytes in the bucket, where the storage tells.
    pub in_bucket: Option<u64>,
}

/// A token, by a real refresh (or grant) of whoever keeps the login, and what it is good for.
///
/// `user`: whose the login is, where that is known. `answers`: the storage is there.
pub(super) async fn tried(
    settings: &Settings,
    login: &Login,
    user: Option<&str>,
    sts: &Sts,
    answers: bool,
    access: &StorageAccess,
) -> Tried {
    let passed = |because: &str| Look::passed(because.to_owned());
    let unknown = |agent, token| Tried {
        agent,
        token,
        claims: passed("there is no token"),
        sts: passed("there is no token"),
        in_bucket: None,
    };
    let Some(keeper) = access.keeper() else {
        return unknown(passed("nobody keeps the login"), passed("nobody keeps it"));
    };
    let renewal = keeper.renew(REFRESH).await;
    let service = Service::of(login, &settings.trust);
    let agent = Look::good("oidc-agent has the login");
    match &renewal {
        Err(
            trouble @ (Trouble::Agent { .. }
            | Trouble::Neighbour { .. }
            | Trouble::OtherSettings { .. }),
        ) if service.is_none() => {
            let agent = Look::found(Finding::Login(trouble.clone()));
            return unknown(agent, passed("there is nobody to ask for one"));
        }
        Err(trouble) if !trouble.is_about_the_storage() => {
            return unknown(agent, Look::found(Finding::Login(trouble.clone())));
        }
        _ => (),
    }
    let one_more = match (&service, keeper.status().agent) {
        (Some(service), _) => Some(service.token().await),
        (None, Some(socket)) => {
            let (account, audience) = (&login.account, &login.audience);
            Some(access_token(&socket, &login.issuer, account, audience, TOKEN).await)
        }
        (None, None) => None,
    };
    let claims = match one_more {
        Some(Ok(token)) => claims(&token, login, user, sts),
        Some(Err(trouble)) => Look::passed(format!("a second one was not given: {trouble}")),
        None => passed("the agent cannot be asked from here"),
    };
    let because = match () {
        () if !claims.carries() && claims.has_findings() => {
            Some("the token is not what the storage takes")
        }
        () if !answers => Some("the storage does not answer"),
        () => None,
    };
    let (sts, in_bucket) = match (renewal, because) {
        (Ok(()), _) => credentials(settings, &keeper).await,
        (Err(_), Some(because)) => (passed(because), None),
        (Err(trouble), None) => (Look::found(Finding::Login(trouble)), None),
    };
    Tried {
        agent,
        token: Look::good(match service {
            Some(_) => "given, by a real grant",
            None => "given, by a real refresh",
        }),
        claims,
        sts,
        in_bucket,
    }
}

/// The credentials that were just got, and what they show of the bucket.
async fn credentials(settings: &Settings, keeper: &Handle) -> (Look, Option<u64>) {
    match keeper.credentials(TOKEN).await {
        Ok(credentials) => {
            let used = quota::bucket_used(settings, &credentials, USED).await;
            let until = credentials.expiration;
            (Look::good(format!("credentials until {until}")), used)
        }
        Err(trouble) => (Look::found(Finding::Login(trouble)), None),
    }
}

fn claims(token: &SecretString, login: &Login, user: Option<&str>, sts: &Sts) -> Look {
    match jwt::claims(token.expose_secret()) {
        Some(claims) => judged(&claims, login, user, sts, Timestamp::now()),
        None => Look::passed("the token is no JWT, so it tells nothing of itself"),
    }
}

fn judged(claims: &Claims, login: &Login, user: Option<&str>, sts: &Sts, now: Timestamp) -> Look {
    let mut findings: Vec<Finding> = flaw(claims, sts.expected(), None, now)
        .map(Finding::Login)
        .into_iter()
        .collect();
    if let Some(client) = &login.service {
        let good = format!(
            "it is for {}, from {}, of the client {}",
            login.audience, login.issuer, client.id
        );
        return Look::of(findings, good);
    }
    if let Some(scope) = &claims.scope {
        let has = |wanted: &&str| scope.split_whitespace().any(|word| word == *wanted);
        let wanted = login.scope.split_whitespace();
        let missing: Vec<&str> = wanted.filter(|wanted| !has(wanted)).collect();
        if !missing.is_empty() {
            findings.push(Finding::Scope {
                missing: missing.join(" "),
            });
        }
    }
    // A service client has no name of a person, and its ID is no user's.
    let person = claims.preferred_username.as_deref().or(user);
    let client = login.service.as_ref().map(|client| client.id.as_str());
    let name = person.filter(|_| client.is_none()).or(client);
    if client.is_none()
        && let (Some(name), Some(set)) = (name, &login.user)
        && name != set
    {
        findings.push(Finding::OtherUser {
            login: name.to_owned(),
            set: set.clone(),
        });
    }
    let whose = name.unwrap_or("somebody whose name it does not tell");
    let good = format!(
        "it is for {}, from {}, of {whose}",
        login.audience, login.issuer
    );
    Look::of(findings, good)
}
