//! The account's file: whether it is whole, and what is in it. Needs no running agent.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use super::{answer, tool};
use crate::settings::{Client, Environment};
use crate::trouble::Trouble;

/// The variable by which the tools get the password, and their option for it.
pub(super) const PASSWORD: &str = "OIDC_PASSWORD";
pub(super) const PW_ENV: &str = "--pw-env=OIDC_PASSWORD";

/// It decrypts a file.
const PRINT: Duration = Duration::from_secs(10);
/// A second look comes so much later.
const WRITTEN: Duration = Duration::from_millis(100);
/// The beginning of the last line of a file.
const LAST_LINE: &str = "Generated using version: ";

/// What an account file holds.
#[derive(Debug, Clone, Deserialize)]
pub struct StoredAccount {
    /// The provider. oidc-agent adds the slash at its end, also where the issuer has none: see [`Self::is_of`].
    #[serde(rename = "issuer_url")]
    pub issuer: String,
    /// The client of the login.
    pub client_id: String,
    /// A public client has none.
    #[serde(default, deserialize_with = "secret")]
    pub client_secret: Option<SecretString>,
    /// The login itself; an account without one is of no use.
    #[serde(default, deserialize_with = "secret")]
    pub refresh_token: Option<SecretString>,
    /// The certificates that the agent trusts; empty for its own default.
    #[serde(default)]
    pub cert_path: PathBuf,
    /// Separated by spaces.
    #[serde(default)]
    pub scope: String,
}

impl StoredAccount {
    /// Whether the login was made at this issuer; the slash at its end says nothing here.
    #[must_use]
    pub fn is_of(&self, issuer: &str) -> bool {
        self.issuer.trim_end_matches('/') == issuer.trim_end_matches('/')
    }

    /// The client of the login, as the provider wants it.
    #[must_use]
    pub fn client(&self) -> Client {
        Client {
            id: self.client_id.clone(),
            secret: self.client_secret.clone(),
        }
    }
}

/// Decrypts an account file by `oidc-gen --print`; 10 s at most. No agent is asked, and no provider.
pub async fn read_account(
    environment: &Environment,
    folder: &Path,
    account: &str,
    password: &SecretString,
) -> Result<StoredAccount, Trouble> {
    no_path(account)?;
    check_file(&folder.join(account)).await?;
    let mut invocation = tool::invocation("oidc-gen", environment, folder)?;
    let print = format!("--print={account}");
    invocation.args.extend([print.into(), PW_ENV.into()]);
    let password = password.expose_secret().to_owned();
    invocation.env.push((PASSWORD.to_owned(), password));
    match tool::run(&invocation, Stdio::null(), PRINT).await? {
        Some(finished) if finished.status.success() => {
            parse(&finished.stdout).ok_or_else(|| Trouble::Agent {
                detail: "oidc-gen does not print the account".to_owned(),
            })
        }
        Some(finished) => Err(answer::trouble(&finished.error(), &[], "")),
        None => Err(Trouble::Agent {
            detail: format!(
                "oidc-gen did not end within {}",
                humantime::format_duration(PRINT)
            ),
        }),
    }
}

/// The first JSON object, which other lines may precede and follow.
fn parse(output: &str) -> Option<StoredAccount> {
    let starts = output
        .match_indices('{')
        .filter(|(at, _)| *at == 0 || output[..*at].ends_with('\n'));
    starts.into_iter().find_map(|(at, _)| {
        serde_json::Deserializer::from_str(&output[at..])
            .into_iter()
            .next()?
            .ok()
    })
}

/// An account's name is a file of its folder, and no option.
pub(super) fn no_path(account: &str) -> Result<(), Trouble> {
    if account.is_empty() || account.contains('/') || account.starts_with(['-', '.']) {
        return Err(Trouble::Agent {
            detail: format!("{account:?} is no name of an account"),
        });
    }
    Ok(())
}

/// oidc-agent writes an empty text for what there is not.
fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok((!text.is_empty()).then(|| text.into()))
}

/// Whether the file is there, whole, and writable. oidc-agent writes it in place, not by a rename: a crash can leave it
/// cut, for which oidc-add dies of a segmentation fault, or empty, for which it blames the password.
pub(super) async fn check_file(file: &Path) -> Result<(), Trouble> {
    if look_at(file).is_ok() {
        return Ok(());
    }
    // It may be being written just now.
    tokio::time::sleep(WRITTEN).await;
    look_at(file)
}

fn look_at(file: &Path) -> Result<(), Trouble> {
    let read = || {
        let mut bytes = Vec::new();
        let mut file = fs_err::OpenOptions::new()
            .read(true)
            .write(true)
            .open(file)?;
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) if is_whole(&bytes) => Ok(()),
        Ok(_) => Err(Trouble::LoginEnded {
            detail: format!("{} is damaged", file.display()),
        }),
        Err(error) if io::Error::kind(&error) == io::ErrorKind::NotFound => Err(not_there(file)),
        Err(error) => Err(Trouble::Agent {
            detail: error.to_string(),
        }),
    }
}

/// No account of this name: the login may have another one.
fn not_there(file: &Path) -> Trouble {
    let name = |path: &Path| Some(path.file_name()?.to_string_lossy().into_owned());
    let others = file
        .parent()
        .and_then(|folder| fs_err::read_dir(folder).ok());
    let other = others.into_iter().flatten().flatten().find_map(|entry| {
        let is_account =
            entry.file_type().is_ok_and(|kind| kind.is_file()) && look_at(&entry.path()).is_ok();
        is_account.then(|| name(&entry.path())).flatten()
    });
    match (other, name(file)) {
        (Some(saved), Some(wanted)) => Trouble::OtherAccount { saved, wanted },
        _ => Trouble::NoLogin,
    }
}

fn is_whole(file: &[u8]) -> bool {
    let text = String::from_utf8_lossy(file);
    let mut lines = text.lines();
    lines
        .next_back()
        .and_then(|line| line.strip_prefix(LAST_LINE))
        .is_some_and(|version| !version.trim().is_empty())
        && lines.count() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `oidc-gen -p` prints it.
    const PRINTED: &str = "{\n\t\"name\":\t\"infncloud\",\n\t\"issuer_url\":\t\"https://oidc.test:8443/\",\n\t\"daeSetByUser\":\t0,\n\t\
                           \"client_id\":\t\"abc\",\n\t\"client_secret\":\t\"def\",\n\t\"refresh_token\":\t\"ghi\",\n\t\
                           \"cert_path\":\t\"/ca.pem\",\n\t\"scope\":\t\"openid offline_access\",\n\t\"redirect_uris\":\t[]\n}\n";
    const FILE: &str = "632\n1CYHf5pB2uezQGsJ\n8ue2njVWtiDzwRmYY6nUjA==\n24:16:16:32:1:2:67108864:2\nfRj/aefdGUVH\nT6yA\nGenerated \
                        using version: 4.2.6";

    #[test]
    fn the_account_is_found_between_other_lines() {
        for output in [
            PRINTED.to_owned(),
            format!("a note with a {{\n{{}}\n{PRINTED}done\n"),
        ] {
            let account = parse(&output).unwrap();
            assert_eq!(account.client_id, "abc");
            assert_eq!(account.cert_path, Path::new("/ca.pem"));
            assert!(account.is_of("https://oidc.test:8443"));
            assert!(!account.is_of("https://oidc.test"));
            assert_eq!(account.refresh_token.unwrap().expose_secret(), "ghi");
        }
        assert!(parse("").is_none());
        assert!(parse("{\"name\": ").is_none());
    }

    #[test]
    fn nothing_shows_what_is_stored() {
        let account = parse(PRINTED).unwrap();
        let shown = format!("{account:?}");
        assert!(!shown.contains("def") && !shown.contains("ghi"), "{shown}");
    }

    #[tokio::test]
    async fn an_account_of_another_name_is_told_and_other_files_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        std::fs::create_dir(file("issuer.config.d")).unwrap();
        std::fs::write(file("oidc-agent.log"), "started\nended\n").unwrap();
        assert_eq!(check_file(&file("second")).await, Err(Trouble::NoLogin));
        std::fs::write(file("infncloud"), FILE).unwrap();
        let other = Trouble::OtherAccount {
            saved: "infncloud".to_owned(),
            wanted: "second".to_owned(),
        };
        assert_eq!(check_file(&file("second")).await, Err(other));
        assert_eq!(check_file(&file("infncloud")).await, Ok(()));
    }

    #[tokio::test]
    async fn a_file_that_was_not_written_to_its_end_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("infncloud");
        assert_eq!(check_file(&file).await, Err(Trouble::NoLogin));
        for cut in [0, 10, 60, FILE.len() - 5] {
            std::fs::write(&file, &FILE[..cut]).unwrap();
            assert!(
                matches!(check_file(&file).await, Err(Trouble::LoginEnded { .. })),
                "{cut}"
            );
        }
        std::fs::write(&file, FILE).unwrap();
        assert_eq!(check_file(&file).await, Ok(()));
    }

    #[test]
    fn a_name_is_neither_a_path_nor_an_option() {
        for name in ["", "../x", "/x", "--all", ".hidden"] {
            assert!(no_path(name).is_err(), "{name}");
        }
        assert!(no_path("infncloud").is_ok());
    }
}
