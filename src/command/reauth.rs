//! `reauth`: a new login of the same person, before or after the old one has ended.
//!
//! The running server takes it by itself; requests in flight are not touched.

use std::time::Duration;

use secrecy::ExposeSecret;

use crate::error::{Error, Result};
use crate::identity::agent::{StoredAccount, access_token, read_account};
use crate::identity::store::{About, Login, Store};
use crate::jwt;
use crate::settings::{self, Settings};
use crate::supervise::Interrupts;
use crate::trouble::Trouble;
use crate::volume::Volume;

use super::access::{PATIENCE, with_access};
use super::device_login::{self, say};
use super::{config as configuration, prove, running};

/// The token that tells whose the old login is.
const TOKEN: Duration = Duration::from_secs(15);

pub(super) async fn run(force: bool) -> Result<u8> {
    let settings = super::settings()?;
    crate::log::start(settings.logging.warnings_only());
    let mut interrupts = Interrupts::new()?;
    renew(&settings, force, &mut interrupts)
        .await
        .map_err(configuration::interrupted)?;
    Ok(0)
}

async fn renew(settings: &Settings, force: bool, interrupts: &mut Interrupts) -> Result<()> {
    let volume = Volume::open(&settings.home)?;
    let Some(login) = &settings.login else {
        say(&format!(
            "The storage {} needs no login: nothing to renew.",
            settings.remote
        ));
        return Ok(());
    };
    if let Some(client) = &login.service {
        say(&format!(
            "The service client {} gets tokens by itself, without an end: nothing to renew.",
            client.id
        ));
        return Ok(());
    }
    let _lock = configuration::lock(&volume)?;
    let current = Store::new(&settings.home)
        .current(&login.account)?
        .ok_or(Trouble::NoLogin)?;
    if let Some(trouble) = configuration::other_issuer(&current, login) {
        return Err(trouble.into());
    }
    let account = interrupts
        .unless(saved_account(settings, login, &current))
        .await;
    let client = match account {
        Ok(account) => Some(account.client()),
        // Whose it is stands in a file of its own.
        Err(Error::Login(trouble @ Trouble::LoginEnded { .. })) => {
            say(&format!("The saved login cannot be read: {trouble}.\n"));
            None
        }
        Err(error) => return Err(error),
    };
    configuration::write_files(&settings.home, login)?;
    let owner = match &current.about {
        Some(about) => Owner::from(about),
        None => owner_by_token(settings, login, &volume, interrupts).await?,
    };
    running::require_same_settings(settings, &volume, interrupts).await?;
    let new = interrupts
        .unless(device_login::log_in(settings, login, &volume, client))
        .await?;
    if !force {
        require_same_person(&owner, login, &new.about)?;
    }
    configuration::warn_of_another_user(login, new.about.user.as_deref());
    let expiry = new.expiry;
    new.commit()?;
    let next = configuration::next(settings, "docker compose up -d");
    prove::chain(settings, &volume, expiry, &next, interrupts).await
}

/// The login in use, which is one of the provider that is set.
async fn saved_account(
    settings: &Settings,
    login: &settings::Login,
    current: &Login,
) -> Result<StoredAccount> {
    let account = read_account(
        &settings.environment,
        &current.folder,
        &login.account,
        &login.password,
    )
    .await?;
    if account.is_of(&login.issuer) {
        Ok(account)
    } else {
        Err(Error::Login(Trouble::OtherIssuer {
            saved: account.issuer,
            wanted: login.issuer.clone(),
        }))
    }
}

/// Whose a login is, as far as that is known.
struct Owner {
    subject: Option<String>,
    user: Option<String>,
}

impl From<&About> for Owner {
    fn from(about: &About) -> Self {
        Self {
            subject: about.subject.clone(),
            user: about.user.clone(),
        }
    }
}

/// Whose a login is that nobody has written down (one of before, or of oidc-gen alone): its token tells, if it still
/// gives one.
async fn owner_by_token(
    settings: &Settings,
    login: &settings::Login,
    volume: &Volume,
    interrupts: &mut Interrupts,
) -> Result<Owner> {
    let claims = with_access(settings, volume, async |access| {
        let ask = async {
            // Only a keeper that has renewed has an agent with the login; what comes after the token is of no concern.
            let keeper = access.keeper()?;
            let _ = keeper.renew(PATIENCE).await;
            let agent = keeper.status().agent?;
            let (account, audience) = (&login.account, &login.audience);
            let token = access_token(&agent, &login.issuer, account, audience, TOKEN).await;
            jwt::claims(token.ok()?.expose_secret())
        };
        interrupts.unless(async { Ok(ask.await) }).await
    })
    .await?
    .unwrap_or_default();
    Ok(Owner {
        subject: claims.sub,
        user: claims.preferred_username,
    })
}

/// The new login must be of the same person; where nobody knows whose the old one was, of the one that is set.
fn require_same_person(old: &Owner, login: &settings::Login, new: &About) -> Result<()> {
    let name = |user: &Option<String>| user.clone().unwrap_or_else(|| "somebody".to_owned());
    match &old.subject {
        Some(subject) if Some(subject) == new.subject.as_ref() => Ok(()),
        Some(_) => Err(Error::OtherPerson {
            old: name(&old.user),
            new: name(&new.user),
        }),
        None if login.user.is_some() && login.user == new.user => Ok(()),
        None => Err(Error::OwnerUnknown {
            new: name(&new.user),
            set: login.user.clone().unwrap_or_else(|| "not set".to_owned()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn login(user: Option<&str>) -> settings::Login {
        let set = [
            ("AAI_USER", user),
            ("BACKUP_REMOTE", Some("infncloud:/bucket/path")),
            ("OIDC_PASSWORD", Some("planted")),
            ("RESTIC_PASSWORD", Some("planted")),
        ];
        let set = set
            .into_iter()
            .filter_map(|(name, value)| Some((name.into(), value?.into())));
        Settings::from_vars(set).unwrap().login.unwrap()
    }

    fn is_accepted(
        old: (Option<&str>, Option<&str>),
        set: Option<&str>,
        new: (&str, &str),
    ) -> bool {
        let old = Owner {
            subject: old.0.map(str::to_owned),
            user: old.1.map(str::to_owned),
        };
        let new = About {
            issuer: String::new(),
            subject: Some(new.0.to_owned()),
            user: Some(new.1.to_owned()),
            made: Timestamp::UNIX_EPOCH,
        };
        require_same_person(&old, &login(set), &new).is_ok()
    }

    #[test]
    fn the_subject_counts_and_the_name_does_not() {
        let old = (Some("1"), Some("alice"));
        assert!(is_accepted(old, Some("bob"), ("1", "renamed")));
        assert!(!is_accepted(old, Some("alice"), ("2", "alice")));
    }

    #[test]
    fn where_the_old_owner_is_unknown_the_user_that_is_set_counts() {
        let old = (None, None);
        assert!(is_accepted(old, Some("alice"), ("1", "alice")));
        assert!(!is_accepted(old, Some("alice"), ("2", "bob")));
        assert!(!is_accepted(old, None, ("1", "alice")));
    }
}
