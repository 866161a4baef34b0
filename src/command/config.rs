//! `config`: checks the settings, writes the configuration, logs in, and proves the whole way to the storage.
//!
//! Storage without a login is proven alike, and so is the second destination.
//!
//! A login that works is kept; a run that is broken off leaves the one that was there.

use std::path::Path;

use crate::error::{Error, Result};
use crate::identity::agent::read_account;
use crate::identity::store::{Login, Store};
use crate::place::Place;
use crate::settings::{self, Settings};
use crate::storage::config::{self, Written};
use crate::storage::profile;
use crate::supervise::Interrupts;
use crate::trouble::Trouble;
use crate::volume::{Holder, Lock, Locking, Volume};

use super::access::{PATIENCE, with_access};
use super::device_login::{self, say};
use super::{prove, running};

/// What to type in the image where no server runs.
const NEXT: &str = "\
docker compose run --rm cloud-backup restic init   # optional: the first backup does it too
docker compose up -d";

/// What to type after a login: in the image `in_image`, on a host what shows that a stock rclone opens the storage.
pub(super) fn next(settings: &Settings, in_image: &str) -> String {
    match Place::here() {
        Place::Image => in_image.to_owned(),
        Place::Host => format!("rclone lsf {}", settings.remote),
    }
}

pub(super) async fn run(force: bool) -> Result<u8> {
    let settings = super::settings()?;
    crate::log::start(settings.logging.warnings_only());
    let mut interrupts = Interrupts::new()?;
    configure(&settings, force, &mut interrupts)
        .await
        .map_err(interrupted)?;
    Ok(0)
}

/// An interruption of a command that logs in is no one of a backup.
pub(super) fn interrupted(error: Error) -> Error {
    match error {
        Error::Interrupted { signal } => Error::LoginInterrupted { signal },
        other => other,
    }
}

async fn configure(settings: &Settings, force: bool, interrupts: &mut Interrupts) -> Result<()> {
    let volume = Volume::open(&settings.home)?;
    let Some(login) = &settings.login else {
        say(&format!(
            "The storage {} needs no login. Trying it ...",
            settings.remote
        ));
        return prove::both(settings, &volume, None, NEXT, interrupts).await;
    };
    let next = next(settings, NEXT);
    if let Some(client) = &login.service {
        say(&format!(
            "The service client {} gets tokens by itself: nobody logs in.",
            client.id
        ));
        if Place::here() == Place::Host {
            write_files(&settings.home, login)?;
        }
        return prove::both(settings, &volume, None, &next, interrupts).await;
    }
    let _lock = lock(&volume)?;
    write_files(&settings.home, login)?;
    let store = Store::new(&settings.home);
    store.tidy()?;
    let current = store.current(&login.account)?;
    if let Some(current) = &current {
        Store::complete(current, &login.issuer)?;
    }
    if current.is_some() && !force && works(settings, &volume, interrupts).await? {
        say("The login works and is kept (config --force makes a new one).");
        return prove::both(settings, &volume, None, &next, interrupts).await;
    }
    running::require_same_settings(settings, &volume, interrupts).await?;
    let new = interrupts
        .unless(device_login::log_in(settings, login, &volume, None))
        .await?;
    warn_of_another_user(login, new.about.user.as_deref());
    let expiry = new.expiry;
    new.commit()?;
    prove::both(settings, &volume, expiry, &next, interrupts).await
}

/// Writes `rclone.conf`, on a host also the profile that it names, and tells what rclone does not read.
pub(super) fn write_files(home: &Path, login: &settings::Login) -> Result<()> {
    let written = match Place::here() {
        Place::Image => config::write(home, login)?,
        Place::Host => {
            let program = std::env::current_exe().map_err(|source| Error::System {
                what: "finding this program's own path",
                source,
            })?;
            profile::write(home, &program)?;
            config::write_for_host(home, login)?
        }
    };
    if let Written::Encrypted(file) = written {
        say(&format!(
            "Note: {} is encrypted and was left as it is.",
            file.display()
        ));
    }
    if let Some(file) = config::misnamed(home) {
        say(&format!(
            "Note: rclone does not read {}: it reads rclone.conf beside it.",
            file.display()
        ));
    }
    Ok(())
}

/// One change of the login at a time.
pub(super) fn lock(volume: &Volume) -> Result<Lock> {
    match volume.lock_login_change()? {
        Locking::Ours(lock) => Ok(lock),
        Locking::Held(holder) => Err(Error::AlreadyLoggingIn {
            holder: Holder::describe(holder.as_ref()),
        }),
    }
}

/// Whether the saved login gives tokens; an error where that cannot be known, or where another login would not help.
async fn works(settings: &Settings, volume: &Volume, interrupts: &mut Interrupts) -> Result<bool> {
    say("There is a login already: trying it ...");
    let end = match opens(settings, interrupts).await? {
        Ok(()) => {
            with_access(settings, volume, async |access| {
                let renewal = async {
                    Ok(match access.keeper() {
                        Some(keeper) => keeper.renew(PATIENCE * 2).await,
                        None => Ok(()),
                    })
                };
                interrupts.unless(renewal).await
            })
            .await?
        }
        Err(trouble) => Err(trouble),
    };
    match end {
        Ok(()) => Ok(true),
        Err(trouble) if trouble.is_about_the_storage() => Ok(true),
        Err(
            trouble @ (Trouble::LoginEnded { .. }
            | Trouble::LoginRefused { .. }
            | Trouble::ClientRefused { .. }
            | Trouble::NoLogin),
        ) => {
            say(&format!("It does not work any more: {trouble}.\n"));
            Ok(false)
        }
        Err(trouble) => Err(trouble.into()),
    }
}

/// Whether `OIDC_PASSWORD` opens the saved login, and it is one of `OIDC_ISSUER`: a running server may have been
/// started with other values.
async fn opens(settings: &Settings, interrupts: &mut Interrupts) -> Result<Result<(), Trouble>> {
    let Some(login) = &settings.login else {
        return Ok(Ok(()));
    };
    let Some(current) = Store::new(&settings.home).current(&login.account)? else {
        return Ok(Err(Trouble::NoLogin));
    };
    if let Some(trouble) = other_issuer(&current, login) {
        return Ok(Err(trouble));
    }
    let account = async {
        Ok(read_account(
            &settings.environment,
            &current.folder,
            &login.account,
            &login.password,
        )
        .await)
    };
    Ok(interrupts.unless(account).await?.map(drop))
}

/// A login at another provider than the one that is set.
pub(super) fn other_issuer(current: &Login, login: &settings::Login) -> Option<Trouble> {
    let saved = &current.about.as_ref()?.issuer;
    (*saved != login.issuer).then(|| Trouble::OtherIssuer {
        saved: saved.clone(),
        wanted: login.issuer.clone(),
    })
}

/// The bucket is that of `AAI_USER`; who has logged in as somebody else may not write there.
pub(super) fn warn_of_another_user(login: &settings::Login, user: Option<&str>) {
    if let (Some(wanted), Some(user)) = (&login.user, user)
        && wanted != user
    {
        say(&format!(
            "Note: you logged in as {user}, and AAI_USER is {wanted}, whose bucket is used."
        ));
    }
}
