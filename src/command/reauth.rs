//! `reauth`: a new login of the same person, before or after the old one has ended.
//!
//! The running server takes it by itself; requests in flight are not touched.

use crate::error::{Error, Result};
use crate::identity::agent::read_account;
use crate::identity::store::{Login, Store};
use crate::settings::{self, Client, Settings};
use crate::supervise::Interrupts;
use crate::trouble::Trouble;
use crate::volume::Volume;

use super::device_login::{self, say};
use super::{config as configuration, prove};

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
    let _lock = configuration::lock(&volume)?;
    let current = Store::new(&settings.home)
        .current(&login.account)?
        .ok_or(Trouble::NoLogin)?;
    if let Some(trouble) = configuration::other_issuer(&current, login) {
        return Err(trouble.into());
    }
    let client = interrupts
        .unless(known_client(settings, login, &current))
        .await?;
    settings.trust.bundle(&volume)?;
    configuration::write_files(&settings.home, login)?;
    let new = interrupts
        .unless(device_login::log_in(settings, login, &volume, client))
        .await?;
    if !force {
        require_same_person(&current, &new)?;
    }
    configuration::warn_of_another_user(login, new.about.user.as_deref());
    let expiry = new.expiry;
    new.commit()?;
    prove::chain(
        settings,
        &volume,
        expiry,
        "docker compose up -d",
        interrupts,
    )
    .await
}

/// The client of the login in use: INDIGO IAM shows each registration to its user, so there is one for good.
async fn known_client(
    settings: &Settings,
    login: &settings::Login,
    current: &Login,
) -> Result<Option<Client>> {
    let account = read_account(
        &settings.environment,
        &current.folder,
        &login.account,
        &login.password,
    )
    .await?;
    Ok(account.is_of(&login.issuer).then(|| account.client()))
}

fn require_same_person(current: &Login, new: &device_login::NewLogin) -> Result<()> {
    let Some(old) = &current.about else {
        return Ok(());
    };
    if old.subject.is_none() || old.subject == new.about.subject {
        return Ok(());
    }
    let name = |user: &Option<String>| user.clone().unwrap_or_else(|| "somebody".to_owned());
    Err(Error::OtherPerson {
        old: name(&old.user),
        new: name(&new.about.user),
    })
}
