//! The login's part of `status`: until when it lasts, as far as this volume tells, and what its keeper has met.
//!
//! Nobody is asked over the network, and nothing is refreshed: that is `check-refresh-token`'s.

use jiff::Timestamp;
use serde::Serialize;

use super::Findings;
use crate::command::login::{Saved, known};
use crate::identity::expiry::{Expiry, Source};
use crate::moment::about;
use crate::settings::Settings;
use crate::trouble::Trouble;
use crate::volume::Volume;

const REAUTH: &str = "docker compose run --rm cloud-backup reauth";

/// How the login does.
#[derive(Debug, Serialize)]
pub(super) struct Login {
    /// Whose it is, where that was written down.
    pub user: Option<String>,
    /// The client of `OIDC_FLOW=client_credentials`: then nobody logs in, and nothing ends.
    pub service: Option<String>,
    /// When it ends; `null` where only the login service may know.
    pub ends: Option<Timestamp>,
    /// Whole days until then, rounded down; 0 where it has ended.
    pub days_left: Option<i64>,
    /// Whether the end is an estimate: 30 days after the login.
    pub estimated: bool,
    /// Why it does not work.
    pub problem: Option<String>,
}

/// What was found out.
pub(super) struct Found {
    user: Option<String>,
    service: Option<String>,
    end: Result<Option<Expiry>, Trouble>,
    /// What keeps its keeper from credentials.
    trouble: Option<Trouble>,
    warn_days: u16,
    now: Timestamp,
}

/// `None` where the storage needs no login.
pub(super) async fn find(settings: &Settings, volume: &Volume, now: Timestamp) -> Option<Found> {
    let login = settings.login.as_ref()?;
    let own = async {
        if let Some(client) = &login.service {
            return (None, Some(client.id.clone()), Ok(None));
        }
        let saved = Saved::read(settings, login).await;
        let expiry = saved.expiry();
        (saved.user, None, saved.account.map(|_| expiry))
    };
    let ((user, service, end), status) = tokio::join!(own, known(settings, volume));
    Some(Found {
        user,
        service,
        end,
        trouble: status.and_then(|status| status.trouble),
        warn_days: login.warn_days,
        now,
    })
}

impl Found {
    pub(super) fn told(self, findings: &mut Findings) -> Login {
        let trouble = self.end.as_ref().err().or(self.trouble.as_ref());
        if let Some(trouble) = trouble {
            findings.add("login", &trouble.to_string(), Some(trouble.remedy()));
        }
        let expiry = self.end.as_ref().ok().copied().flatten();
        let left = expiry.map(|expiry| expiry.at.duration_since(self.now));
        if let (Some(expiry), Some(left), None) = (expiry, left, trouble) {
            let warning = i64::from(self.warn_days) * 24;
            let estimated = expiry.source == Source::Estimate;
            if left.is_positive() && left.as_hours() < warning {
                let problem = format!("the login ends in {}", about(left));
                let remedy = format!("Log in again before that: {REAUTH}");
                findings.add("login", &problem, Some(&remedy));
            } else if !left.is_positive() && !estimated {
                let problem = format!("the login has ended {} ago", about(left));
                let remedy = format!("Log in again: {REAUTH}");
                findings.add("login", &problem, Some(&remedy));
            }
        }
        Login {
            user: self.user,
            service: self.service,
            ends: expiry.map(|expiry| expiry.at),
            days_left: left.map(|left| left.as_hours().max(0) / 24),
            estimated: expiry.is_some_and(|expiry| expiry.source == Source::Estimate),
            problem: trouble.map(|trouble| findings.redactor.text(&trouble.to_string())),
        }
    }
}
