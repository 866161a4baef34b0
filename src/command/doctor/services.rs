//! The login service and the storage from outside: the way to them, their certificates, the discovery document, the clock.

use crate::command::clocks::{Ahead, Clocks, ahead};
use crate::credentials::sts::Sts;
use crate::identity::provider::Provider;
use crate::settings::{Login, Settings};

use super::finding::Finding;
use super::ledger::Look;

pub(super) async fn login_service(settings: &Settings, login: &Login) -> (Look, Ahead) {
    let device_endpoint = login.device_endpoint.as_ref();
    match Provider::discover(&login.issuer, device_endpoint, &settings.trust).await {
        Ok(provider) => {
            let good = format!(
                "{}: its certificate is trusted, and its discovery document is right",
                login.issuer
            );
            (Look::good(good), ahead(provider.date()))
        }
        Err(trouble) => (Look::found(Finding::Login(trouble)), None),
    }
}

pub(super) async fn storage(login: &Login, sts: &Sts) -> (Look, Ahead) {
    match sts.reach().await {
        Ok(date) => {
            let good = format!(
                "{}: answers, and its certificate is trusted",
                login.storage.endpoint
            );
            (Look::good(good), ahead(date))
        }
        Err(trouble) => (Look::found(Finding::Login(trouble)), None),
    }
}

/// Our clock beside those of the two.
pub(super) fn clock(login: &Login, clocks: Clocks) -> Look {
    let Some(most) = clocks.most() else {
        return Look::passed("neither the login service nor the storage has told the time");
    };
    let findings = clocks.troubles(login).into_iter().map(Finding::Login);
    let good = format!("differs by {most} s at most");
    Look::strictly(findings.collect(), good)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::doctor::finding::Severity;

    fn clock_of(service: Ahead, storage: Ahead) -> Vec<(String, Severity)> {
        let set = [
            ("AAI_USER", "alice"),
            ("OIDC_PASSWORD", "planted"),
            ("BACKUP_BUCKET", "backup"),
            ("RESTIC_PASSWORD", "planted"),
        ];
        let set = set.map(|(name, value)| (name.into(), value.into()));
        let login = Settings::from_vars(set).unwrap().login.unwrap();
        let look = clock(&login, Clocks { service, storage });
        let findings = look.into_findings().into_iter();
        findings
            .map(|finding| (finding.to_string(), finding.severity()))
            .collect()
    }

    #[test]
    fn from_a_minute_on_it_is_a_warning_and_from_a_quarter_of_an_hour_on_an_error() {
        assert_eq!(clock_of(Some(60), Some(-60)), []);
        assert_eq!(clock_of(None, None), []);
        let found = clock_of(Some(61), Some(-900));
        assert_eq!(
            found,
            [
                (
                    "the clock of this machine is 61 s ahead of that of the login service https://iam.cloud.infn.it/"
                        .to_owned(),
                    Severity::Warning
                ),
                (
                    "the clock of this machine is 900 s behind that of the storage https://rgw.cloud.infn.it/".to_owned(),
                    Severity::Error
                ),
            ]
        );
    }
}
