//! Installations that log in on the rig.

use super::{CA_FILE, OIDC_PASSWORD, Realm, Rig, attend};
use crate::harness::{Ended, Installation, unique};

/// The settings of a user who logs in at this issuer: those of the guide, and where the rig is in the place of INFN Cloud.
pub fn settings(rig: &Rig, issuer: &str, role: &str, user: &str) -> [(&'static str, String); 7] {
    [
        ("AAI_USER", format!("{user}-{}", unique())),
        ("OIDC_PASSWORD", OIDC_PASSWORD.to_owned()),
        ("BACKUP_BUCKET", "backup/VM1".to_owned()),
        ("OIDC_ISSUER", issuer.to_owned()),
        ("S3_ENDPOINT", rig.value("S3_ENDPOINT").to_owned()),
        ("S3_ROLE", role.to_owned()),
        ("EXTRA_CA_FILE", CA_FILE.to_owned()),
    ]
}

impl Installation {
    /// Of a user of the model of IAM, whose name begins with this word; nobody has logged in yet.
    pub fn on_realm(realm: &Realm, user: &str) -> Self {
        Self::on(realm.rig(), realm.issuer(), realm.role(), user)
    }

    /// Of a user of the real provider, which gives refresh tokens of one use.
    pub fn on_provider(rig: &Rig, user: &str) -> Self {
        Self::on(rig, rig.value("OIDC_ISSUER"), rig.value("S3_ROLE"), user)
    }

    fn on(rig: &Rig, issuer: &str, role: &str, user: &str) -> Self {
        settings(rig, issuer, role, user)
            .iter()
            .fold(Self::new(), |new, (name, value)| new.env(name, value))
            .env("BACKUP_REMOTE", "")
            .with([
                &*format!("--network={}", rig.network()),
                &format!("--volume={}:{CA_FILE}:ro", rig.ca_file()),
            ])
    }

    /// `AAI_USER`: who logs in, and the bucket.
    #[track_caller]
    pub fn user(&self) -> &str {
        self.value("AAI_USER").expect("AAI_USER")
    }

    /// `config`, with the login approved.
    #[track_caller]
    pub fn log_in(&self) -> Ended {
        self.attended(self.user(), ["config"])
    }

    /// `reauth`, with the login approved.
    #[track_caller]
    pub fn re_auth(&self) -> Ended {
        self.attended(self.user(), ["reauth"])
    }

    /// Any command that logs in, in a one-shot container; its login is approved as this user, unless the realm's script
    /// approves (`approve`).
    #[track_caller]
    pub fn attended<'a>(&self, user: &str, args: impl IntoIterator<Item = &'a str>) -> Ended {
        let rig = Rig::get();
        attend(self.command([], args), |request| {
            rig.approve_unless_scripted(&request, user);
        })
    }
}
