//! `check-refresh-token`: how long the login still lasts, and whether it still works; told and reported.
//!
//! The date alone proves nothing: a login can be revoked, or its user disabled, before it. So the keeper makes a real
//! refresh too. It fails as long before the end as `TOKEN_WARN_DAYS` says, and where nothing can be known. Whatever
//! hangs, it ends within two minutes: 50 s for the refresh, 11 s for the agent's end, 35 s for the date, 30 s for the report.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use crate::credentials::sts::Sts;
use crate::error::{Error, Result};
use crate::grace::Grace;
use crate::history::PATIENCE;
use crate::identity::agent::read_account;
use crate::identity::expiry::Expiry;
use crate::identity::provider::Provider;
use crate::identity::store::Store;
use crate::log::Logging;
use crate::place::Place;
use crate::report::{Deadlines, Report, Reporter};
use crate::repository::Figures;
use crate::settings::{self, Checks, Environment, Settings};
use crate::supervise::{Interrupts, Redactor};
use crate::trouble::Trouble;
use crate::volume::Volume;

use super::access::{require_login, with_access};
use super::clocks::{Clocks, ahead};
use super::deliver::deliver;
use super::record::Record;

mod verdict;

use verdict::Finding;

/// The refresh may take this long: the keeper may have to start a fresh agent to be sure.
const REFRESH: Duration = Duration::from_secs(50);
/// Finding the date may take this long: the saved account, discovery, introspection; beside it the storage is asked for
/// its time.
const DATE: Duration = Duration::from_secs(35);
/// What to do after an interruption.
const AGAIN: &str = "Nothing is known of the login: the next run checks it.";

pub(super) async fn run() -> Result<u8> {
    let mut interrupts = Interrupts::new()?;
    let settings = super::settings();
    crate::log::start(settings.as_ref().map_or_else(
        |_| Logging::default(),
        |settings| settings.logging.warnings_only(),
    ));
    let environment = match &settings {
        Ok(settings) => settings.environment.clone(),
        Err(_) => Environment::from_vars(settings::variables()),
    };
    let grace = settings.as_ref().map_or_else(
        |_| Grace::default(),
        |settings| Grace::new(settings.stop_grace),
    );
    let mut reporter = Reporter::new(
        Checks::from_vars(settings::variables()).token,
        environment.trust().unwrap_or_default(),
        Deadlines::default(),
    );
    reporter.start();
    let mut record = Record::new(
        &environment.home(),
        reporter.run(),
        "check-refresh-token",
        &environment.told_args(&[]),
        &environment,
    );
    record.begin();
    let remote = settings
        .as_ref()
        .map_or_else(|_| String::new(), |settings| settings.remote.to_string());
    let end = match settings {
        Ok(settings) => check(&settings, &mut interrupts).await,
        Err(error) => Err(error),
    };
    let mut patience = PATIENCE;
    if end.as_ref().is_err_and(Error::is_hurried) {
        reporter.hurry(grace.report());
        patience = grace.report();
    }
    let (code, report) = told(&end, &remote);
    let report = redacted(report, &environment.redactor());
    tokio::join!(
        deliver(reporter, &report, Some(code), &mut interrupts, grace),
        record.end(code, &report, None, Figures::default(), patience),
    );
    Ok(code)
}

/// What was looked at.
enum Checked {
    /// The storage needs no login.
    Nothing,
    /// A login, which ends.
    Login(Finding),
    /// A service client, and whether it gets tokens.
    Service {
        client: String,
        token: Result<(), Trouble>,
    },
}

async fn check(settings: &Settings, interrupts: &mut Interrupts) -> Result<Checked> {
    let Some(login) = &settings.login else {
        return Ok(Checked::Nothing);
    };
    require_login(settings)?;
    let volume = Volume::open(&settings.home)?;
    if let Some(client) = &login.service {
        return Ok(Checked::Service {
            client: client.id.clone(),
            token: refresh(settings, &volume, interrupts).await?,
        });
    }
    // First the refresh: where the provider gives a new token with each, the saved one is the new one then.
    let refresh = refresh(settings, &volume, interrupts).await?;
    let answers = match &refresh {
        Ok(()) => true,
        Err(trouble) => trouble.is_about_the_storage(),
    };
    let found = interrupts
        .unless(async { Ok(ask(settings, login, answers).await) })
        .await?;
    let (expiry, clocks) = found;
    Ok(Checked::Login(Finding {
        expiry,
        refresh,
        clocks: clocks.troubles(login),
        warn_days: login.warn_days,
    }))
}

/// When the login ends, and what time it is elsewhere: a clock that is behind would let the alert come too late.
///
/// The time is asked for here, not taken from the renewal, which may have been a neighbour's.
async fn ask(
    settings: &Settings,
    login: &settings::Login,
    provider_answers: bool,
) -> (Result<Option<Expiry>, Trouble>, Clocks) {
    let of_service = async {
        // A provider that does not answer is not asked once more.
        if !provider_answers {
            return (find_date(settings, login, None).await, None);
        }
        let device_endpoint = login.device_endpoint.as_ref();
        let provider = Provider::discover(&login.issuer, device_endpoint, &settings.trust).await;
        let date = provider.as_ref().ok().and_then(Provider::date);
        let ahead = ahead(date);
        (find_date(settings, login, Some(provider)).await, ahead)
    };
    let of_storage = async {
        let sts = Sts::new(login, &settings.trust).ok()?;
        ahead(sts.reach().await.ok()?)
    };
    let (of_service, of_storage) =
        tokio::join!(timeout(DATE, of_service), timeout(DATE, of_storage));
    let (expiry, service) = of_service.unwrap_or_else(|_| {
        let unreachable = Trouble::ProviderUnreachable {
            issuer: login.issuer.clone(),
            detail: format!("no answer within {}", humantime::format_duration(DATE)),
        };
        (Err(unreachable), None)
    });
    let storage = of_storage.ok().flatten();
    (expiry, Clocks { service, storage })
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

/// When the login ends; `None` for a provider that does not answer, or has refused the login.
async fn find_date(
    settings: &Settings,
    login: &settings::Login,
    provider: Option<Result<Provider, Trouble>>,
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
    let made = current.about.map(|about| about.made);
    match (Expiry::of_token(refresh_token), provider) {
        (Some(told), _) => Ok(Some(told)),
        (None, None) => Ok(made.and_then(Expiry::estimate)),
        (None, Some(provider)) => {
            let found = Expiry::find(&provider?, &account.client(), refresh_token, made).await?;
            // For status, which asks nobody. A login of oidc-gen alone has no folder of its own.
            if let (Some(expiry), Some(_)) = (found, made) {
                let _ = expiry.keep(&current.folder);
            }
            Ok(found)
        }
    }
}

/// The exit code and what is told.
fn told(end: &Result<Checked>, remote: &str) -> (u8, Report) {
    match end {
        Ok(Checked::Login(finding)) => finding.judge(Timestamp::now()),
        Ok(Checked::Service { client, token }) => verdict::of_service(client, token),
        Ok(Checked::Nothing) => (
            0,
            Report {
                verdict: format!("The storage {remote} needs no login: nothing to check"),
                ..Report::default()
            },
        ),
        Err(error) => (
            error.exit_code(),
            Report {
                verdict: format!("Check of the login failed: {error}"),
                remedy: match error {
                    Error::Interrupted { .. } => Some(AGAIN.into()),
                    other => other.remedy(),
                }
                .map(Cow::into_owned),
                ..Report::default()
            },
        ),
    }
}

/// The report as it may be seen, and as it is typed here.
fn redacted(report: Report, redactor: &Redactor) -> Report {
    Report {
        verdict: redactor.text(&report.verdict),
        remedy: report
            .remedy
            .map(|text| redactor.text(&Place::here().typed(&text))),
        summary: report
            .summary
            .iter()
            .map(|line| redactor.text(line))
            .collect(),
        tail: report.tail,
    }
}
