//! The account in the agent: loaded from its file, or made anew from a login.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::memfd::{MFdFlags, memfd_create};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::stored::{PASSWORD, PW_ENV, check_file, no_path};
use super::{Agent, answer, tool};
use crate::supervise::Invocation;
use crate::trouble::Trouble;

/// `oidc-add` takes 0.2 s, most of it to make the key of the password; a provider may take longer.
const LOAD: Duration = Duration::from_secs(15);
/// `oidc-gen` asks the provider several times.
const SAVE: Duration = Duration::from_secs(30);
/// The variable by which `oidc-gen` gets the refresh token.
const REFRESH_TOKEN: &str = "OIDC_REFRESH_TOKEN";

/// A login that was just made, to be saved.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Its name in oidc-agent, which is also its file's.
    pub name: String,
    /// The provider, letter by letter.
    pub issuer: String,
    /// The client that the login was made by.
    pub client_id: String,
    /// A public client has none, with which oidc-agent 4.2.6 gets along at few providers: it does not tell them who asks.
    pub client_secret: Option<SecretString>,
    /// What the login gave.
    pub refresh_token: SecretString,
    /// Separated by spaces.
    pub scope: String,
    /// For a provider whose discovery does not name it.
    pub device_endpoint: Option<String>,
    /// The file of all trusted certificates (PEM). It is read at each request, under this very path.
    pub ca_bundle: Option<PathBuf>,
}

impl Agent {
    /// Loads an account from its file, with one refresh at the provider; 15 s at most.
    ///
    /// From then on the agent keeps the password too, encrypted in memory: only so it can write a new refresh token
    /// back to the file. One that is loaded already is read anew. After a failure it may be loaded all the same.
    pub async fn load(&self, account: &str, password: &SecretString) -> Result<(), Trouble> {
        no_path(account)?;
        check_file(&self.folder.join(account)).await?;
        let add = [account, PW_ENV, "--pw-store"];
        if self.add(&add, password).await?.contains("already loaded") {
            self.add(&["--remove", account], password).await?;
            self.add(&add, password).await?;
        }
        Ok(())
    }

    /// Runs `oidc-add` and gives what it printed.
    async fn add(&self, args: &[&str], password: &SecretString) -> Result<String, Trouble> {
        let mut invocation = self.tool("oidc-add")?;
        invocation.args.extend(args.iter().map(Into::into));
        invocation.env.push(secret(PASSWORD, password));
        let finished = self.run(&invocation, Stdio::null(), LOAD).await?;
        Ok(finished.stdout + &finished.stderr)
    }

    /// Saves a login as an account file of this agent's folder, and loads it; 30 s at most.
    ///
    /// oidc-gen makes one refresh, so that what it saves works, and from then on a refresh token of one use is only in
    /// that file. The name must be new in the folder: oidc-gen would go on with the client of the old account. To keep
    /// an old login until the new one works, save in an empty folder with an agent of its own, and rename the file when
    /// both agents are stopped: a running one writes its own refresh token over it.
    pub async fn save(&self, account: &NewAccount, password: &SecretString) -> Result<(), Trouble> {
        no_path(&account.name)?;
        let file = self.folder.join(&account.name);
        if file.exists() {
            return Err(Trouble::Agent {
                detail: format!("{} is there already", file.display()),
            });
        }
        let mut invocation = self.tool("oidc-gen")?;
        let options = [
            &account.name,
            "--flow=refresh",
            "--file=/dev/stdin",
            PW_ENV,
            "--confirm-default",
            "--prompt=none",
        ];
        invocation.args.extend(options.map(Into::into));
        let mut option = |name: &str, value: &str| {
            invocation.args.push(format!("--{name}={value}").into());
        };
        option("rt-env", REFRESH_TOKEN);
        option("iss", &account.issuer);
        option("scope", &account.scope);
        if let Some(endpoint) = &account.device_endpoint {
            option("dae", endpoint);
        }
        if let Some(bundle) = &account.ca_bundle {
            option("cp", &bundle.to_string_lossy());
        }
        if account.client_secret.is_none() {
            invocation.args.push("--pub".into());
        }
        invocation.env.push(secret(PASSWORD, password));
        invocation
            .env
            .push(secret(REFRESH_TOKEN, &account.refresh_token));
        let saved = self.run(&invocation, client_file(account)?, SAVE).await;
        saved.map_err(|trouble| told_of_client(account, trouble))?;
        check_file(&file).await?;
        keep(&file, &self.folder)
    }

    fn tool(&self, name: &'static str) -> Result<Invocation, Trouble> {
        let mut invocation = tool::invocation(name, &self.environment, &self.folder)?;
        let socket = self.socket.to_string_lossy().into_owned();
        invocation.env.push(("OIDC_SOCK".to_owned(), socket));
        Ok(invocation)
    }

    /// Runs a tool of this agent; its failure is told with what the agent has logged meanwhile.
    async fn run(
        &self,
        invocation: &Invocation,
        stdin: Stdio,
        deadline: Duration,
    ) -> Result<tool::Finished, Trouble> {
        let mark = self.log.mark();
        match tool::run(invocation, stdin, deadline).await? {
            Some(finished) if finished.status.success() => Ok(finished),
            Some(finished) => {
                let log = self.log.since(mark).await;
                Err(answer::trouble(&finished.error(), &log, &self.issuer))
            }
            None => {
                self.set_stuck();
                Err(Trouble::ProviderUnreachable {
                    issuer: self.issuer.clone(),
                    detail: format!("no answer within {}", humantime::format_duration(deadline)),
                })
            }
        }
    }
}

/// A provider that refuses a client without a secret does not say so.
fn told_of_client(account: &NewAccount, trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::ClientRefused { detail } | Trouble::ProviderFailing { detail, .. }
            if account.client_secret.is_none() && detail.starts_with("invalid_") =>
        {
            Trouble::ClientRefused {
                detail: format!(
                    "{detail} (oidc-agent needs a client with OIDC_CLIENT_SECRET here)"
                ),
            }
        }
        other => other,
    }
}

fn secret(name: &str, value: &SecretString) -> (String, String) {
    (name.to_owned(), value.expose_secret().to_owned())
}

/// The client as oidc-gen wants it, in a file that is on no disk and goes away with its reader.
fn client_file(account: &NewAccount) -> Result<Stdio, Trouble> {
    let mut client = json!({
        "client_id": account.client_id,
        "issuer_url": account.issuer,
        "redirect_uris": [],
    });
    if let Some(secret) = &account.client_secret {
        client["client_secret"] = secret.expose_secret().into();
    }
    let file = memfd_create("client", MFdFlags::MFD_CLOEXEC)
        .map_err(std::io::Error::from)
        .and_then(|fd| {
            let mut file = std::fs::File::from(fd);
            std::io::Write::write_all(&mut file, client.to_string().as_bytes())?;
            Ok(file)
        });
    file.map(Stdio::from).map_err(|error| Trouble::Agent {
        detail: format!("cannot hand over the client: {error}"),
    })
}

/// A refresh token of one use is nowhere else: it must outlive a crash of the machine.
fn keep(file: &Path, folder: &Path) -> Result<(), Trouble> {
    [file, folder]
        .into_iter()
        .try_for_each(|path| fs_err::File::open(path)?.sync_all())
        .map_err(|error| Trouble::Agent {
            detail: format!("the login is not saved: {error}"),
        })
}
