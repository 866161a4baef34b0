//! Credentials in a file of the run directory (mode 0600), for the calls that come after.
//!
//! They are those of one login and of the settings that they were got with: with another one they are not found.

use std::path::PathBuf;
use std::time::Duration;

use fs_err as fs;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::credentials::Credentials;
use crate::error::Result;
use crate::identity::store::Store;
use crate::keeper::Terms;
use crate::settings::Settings;
use crate::volume::{Volume, write_whole};

/// Where they are saved, and what for.
#[derive(Debug)]
pub(super) struct Saved {
    file: PathBuf,
    login: String,
    terms: Terms,
    /// How long they are asked for.
    session: Duration,
}

#[derive(Serialize, Deserialize)]
struct Content {
    login: String,
    terms: Terms,
    credentials: Credentials,
}

impl Saved {
    /// `None` where there is no login, and where a server keeps credentials in its memory.
    pub(super) fn find(settings: &Settings, volume: &Volume) -> Result<Option<Self>> {
        let Some(login) = &settings.login else {
            return Ok(None);
        };
        let current = Store::new(&settings.home).current(&login.account)?;
        if volume.server()?.is_some() {
            return Ok(None);
        }
        Ok(current.map(|current| Self {
            file: volume.saved_credentials(),
            login: current.id,
            terms: Terms::new(login, &settings.trust),
            session: login.storage.session,
        }))
    }

    /// A third of their life: from then on the server renews them too.
    pub(super) fn third(&self) -> Duration {
        self.session / 3
    }

    /// Those that are still good for this long.
    pub(super) fn with_left(&self, left: Duration) -> Option<Credentials> {
        let content: Content = serde_json::from_str(&fs::read_to_string(&self.file).ok()?).ok()?;
        let until = Timestamp::now() + SignedDuration::try_from(left).ok()?;
        let fits = content.login == self.login
            && content.terms == self.terms
            && content.credentials.expiration > until;
        fits.then_some(content.credentials)
    }

    /// Saves them. Where that fails they are got anew each time, which is slower and no harm.
    pub(super) fn keep(&self, credentials: &Credentials) {
        let content = Content {
            login: self.login.clone(),
            terms: self.terms.clone(),
            credentials: credentials.clone(),
        };
        let end = serde_json::to_vec(&content)
            .map_err(Into::into)
            .and_then(|text| write_whole(&self.file, &text));
        if let Err(error) = end {
            tracing::warn!("cannot save the credentials: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn settings(home: &std::path::Path, role: &str) -> Settings {
        let vars = [
            ("HOME", home.to_str().unwrap()),
            ("AAI_USER", "alice"),
            ("BACKUP_BUCKET", "backup"),
            ("OIDC_PASSWORD", "planted-oidc"),
            ("RESTIC_PASSWORD", "planted-restic"),
            ("S3_ROLE", role),
        ];
        Settings::from_vars(vars.map(|(name, value)| (name.into(), value.into()))).unwrap()
    }

    fn credentials(left: i64) -> Credentials {
        Credentials {
            access_key_id: "KEY".to_owned(),
            secret_access_key: "SECRET".to_owned(),
            session_token: "SESSION".to_owned(),
            expiration: Timestamp::now() + SignedDuration::from_secs(left),
        }
    }

    /// An account that oidc-gen has made, whose text does not matter here.
    fn log_in(home: &std::path::Path) {
        std::fs::create_dir_all(home.join(".oidc-agent")).unwrap();
        std::fs::write(home.join(".oidc-agent/infncloud"), "account").unwrap();
    }

    #[test]
    fn they_are_found_with_the_same_login_and_settings_while_they_are_good() {
        let home = tempfile::tempdir().unwrap();
        let volume = Volume::open(home.path()).unwrap();
        let find = |role| Saved::find(&settings(home.path(), role), &volume).unwrap();
        assert!(find("IAMaccess").is_none(), "nobody has logged in");
        log_in(home.path());
        let saved = find("IAMaccess").unwrap();
        assert_eq!(saved.with_left(Duration::ZERO), None);
        let kept = credentials(100);
        saved.keep(&kept);
        let mode = fs::metadata(&saved.file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(saved.with_left(Duration::from_secs(90)), Some(kept));
        assert_eq!(saved.with_left(Duration::from_secs(110)), None);
        assert_eq!(find("Other").unwrap().with_left(Duration::ZERO), None);
        let other = Saved {
            login: "another".to_owned(),
            ..find("IAMaccess").unwrap()
        };
        assert_eq!(other.with_left(Duration::ZERO), None);
    }

    #[test]
    fn a_file_that_is_cut_is_none() {
        let home = tempfile::tempdir().unwrap();
        let volume = Volume::open(home.path()).unwrap();
        log_in(home.path());
        let saved = Saved::find(&settings(home.path(), "IAMaccess"), &volume)
            .unwrap()
            .unwrap();
        saved.keep(&credentials(100));
        let text = fs::read(&saved.file).unwrap();
        fs::write(&saved.file, &text[..text.len() / 2]).unwrap();
        assert_eq!(saved.with_left(Duration::ZERO), None);
    }

    #[test]
    fn beside_a_server_nothing_is_saved() {
        let home = tempfile::tempdir().unwrap();
        let volume = Volume::open(home.path()).unwrap();
        log_in(home.path());
        let _server = volume.lock_server().unwrap();
        assert!(
            Saved::find(&settings(home.path(), "IAMaccess"), &volume)
                .unwrap()
                .is_none()
        );
    }
}
