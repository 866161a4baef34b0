//! `doctor`: finds what is wrong before anybody has to ask. It goes along the chain from the settings to the repository,
//! and tells each check as it is made; what builds on a check that failed is told as not looked at, and why.
//!
//! It changes nothing but what a look needs: an object that is written under the backup path and deleted again, a note in
//! the events of each check, a refresh of the login. Each check has its deadline; all together they end within a
//! quarter of an hour, and where all is well within seconds. docs/doctor.md has each finding.

use crate::credentials::sts::Sts;
use crate::error::{Error, Result};
use crate::log::Logging;
use crate::place::Place;
use crate::plan::Plan;
use crate::settings::{self, Checks, Destination, Environment, Login, Problem, Settings};
use crate::supervise::Interrupts;
use crate::volume::Volume;

use super::access::with_access;
use super::clocks::Clocks;
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
mod second;
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
/// Those of them that a service client does not have.
const OF_PERSON: [&str; 2] = ["login", "agent"];
/// What builds on the login.
const AFTER_LOGIN: &[&str] = &["agent", "token", "claims", "sts", "bucket"];
/// And those that come after it.
const OF_STORAGE: [&str; 4] = ["bucket", "server", "repository", "copy"];
const NO_SETTINGS: &str = "the settings are wrong";
const NOBODY: &str = "nobody logs in: a service client gets the tokens";
const NO_LOGIN: &str = "the login does not work";
const NO_VOLUME: &str = "the volume cannot be used";

/// A wrong one is a warning among the settings, and told where the quota is.
const QUOTA: &str = "QUOTA";

pub(super) async fn run(json: bool) -> Result<u8> {
    let environment = Environment::from_vars(settings::variables());
    let ledger = Ledger::new(json, environment.redactor());
    let mut interrupts = Interrupts::new()?;
    let end = match Settings::of_process() {
        Ok(settings) => {
            crate::log::start(settings.logging.warnings_only());
            let ledger = ledger.at(settings.destination);
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
    let (urls, wrong) = Checks::read(settings::variables());
    let trust = environment.trust().unwrap_or_default();
    if urls.all().next().is_none() && wrong.is_empty() {
        // Those of the schedule file are not read.
        ledger.pass(&["healthchecks"], NO_SETTINGS);
    } else {
        let asked = checks::look(&urls, &wrong, None, &trust);
        ledger.tell("healthchecks", asked.await);
    }
    let rest = ["volume", "schedule"].into_iter().chain(OF_LOGIN);
    let rest = rest.chain(OF_STORAGE).chain(["versions", "quota"]);
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
        let reached = way(settings, volume, &mut ledger, interrupts).await?;
        used = reached.used;
        let copy = second::look(settings, volume, reached.by_login, interrupts);
        ledger.tell("copy", copy.await?);
    } else {
        let way = OF_LOGIN.into_iter();
        let way = way.chain(OF_STORAGE);
        ledger.pass(&way.collect::<Vec<_>>(), NO_VOLUME);
    }
    let rest = beside(settings, volume.as_ref(), plan.as_ref(), &mut ledger);
    interrupts.unless(rest).await?;
    ledger.tell("quota", quota_look(settings, volume.as_ref(), used).await);
    Ok(ledger.end())
}

/// How far the way to the repository goes.
#[derive(Debug, Default)]
struct Reached {
    /// The login, if the storage has one, gives credentials.
    by_login: bool,
    /// The storage can be used.
    storage: bool,
    /// So many bytes are used there, where that is known.
    used: Option<u64>,
}

/// The way to the repository.
async fn way(
    settings: &Settings,
    volume: &Volume,
    ledger: &mut Ledger,
    interrupts: &mut Interrupts,
) -> Result<Reached> {
    let mut reached = if let Some(login) = &settings.login {
        through_login(settings, login, volume, ledger, interrupts).await?
    } else {
        ledger.pass(&OF_LOGIN, &format!("{} needs no login", settings.remote));
        let look = storage::bucket(settings, volume, None, interrupts).await?;
        Reached {
            storage: ledger.tell("bucket", look),
            ..Reached::default()
        }
    };
    if Place::here() == Place::Host {
        ledger.pass(
            &["server", "repository"],
            "on a host restic opens its repository itself (restic snapshots)",
        );
        return Ok(reached);
    }
    let server = async { Ok(storage::server(settings, volume).await) };
    let server = ledger.tell("server", interrupts.unless(server).await?);
    let because = match (reached.storage, server) {
        (true, true) => None,
        (false, _) => Some("the storage cannot be used"),
        (true, false) => Some("it is asked through the server"),
    };
    if let Some(because) = because {
        ledger.pass(&["repository"], because);
        return Ok(reached);
    }
    let (look, size) = storage::repository(settings, volume, interrupts).await?;
    ledger.tell("repository", look);
    // The bucket has more than the repository.
    reached.used = reached.used.or(size);
    Ok(reached)
}

/// From the login service to the bucket.
async fn through_login(
    settings: &Settings,
    login: &Login,
    volume: &Volume,
    ledger: &mut Ledger,
    interrupts: &mut Interrupts,
) -> Result<Reached> {
    let sts = Sts::new(login, &settings.trust)?;
    let outside = async {
        let service = services::login_service(settings, login);
        Ok(tokio::join!(service, services::storage(login, &sts)))
    };
    let ((service, its_clock), (store, other_clock)) = interrupts.unless(outside).await?;
    let clocks = Clocks {
        service: its_clock,
        storage: other_clock,
    };
    let service = ledger.tell("login-service", service);
    let answers = ledger.tell("storage", store);
    let clock = services::clock(login, clocks);
    ledger.tell("clock", clock);
    let is_person = login.service.is_none();
    let (saved, user) = if is_person {
        let saved = async { Ok(login::saved(settings, login).await) };
        let (saved, user) = interrupts.unless(saved).await?;
        (ledger.tell("login", saved), user)
    } else {
        ledger.pass(&OF_PERSON, NOBODY);
        (true, None)
    };
    if !(service && saved) {
        let because = if saved {
            "the login service does not work"
        } else {
            NO_LOGIN
        };
        let rest = if is_person {
            AFTER_LOGIN
        } else {
            &AFTER_LOGIN[1..]
        };
        ledger.pass(rest, because);
        return Ok(Reached::default());
    }
    // The agent must not be left in the middle of a refresh: whatever happens, it is ended in an orderly way.
    with_access(settings, volume, async |access| {
        let tried = login::tried(settings, login, user.as_deref(), &sts, answers, access);
        let tried = interrupts.unless(async { Ok(tried.await) }).await?;
        if is_person {
            ledger.tell("agent", tried.agent);
        }
        ledger.tell("token", tried.token);
        ledger.tell("claims", tried.claims);
        if !ledger.tell("sts", tried.sts) {
            ledger.pass(&["bucket"], "there are no credentials");
            return Ok(Reached::default());
        }
        let supply = access.supply();
        let look = storage::bucket(settings, volume, supply.as_ref(), interrupts).await?;
        Ok(Reached {
            by_login: true,
            storage: ledger.tell("bucket", look),
            used: tried.in_bucket,
        })
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
    // What is wrong with the second destination is told as that.
    let second = second::problems(settings);
    let mut wrong = settings.warnings.clone();
    wrong.retain(|problem| !second.contains(problem) && problem.variable() != QUOTA);
    let asked = checks::look(&settings.checks, &wrong, plan, &settings.trust);
    ledger.tell("healthchecks", asked.await);
    ledger.tell("versions", versions::look(settings, volume).await);
    Ok(())
}

async fn quota_look(settings: &Settings, volume: Option<&Volume>, used: Option<u64>) -> Look {
    if settings.destination == Destination::Copy && settings.login.is_none() {
        return Look::passed("QUOTA is that of the first destination");
    }
    if let Some(problem) = (settings.warnings.iter()).find(|problem| problem.variable() == QUOTA) {
        return Look::found(Finding::Setting(problem.to_string()));
    }
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
