//! Logging in by the device flow (RFC 8628): on this screen an address and a code, the rest in any browser.
//!
//! The login is made beside the one in use, and proven to give a token, before the caller puts it in its place.

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::sleep;
use url::Url;

use crate::error::{Error, Result};
use crate::identity::agent::{Agent, NewAccount, read_account};
use crate::identity::expiry::Expiry;
use crate::identity::provider::{DeviceLogin, Provider, Tokens};
use crate::identity::store::{About, Staged, Store};
use crate::jwt::{self, Claims};
use crate::place::Place;
use crate::settings::{self, Client, Settings};
use crate::trouble::Trouble;
use crate::volume::Volume;

/// Before the second, the third and the fourth try.
const PAUSES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(5),
];

/// One token of the new login.
const TOKEN: Duration = Duration::from_secs(15);

/// A login that was made, and is not in use yet.
pub(super) struct NewLogin {
    staged: Staged,
    /// Whose it is.
    pub about: About,
    /// When it ends, as well as that can be known.
    pub expiry: Option<Expiry>,
}

impl NewLogin {
    /// Puts it in the place of the login in use.
    pub(super) fn commit(self) -> Result<()> {
        self.staged.commit(&self.about)?;
        say("The login is saved.");
        Ok(())
    }
}

/// Leads the user through a login; `known` is the client of the login in use.
pub(super) async fn log_in(
    settings: &Settings,
    login: &settings::Login,
    volume: &Volume,
    known: Option<Client>,
) -> Result<NewLogin> {
    let provider = Provider::discover(
        &login.issuer,
        login.device_endpoint.as_ref(),
        &settings.trust,
    )
    .await?;
    // The login service is trusted by it.
    settings.trust.agent_bundle(volume)?;
    let store = Store::new(&settings.home);
    // A volume that is full or not ours must not cost the user a login in the browser.
    store.stage(&login.issuer)?.require_room()?;
    let (client, device) = begin(&provider, login, known).await?;
    show(&device);
    let tokens = provider
        .await_login(&client, &device, |trouble| say(&still_waiting(trouble)))
        .await
        .map_err(|trouble| whose_client(login, trouble))?;
    let refresh_token = tokens
        .refresh_token
        .clone()
        .ok_or_else(|| Trouble::LoginRefused {
            detail:
                "it gives no refresh token; the client must be allowed the scope offline_access"
                    .to_owned(),
        })?;
    let about = about(&login.issuer, &tokens);
    say(&match &about.user {
        Some(user) => format!("\nLogged in as {user}. Saving the login ..."),
        None => "\nLogged in. Saving the login ...".to_owned(),
    });
    let made = about.made;
    let staged = store.stage(&login.issuer)?;
    let saved = save(settings, login, volume, &staged, &client, &refresh_token);
    if let Err(error) = saved.await {
        return Err(refused_at_once(error, &provider, &client, &refresh_token).await);
    }
    let expiry = end_of(settings, login, &provider, &staged, made).await;
    Ok(NewLogin {
        staged,
        about,
        expiry,
    })
}

/// When a new login ends, which is kept with it; an estimate where its provider does not tell.
///
/// Where refresh tokens are of one use the first is used up by now: the saved one counts.
async fn end_of(
    settings: &Settings,
    login: &settings::Login,
    provider: &Provider,
    staged: &Staged,
    made: Timestamp,
) -> Option<Expiry> {
    let folder = staged.folder();
    let find = async {
        let (environment, password) = (&settings.environment, &login.password);
        let saved = read_account(environment, &folder, &login.account, password).await?;
        match &saved.refresh_token {
            Some(token) => Expiry::find(provider, &saved.client(), token, Some(made)).await,
            None => Ok(None),
        }
    };
    let found: Result<_, Trouble> = find.await;
    let expiry = found.ok().flatten().or_else(|| Expiry::estimate(made))?;
    // Without it the end is estimated by those who do not ask.
    let _ = expiry.keep(&folder);
    Some(expiry)
}

/// A client and its code; one that the provider no longer knows is registered anew, unless the user has set it.
async fn begin(
    provider: &Provider,
    login: &settings::Login,
    known: Option<Client>,
) -> Result<(Client, DeviceLogin)> {
    if let Some(client) = &login.client {
        let device = provider
            .begin_login(client, &login.scope)
            .await
            .map_err(|trouble| whose_client(login, trouble))?;
        return Ok((client.clone(), device));
    }
    if let Some(client) = known {
        match provider.begin_login(&client, &login.scope).await {
            Ok(device) => return Ok((client, device)),
            Err(Trouble::ClientRefused { .. }) => {
                say("The login service has forgotten this installation: registering it anew.");
            }
            Err(trouble) => return Err(trouble.into()),
        }
    }
    let host = nix::unistd::gethostname().unwrap_or_default();
    let name = format!("cloud-user-backup:{}", host.to_string_lossy());
    let client = provider.register(&name, &login.scope).await?;
    let device = provider.begin_login(&client, &login.scope).await?;
    Ok((client, device))
}

/// Why a login that was made a moment ago gives no token: it has not ended, but its provider wants something first, and
/// says so by the same code. What that is oidc-gen does not tell, so the provider is asked; the login is lost anyway.
async fn refused_at_once(
    error: Error,
    provider: &Provider,
    client: &Client,
    refresh_token: &SecretString,
) -> Error {
    let Error::Login(Trouble::LoginEnded { detail } | Trouble::LoginRefused { detail }) = error
    else {
        return error;
    };
    Error::Login(match provider.refresh(client, refresh_token).await {
        Err(Trouble::LoginEnded { detail } | Trouble::LoginRefused { detail }) => {
            Trouble::LoginRefused { detail }
        }
        _ => Trouble::LoginRefused { detail },
    })
}

/// A client that the user has set is his to correct.
fn whose_client(login: &settings::Login, trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::ClientRefused { detail } if login.client.is_some() => {
            Trouble::OwnClientRefused { detail }
        }
        other => other,
    }
}

fn show(device: &DeviceLogin) {
    say("To log in, open this address in a browser on any device:\n");
    say(&format!("    {}\n", device.verification_uri));
    say("and enter this code:\n");
    say(&format!("    {}\n", device.user_code));
    let complete = device.verification_uri_complete.as_ref();
    let what = match complete {
        Some(_) => "Or scan this, which has the code in it:\n",
        None => "The address to scan:\n",
    };
    if let Ok(code) = QrCode::new(complete.unwrap_or(&device.verification_uri).as_str()) {
        // Light on dark, as most terminals are.
        let code = code
            .render::<Dense1x2>()
            .dark_color(Dense1x2::Light)
            .light_color(Dense1x2::Dark)
            .build();
        say(what);
        say(&code);
    }
    say(&format!(
        "The code is good for {}. Waiting until you have logged in there ...\n(Ctrl-C ends this, and nothing is changed.)",
        minutes(device.expires_in)
    ));
}

/// For a person who may wait in vain, or has approved already.
fn still_waiting(trouble: &Trouble) -> String {
    format!("\nNote: {trouble}.\nIt is asked again, ever more rarely, until the code runs out.")
}

/// Whole minutes, or seconds where there are few.
fn minutes(time: Duration) -> String {
    match time.as_secs() {
        seconds @ ..120 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds / 60),
    }
}

/// Whose tokens they are.
fn about(issuer: &str, tokens: &Tokens) -> About {
    let claims = |token: &SecretString| jwt::claims(token.expose_secret());
    let of_id = tokens
        .id_token
        .as_ref()
        .and_then(claims)
        .unwrap_or_default();
    let of_access = claims(&tokens.access_token).unwrap_or_default();
    let name = |claims: &Claims| {
        claims
            .preferred_username
            .clone()
            .or_else(|| claims.name.clone())
    };
    About {
        issuer: issuer.to_owned(),
        user: name(&of_id).or_else(|| name(&of_access)),
        subject: of_id.sub.or(of_access.sub),
        made: Timestamp::now(),
    }
}

/// Saves the account by oidc-agent, and lets a fresh one load it and get a token, as the server will.
///
/// Each uses a refresh token, which may be of one use: what has worked is not done again.
async fn save(
    settings: &Settings,
    login: &settings::Login,
    volume: &Volume,
    staged: &Staged,
    client: &Client,
    refresh_token: &SecretString,
) -> Result<()> {
    let account = NewAccount {
        name: login.account.clone(),
        issuer: login.issuer.clone(),
        device_endpoint: login.device_endpoint.as_ref().map(Url::to_string),
        client_id: client.id.clone(),
        client_secret: client.secret.clone(),
        scope: login.scope.clone(),
        refresh_token: refresh_token.clone(),
        ca_bundle: Some(volume.ca_bundle()),
    };
    let password = &login.password;
    persistently(async || {
        with_agent(settings, login, staged, async |agent| {
            agent.save(&account, password).await
        })
        .await
    })
    .await?;
    persistently(async || {
        with_agent(settings, login, staged, async |agent| {
            agent.load(&login.account, password).await?;
            let token = agent.access_token(&login.account, &login.audience, TOKEN);
            token.await.map(drop)
        })
        .await
    })
    .await
}

/// An agent of its own for `work`, on the folder of the new login.
async fn with_agent(
    settings: &Settings,
    login: &settings::Login,
    staged: &Staged,
    work: impl AsyncFnOnce(&Agent) -> Result<(), Trouble>,
) -> Result<()> {
    let folder = tempfile::tempdir().map_err(|source| Error::System {
        what: "making a temporary folder",
        source,
    })?;
    let socket = folder.path().join("oidc-agent.sock");
    let (environment, place) = (&settings.environment, staged.folder());
    let agent = Agent::start(environment, &place, &socket, &login.issuer).await?;
    let end = work(&agent).await;
    agent.stop(TOKEN).await;
    Ok(end?)
}

/// Tries again where the login service fails: an approved login is not thrown away for one bad moment.
async fn persistently(work: impl AsyncFn() -> Result<()>) -> Result<()> {
    for pause in PAUSES {
        match work().await {
            Err(Error::Login(
                trouble @ (Trouble::ProviderFailing { .. } | Trouble::ProviderUnreachable { .. }),
            )) => {
                say(&format!("{trouble}: trying again ..."));
                sleep(pause).await;
            }
            end => return end,
        }
    }
    work().await
}

/// A line on the screen, with what to type as it is typed here; nobody listening is no reason to end.
pub(super) fn say(line: &str) {
    let mut screen = std::io::stdout().lock();
    let _ = writeln!(screen, "{}", Place::here().typed(line));
    let _ = screen.flush();
}
