//! `check-refresh-token`: how long the login still lasts, and whether it still works; told and reported.
//!
//! The date alone proves nothing: a login can be revoked, or its user disabled, before it. So the keeper makes a real
//! refresh too. It fails as long before the end as `TOKEN_WARN_DAYS` says, and where nothing can be known.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use crate::error::{Error, Result};
use crate::grace::Grace;
use crate::identity::agent::read_account;
use crate::identity::expiry::Expiry;
use crate::identity::provider::Provider;
use crate::identity::store::Store;
use crate::report::{Deadlines, Report, Reporter};
use crate::settings::{self, Checks, Environment, Settings};
use crate::supervise::Interrupts;
use crate::trouble::Trouble;
use crate::volume::Volume;

use super::access::{require_login, with_access};
use super::deliver::deliver;

/// The refresh may take this long: the keeper may have to start a fresh agent to be sure.
const REFRESH: Duration = Duration::from_secs(50);
/// Finding the date may take this long: the saved account, discovery, introspection.
const DATE: Duration = Duration::from_secs(35);
const DAY: u64 = 24 * 60 * 60;

pub(super) async fn run() -> Result<u8> {
    let mut interrupts = Interrupts::new()?;
    let settings = super::settings();
    let environment = match &settings {
        Ok(settings) => settings.environment.clone(),
        Err(_) => Environment::from_vars(std::env::vars_os()),
    };
    let grace = settings.as_ref().map_or_else(
        |_| Grace::default(),
        |settings| Grace::new(settings.stop_grace),
    );
    let mut reporter = Reporter::new(
        Checks::from_vars(std::env::vars_os()).token,
        environment.trust().unwrap_or_default(),
        Deadlines::default(),
    );
    reporter.start();
    let end = match settings {
        Ok(settings) => check(&settings, &mut interrupts).await,
        Err(error) => Err(error),
    };
    if matches!(end, Err(Error::Interrupted { .. })) {
        reporter.hurry(grace.report());
    }
    let (code, mut report) = told(&end);
    report.verdict = environment.redactor().text(&report.verdict);
    deliver(reporter, &report, Some(code), &mut interrupts, grace).await;
    Ok(code)
}

/// What was found out.
#[derive(Debug)]
struct Finding {
    expiry: Result<Option<Expiry>, Trouble>,
    refresh: Result<(), Trouble>,
    warn_days: u16,
}

async fn check(settings: &Settings, interrupts: &mut Interrupts) -> Result<Option<Finding>> {
    crate::log::start(settings.logging.warnings_only());
    let Some(login) = &settings.login else {
        return Ok(None);
    };
    require_login(settings)?;
    let volume = Volume::open(&settings.home)?;
    // First the refresh: where the provider gives a new token with each, the saved one is the new one then.
    let refresh = refresh(settings, &volume, interrupts).await?;
    let date = async { Ok(timeout(DATE, find_date(settings, login)).await) };
    let expiry = interrupts.unless(date).await?.unwrap_or_else(|_| {
        Err(Trouble::ProviderUnreachable {
            issuer: login.issuer.clone(),
            detail: format!("no answer within {}", humantime::format_duration(DATE)),
        })
    });
    Ok(Some(Finding {
        expiry,
        refresh,
        warn_days: login.warn_days,
    }))
}

async fn refresh(
    settings: &Settings,
    volume: &Volume,
    interrupts: &mut Interrupts,
) -> Result<Result<(), Trouble>> {
    with_access(settings, volume, async |access| {
        let renewal = async {
            Ok(match access.keeper() {
                Some(keeper) => keeper.renew(REFRESH).await,
                None => Ok(()),
            })
        };
        interrupts.unless(renewal).await
    })
    .await
}

async fn find_date(
    settings: &Settings,
    login: &settings::Login,
) -> Result<Option<Expiry>, Trouble> {
    let current = Store::new(&settings.home)
        .current(&login.account)
        .map_err(|error| Trouble::Agent {
            detail: error.to_string(),
        })?
        .ok_or(Trouble::NoLogin)?;
    let account = read_account(
        &settings.environment,
        &current.folder,
        &login.account,
        &login.password,
    )
    .await?;
    let Some(refresh_token) = &account.refresh_token else {
        return Ok(None);
    };
    if let Some(expiry) = Expiry::of_token(refresh_token) {
        return Ok(Some(expiry));
    }
    let device_endpoint = login.device_endpoint.as_ref();
    let provider = Provider::discover(&login.issuer, device_endpoint, &settings.trust).await?;
    let made = current.about.map(|about| about.made);
    Expiry::find(&provider, &account.client(), refresh_token, made).await
}

/// The exit code and what is told.
fn told(end: &Result<Option<Finding>>) -> (u8, Report) {
    match end {
        Ok(Some(finding)) => finding.judge(Timestamp::now()),
        Ok(None) => (
            0,
            report("The storage needs no login: nothing to check".to_owned()),
        ),
        Err(error) => (
            error.exit_code(),
            Report {
                remedy: error.remedy().map(str::to_owned),
                ..report(format!("Check of the login failed: {error}"))
            },
        ),
    }
}

fn report(verdict: String) -> Report {
    Report {
        verdict,
        ..Report::default()
    }
}

impl Finding {
    /// The verdict: what the provider has refused counts first, then the date, then what could not be found out.
    fn judge(&self, now: Timestamp) -> (u8, Report) {
        let date = self.expiry.as_ref().ok().copied().flatten();
        let date_line = date.map(|expiry| format!("by its date it lasts until {expiry}"));
        let failed = |trouble: &Trouble| {
            let verdict = format!("Check of the login failed: {trouble}");
            let report = Report {
                remedy: Some(trouble.remedy().to_owned()),
                summary: date_line.clone().into_iter().collect(),
                ..report(verdict)
            };
            (trouble.exit_code(), report)
        };
        match (&self.refresh, &self.expiry) {
            (Err(trouble), _) if !trouble.is_about_the_storage() => failed(trouble),
            (_, Err(trouble)) => failed(trouble),
            (_, Ok(None)) => (
                69,
                Report {
                    remedy: Some(LOG_IN.to_owned()),
                    ..report("Check of the login failed: nobody knows when it ends".to_owned())
                },
            ),
            (storage, Ok(Some(expiry))) => {
                let (code, mut report) = self.by_date(expiry, now);
                if let Err(trouble) = storage {
                    report.summary.push(format!("note: {trouble}"));
                }
                (code, report)
            }
        }
    }

    fn by_date(&self, expiry: &Expiry, now: Timestamp) -> (u8, Report) {
        let Some(left) = expiry.left(now) else {
            let ended = Trouble::LoginEnded {
                detail: format!("on {expiry}"),
            };
            let verdict = format!("Check of the login failed: {ended}");
            let report = Report {
                remedy: Some(ended.remedy().to_owned()),
                ..report(verdict)
            };
            return (ended.exit_code(), report);
        };
        let remaining = Left(left);
        if left <= Duration::from_secs(u64::from(self.warn_days) * DAY) {
            let report = Report {
                remedy: Some(LOG_IN.to_owned()),
                ..report(format!("The login ends in {remaining}, on {expiry}"))
            };
            return (ENDS_SOON, report);
        }
        (
            0,
            report(format!("The login is good for {remaining}, until {expiry}")),
        )
    }
}

/// The exit code of a login that still works and ends soon.
const ENDS_SOON: u8 = 1;
const LOG_IN: &str = "Log in again before that: docker compose run --rm cloud-backup reauth";

/// A time for people: whole days, or hours and minutes where there are few.
struct Left(Duration);

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (count, unit) = match seconds {
            s if s >= 2 * DAY => (s / DAY, "day"),
            s if s >= 2 * 3600 => (s / 3600, "hour"),
            s => (s.div_ceil(60), "minute"),
        };
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}
