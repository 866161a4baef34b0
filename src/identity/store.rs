//! The logins in the volume: one folder each, and a link that names the one in use.
//!
//! A new login is made beside the old one and put in its place by one rename, so that a run that is broken off leaves
//! the old one, and an agent that still writes back to the old one cannot spoil the new one:
//!
//! ```text
//! .cloud-backup/login -> logins/ID              the login in use
//! .cloud-backup/logins/ID/login.json            whose it is, and since when
//! .cloud-backup/logins/ID/oidc-agent/           the folder of oidc-agent (OIDC_CONFIG_DIR), encrypted by OIDC_PASSWORD
//! ```

use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use fs_err as fs;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::volume::{private_folder, write_whole};

/// Where oidc-agent has its accounts by default, in the order in which it looks: a volume of before has a login there.
const OLD_FOLDERS: [&str; 2] = [".config/oidc-agent", ".oidc-agent"];

/// Where the guide has what oidc-agent 5 wants to know of the issuer, in the folder of its accounts.
const ISSUER_FILE: &str = "issuer.config.d/infn-cloud";

/// What a login needs at most, with what its change needs for a moment; bytes.
const ROOM: usize = 256 * 1024;

/// The logins of a volume.
#[derive(Debug, Clone)]
pub struct Store {
    home: PathBuf,
    root: PathBuf,
}

/// A login in the volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Changes with every new login.
    pub id: String,
    /// The folder of oidc-agent that holds the account.
    pub folder: PathBuf,
    /// Whose it is; unknown for a login that was made by oidc-gen alone.
    pub about: Option<About>,
}

/// Whose a login is, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The provider, letter by letter.
    pub issuer: String,
    /// The person, by the provider's own name for her (`sub`).
    pub subject: Option<String>,
    /// The same, for people.
    pub user: Option<String>,
    /// When she logged in.
    pub made: Timestamp,
}

/// A login that is being made; dropped, nothing is left of it.
#[derive(Debug)]
pub struct Staged {
    store: Store,
    folder: tempfile::TempDir,
}

impl Store {
    /// The logins in the volume at this home folder.
    #[must_use]
    pub fn new(home: &Path) -> Self {
        Self {
            home: home.to_owned(),
            root: home.join(".cloud-backup"),
        }
    }

    /// The login in use; an account of oidc-agent in one of its own folders is one too.
    pub fn current(&self, account: &str) -> Result<Option<Login>> {
        let link = self.link();
        match fs::read_link(&link) {
            Ok(target) => {
                let folder = self.root.join(&target);
                Ok(Some(Login {
                    id: target.display().to_string(),
                    about: about(&folder),
                    folder: folder.join("oidc-agent"),
                }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(self.old(account)),
            Err(source) => Err(Error::Volume { path: link, source }),
        }
    }

    fn old(&self, account: &str) -> Option<Login> {
        OLD_FOLDERS
            .iter()
            .map(|folder| self.home.join(folder))
            .find(|folder| folder.join(account).is_file())
            .map(|folder| Login {
                id: folder.display().to_string(),
                folder,
                about: None,
            })
    }

    /// Begins a login beside the one in use; what earlier ones that were broken off have left is removed.
    ///
    /// The caller holds the lock of changes to the login.
    pub fn stage(&self, issuer: &str) -> Result<Staged> {
        let logins = self.root.join("logins");
        let stage = || {
            private_folder(&logins)?;
            self.sweep(&logins)?;
            let folder = tempfile::Builder::new()
                .prefix("new-")
                .permissions(std::fs::Permissions::from_mode(0o700))
                .tempdir_in(&logins)?;
            let agent = folder.path().join("oidc-agent");
            private_folder(&agent)?;
            private_folder(folder.path())?;
            write_issuer_file(&agent, issuer)?;
            Ok(folder)
        };
        Ok(Staged {
            store: self.clone(),
            folder: stage().map_err(|source| Error::Volume {
                path: logins.clone(),
                source,
            })?,
        })
    }

    /// Writes the issuer file of oidc-agent 5 beside a login that has none: one that was made by oidc-gen alone.
    pub fn complete(login: &Login, issuer: &str) -> Result<()> {
        let file = login.folder.join(ISSUER_FILE);
        if file.exists() {
            return Ok(());
        }
        write_issuer_file(&login.folder, issuer)
            .map_err(|source| Error::Volume { path: file, source })
    }

    /// Removes what logins that were broken off have left.
    ///
    /// The caller holds the lock of changes to the login.
    pub fn tidy(&self) -> Result<()> {
        let logins = self.root.join("logins");
        if !logins.exists() {
            return Ok(());
        }
        self.sweep(&logins).map_err(|source| Error::Volume {
            path: logins,
            source,
        })
    }

    fn sweep(&self, logins: &Path) -> io::Result<()> {
        let current = fs::read_link(self.link())
            .ok()
            .map(|target| self.root.join(target));
        for entry in fs::read_dir(logins)? {
            let path = entry?.path();
            if current.as_ref() != Some(&path) {
                fs::remove_dir_all(path)?;
            }
        }
        Ok(())
    }

    fn link(&self) -> PathBuf {
        self.root.join("login")
    }
}

impl Staged {
    /// The folder for oidc-agent.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.folder.path().join("oidc-agent")
    }

    /// An error where the volume has no room for a login.
    pub fn require_room(&self) -> Result<()> {
        let file = self.folder.path().join("room");
        write_whole(&file, &vec![b'.'; ROOM])
            .and_then(|()| fs::remove_file(&file))
            .map_err(|source| Error::Volume {
                path: self.store.root.join("logins"),
                source,
            })
    }

    /// Puts this login in the place of the one in use, in one step.
    pub fn commit(self, about: &About) -> Result<()> {
        let link = self.store.link();
        let commit = || -> io::Result<()> {
            let file = self.folder.path().join("login.json");
            write_whole(&file, serde_json::to_string(about)?.as_bytes())?;
            let id = Uuid::new_v4().to_string();
            let logins = self.store.root.join("logins");
            fs::rename(self.folder.path(), logins.join(&id))?;
            fs::File::open(&logins)?.sync_all()?;
            let aside = self.store.root.join("login.new");
            let _ = fs::remove_file(&aside);
            symlink(Path::new("logins").join(&id), &aside)?;
            fs::rename(&aside, &link)?;
            fs::File::open(&self.store.root)?.sync_all()?;
            // The new login is in its place. An agent that still writes to the old one leaves that for the next change.
            let _ = self.store.sweep(&logins);
            Ok(())
        };
        commit().map_err(|source| Error::Volume {
            path: link.clone(),
            source,
        })
    }
}

fn write_issuer_file(folder: &Path, issuer: &str) -> io::Result<()> {
    let file = folder.join(ISSUER_FILE);
    private_folder(file.parent().unwrap_or(folder))?;
    write_whole(&file, issuer_config(issuer).as_bytes())
}

fn about(folder: &Path) -> Option<About> {
    serde_json::from_str(&fs::read_to_string(folder.join("login.json")).ok()?).ok()
}

/// The guide's file for oidc-agent 5, which wants to be told that the audience goes by `aud`; 4 does not read it.
fn issuer_config(issuer: &str) -> String {
    let register = format!("{}/manage/dev/dynreg", issuer.trim_end_matches('/'));
    let config = json!({ "issuer": issuer, "register": register, "legacy_aud_mode": true });
    format!("{config:#}\n")
}

#[cfg(test)]
mod tests {

    use super::*;

    fn about_alice() -> About {
        About {
            issuer: "https://iam.test/".to_owned(),
            subject: Some("1".to_owned()),
            user: Some("alice".to_owned()),
            made: Timestamp::from_second(1_800_000_000).unwrap(),
        }
    }

    fn store() -> (tempfile::TempDir, Store) {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".cloud-backup")).unwrap();
        let store = Store::new(home.path());
        (home, store)
    }

    fn log_in(store: &Store, account: &str) {
        let staged = store.stage("https://iam.test/").unwrap();
        std::fs::write(staged.folder().join("infncloud"), account).unwrap();
        staged.commit(&about_alice()).unwrap();
    }

    fn account(login: &Login) -> String {
        std::fs::read_to_string(login.folder.join("infncloud")).unwrap()
    }

    #[test]
    fn a_new_login_takes_the_place_of_the_old_one_whole() {
        let (home, store) = store();
        assert_eq!(store.current("infncloud").unwrap(), None);
        log_in(&store, "first");
        let first = store.current("infncloud").unwrap().unwrap();
        assert_eq!(
            (account(&first).as_str(), &first.about),
            ("first", &Some(about_alice()))
        );
        log_in(&store, "second");
        let second = store.current("infncloud").unwrap().unwrap();
        assert_eq!(account(&second), "second");
        assert_ne!(first.id, second.id);
        let left = std::fs::read_dir(home.path().join(".cloud-backup/logins")).unwrap();
        assert_eq!(left.count(), 1, "nothing is left of the first");
    }

    #[test]
    fn a_login_that_is_broken_off_leaves_the_old_one() {
        let (home, store) = store();
        log_in(&store, "first");
        let staged = store.stage("https://iam.test/").unwrap();
        std::fs::write(staged.folder().join("infncloud"), "half").unwrap();
        // As a power cut would: nothing is tidied up.
        std::mem::forget(staged);
        assert_eq!(
            account(&store.current("infncloud").unwrap().unwrap()),
            "first"
        );
        drop(store.stage("https://iam.test/").unwrap());
        let left = std::fs::read_dir(home.path().join(".cloud-backup/logins")).unwrap();
        assert_eq!(left.count(), 1);
        assert_eq!(
            account(&store.current("infncloud").unwrap().unwrap()),
            "first"
        );
    }

    #[test]
    fn an_account_that_oidc_gen_has_made_is_found() {
        let (home, store) = store();
        std::fs::create_dir(home.path().join(".oidc-agent")).unwrap();
        std::fs::write(home.path().join(".oidc-agent/infncloud"), "old").unwrap();
        let login = store.current("infncloud").unwrap().unwrap();
        assert_eq!((account(&login).as_str(), &login.about), ("old", &None));
        Store::complete(&login, "https://iam.test/").unwrap();
        let file = login.folder.join(ISSUER_FILE);
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text, issuer_config("https://iam.test/"));
        // What the user has written there stays.
        std::fs::write(&file, "mine").unwrap();
        Store::complete(&login, "https://iam.test/").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
        log_in(&store, "new");
        assert_eq!(
            account(&store.current("infncloud").unwrap().unwrap()),
            "new"
        );
    }

    #[test]
    fn folders_are_private_and_the_issuer_is_as_the_guide_has_it() {
        let (_home, store) = store();
        let staged = store.stage("https://iam.cloud.infn.it/").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(staged.folder.path()), 0o700);
        assert_eq!(mode(&staged.folder()), 0o700);
        assert_eq!(mode(staged.folder().parent().unwrap()), 0o700);
        let file = staged.folder().join("issuer.config.d/infn-cloud");
        assert_eq!(mode(&file), 0o600);
        let config: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(
            config["register"],
            "https://iam.cloud.infn.it/manage/dev/dynreg"
        );
        assert_eq!(config["legacy_aud_mode"], true);
    }
}
