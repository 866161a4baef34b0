//! `doctor`: finds what is wrong before anybody has to ask. It goes along the chain from the settings to the repository,
//! and tells each check as it is made; what builds on a check that failed is told as not looked at, and why.
//!
//! It changes nothing but what a look needs: an object that is written under the backup path and deleted again, a note in
//! the events of each check, a refresh of the login. Each check has its deadline; all together they end within eight
//! minutes, and where all is well within seconds. docs/doctor.md has each finding.

use crate::credentials::sts::Sts;
use crate::error::{Error, Result};
use crate::log::Logging;
use crate::plan::Plan;
use crate::settings::{Checks, Environment, Login, Problem, Settings};
use crate::supervise::Interrupts;
use crate::volume::Volume;

use super::access::with_access;
use super::config::interrupted;
use super::quota;

use finding::Finding;
use ledger::{Ledger, Look};

mod checks;
mod configuration;
mod disk;
mod excluded;
mod finding;
mod ledger;
mod login;
mod mounts;
mod services;
mod storage;
mod versions;
mod why;

/// The checks that only a login has, in their order.
const OF_LOGIN: [&str; 8] = [
    "login-service",
    "storage",
    "clock",
    "login",
    "agent",
    "token",
    "claims",
    "sts",
];
const NO_SETTINGS: &str = "the settings are wrong";
const NO_LOGIN: &str = "the login does not work";
const NO_VOLUME: &str = "the volume cannot be used";

pub(super) async fn run(json: bool) -> Result<u8> {
    let environment = Environment::from_vars(std::env::vars_os());
    let ledger = Ledger::new(json, environment.redactor());
    let mut interrupts = Interrupts::new()?;
    let end = match Settings::from_vars(std::env::vars_os()) {
        Ok(settings) => {
            crate::log::start(settings.logging.warnings_only());
            whole(&settings, ledger, &mut interrupts).await
        }
        Err(Error::Settings(problems)) => {
            crate::log::start(Logging::default());
            let rest = without_settings(&environment, &problems, ledger);
            interrupts.unless(async { Ok(rest.await) }).await
        }
        Err(other) => Err(other),
    };
    end.map_err(|error| match error {
        error @ Error::Interrupted { .. } => interrupted(error),
        other => other,
    })
}

/// What can be looked at where the settings are wrong.
async fn without_settings(
    environment: &Environment,
    problems: &[Problem],
    mut ledger: Ledger,
) -> u8 {
    let names = environment.all().map(|(name, _)| name);
    ledger.tell("settings", configuration::wrong(problems, names));
    ledger.tell("mounts", mounts::look(None).await);
    let (urls, wrong) = Checks::read(std::env::vars_os());
    let trust = environment.trust().unwrap_or_default();
    ledger.tell(
        "healthchecks",
        checks::look(&urls, &wrong, None, &trust).await,
    );
    let rest = ["volume", "schedule"].into_iter().chain(OF_LOGIN);
    let rest = rest.chain(["bucket", "server", "repository", "versions", "quota"]);
    ledger.pass(&rest.collect::<Vec<_>>(), NO_SETTINGS);
    ledger.end()
}

async fn whole(settings: &Settings, mut ledger: Ledger, interrupts: &mut Interrupts) -> Result<u8> {
    let (disk, volume) = disk::look(settings);
    let (schedule, plan) = configuration::schedule(settings, volume.as_ref());
    ledger.tell("settings", configuration::look(settings, plan.as_ref()));
    ledger.tell("volume", disk);
    ledger.tell("schedule", schedule);
    let mounts = async { Ok(mounts::look(plan.as_ref()).await) };
    ledger.tell("mounts", interrupts.unless(mounts).await?);
    let mut used = None;
    if let Some(volume) = &volume {
        used = way(settings, volume, &mut ledger, interrupts).await?;
    } else {
        let way = OF_LOGIN.into_iter();
        let way = way.chain(["bucket", "server", "repository"]);
        ledger.pass(&way.collect::<Vec<_>>(), NO_VOLUME);
    }
    let rest = beside(settings, volume.as_ref(), plan.as_ref(), &mut ledger);
    interrupts.unless(rest).await?;
    ledger.tell("quota", quota_look(settings, volume.as_ref(), used).await);
    Ok(ledger.end())
}

/// The way to the repository; gives how many bytes are used on the storage, where that is known.
async fn way(
    settings: &Settings,
    volume: &Volume,
    ledger: &mut Ledger,
    interrupts: &mut Interrupts,
) -> Result<Option<u64>> {
    let (opens, told) = if let Some(login) = &settings.login {
        through_login(settings, login, volume, ledger, interrupts).await?
    } else {
        ledger.pass(&OF_LOGIN, &format!("{} needs no login", settings.remote));
        let look = storage::bucket(settings, volume, None, interrupts).await?;
        (ledger.tell("bucket", look), None)
    };
    let server = async { Ok(storage::server(settings, volume).await) };
    let server = ledger.tell("server", interrupts.unless(server).await?);
    let because = match (opens, server) {
        (true, true) => None,
        (false, _) => Some("the storage cannot be used"),
        (true, false) => Some("it is asked through the server"),
    };
    if let Some(because) = because {
        ledger.pass(&["repository"], because);
        return Ok(told);
    }
    let (look, size) = storage::repository(settings, volume, interrupts).await?;
    ledger.tell("repository", look);
    // The bucket has more than the repository.
    Ok(told.or(size))
}

/// From the login service to the bucket; whether the storage can be used, and the bytes in the bucket.
async fn through_login(
    settings: &Settings,
    login: &Login,
    volume: &Volume,
    ledger: &mut Ledger,
    interrupts: &mut Interrupts,
) -> Result<(bool, Option<u64>)> {
    let sts = Sts::new(login, &settings.trust)?;
    let outside = async {
        let service = services::login_service(settings, login);
        Ok(tokio::join!(service, services::storage(login, &sts)))
    };
    let ((service, its_clock), (store, other_clock)) = interrupts.unless(outside).await?;
    let service = ledger.tell("login-service", service);
    let answers = ledger.tell("storage", store);
    let clock = services::clock(login, its_clock, other_clock);
    ledger.tell("clock", clock);
    let saved = async { Ok(login::saved(settings, login).await) };
    let (saved, user) = interrupts.unless(saved).await?;
    let saved = ledger.tell("login", saved);
    if !(service && saved) {
        let because = if saved {
            "the login service does not work"
        } else {
            NO_LOGIN
        };
        ledger.pass(&OF_LOGIN[4..], because);
        ledger.pass(&["bucket"], because);
        return Ok((false, None));
    }
    // The agent must not be left in the middle of a refresh: whatever happens, it is ended in an orderly way.
    with_access(settings, volume, async |access| {
        let tried = login::tried(settings, login, user.as_deref(), &sts, answers, access);
        let tried = interrupts.unless(async { Ok(tried.await) }).await?;
        ledger.tell("agent", tried.agent);
        ledger.tell("token", tried.token);
        ledger.tell("claims", tried.claims);
        if !ledger.tell("sts", tried.sts) {
            ledger.pass(&["bucket"], "there are no credentials");
            return Ok((false, None));
        }
        let supply = access.supply();
        let look = storage::bucket(settings, volume, supply.as_ref(), interrupts).await?;
        let opens = ledger.tell("bucket", look);
        Ok((opens, tried.in_bucket))
    })
    .await
}

/// What does not depend on the way to the storage.
async fn beside(
    settings: &Settings,
    volume: Option<&Volume>,
    plan: Option<&Plan>,
    ledger: &mut Ledger,
) -> Result<()> {
    let asked = checks::look(&settings.checks, &settings.warnings, plan, &settings.trust);
    ledger.tell("healthchecks", asked.await);
    ledger.tell("versions", versions::look(settings, volume).await);
    Ok(())
}

async fn quota_look(settings: &Settings, volume: Option<&Volume>, used: Option<u64>) -> Look {
    if settings.quota.is_none() {
        return Look::passed("no quota is known: QUOTA is not set");
    }
    let (Some(volume), Some(used)) = (volume, used) else {
        return Look::passed("how much is used is not known");
    };
    match quota::usage(settings, volume, used).await {
        Some(usage) if usage.is_low() => Look::found(Finding::Quota(usage)),
        Some(usage) => Look::good(usage.to_string()),
        None => Look::passed("there is no quota"),
    }
}
