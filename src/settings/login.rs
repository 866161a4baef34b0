//! The login and the object storage that it opens: by default INFN Cloud's, as the guide has them.

use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::{Given, Problem, Raw, Remote};
use crate::identity::store::Store;

/// The section of `rclone.conf` that the guide documents; its storage is opened by the login.
pub const SECTION: &str = "infncloud";

/// The provider of the guide. An issuer is compared letter by letter, the slash at its end included.
const ISSUER: &str = "https://iam.cloud.infn.it/";
/// The account's name in oidc-agent, as the guide has it.
const ACCOUNT: &str = "infncloud";
/// How the names of oidc-agent's own files beside the accounts begin.
const OF_THE_AGENT: &str = "issuer.config";
/// What the guide asks for; `offline_access` is what gives a refresh token.
const SCOPE: &str = "openid profile offline_access email";
/// What INFN's object storage wants in the token.
const AUDIENCE: &str = "object";
const S3_ENDPOINT: &str = "https://rgw.cloud.infn.it/";
const S3_ROLE: &str = "IAMaccess";
/// One hour, the longest session of an RGW role that nobody has told otherwise.
pub const USUAL_SESSION: Duration = Duration::from_hours(1);
/// A week before the end of a login of 30 days, as the guide says.
const WARN_DAYS: u16 = 7;
/// Logins of more than a year are not known.
const MOST_WARN_DAYS: u16 = 365;

/// Whose tokens open the storage: `OIDC_FLOW`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// A person's, who logs in by a browser (RFC 8628).
    Device,
    /// The client's own (RFC 6749, section 4.4): nobody logs in, and nothing ends.
    ClientCredentials,
}

/// How the user logs in, and where.
#[derive(Debug, Clone)]
pub struct Login {
    /// The client of `OIDC_FLOW=client_credentials`; then there is neither a person nor a password, and no oidc-agent.
    pub service: Option<Client>,
    /// `AAI_USER`, where it is set.
    pub user: Option<String>,
    /// `OIDC_ISSUER`, letter by letter.
    pub issuer: String,
    /// `OIDC_DEVICE_ENDPOINT`, for a provider whose discovery does not name it.
    pub device_endpoint: Option<Url>,
    /// `OIDC_ACCOUNT`: the account's name in oidc-agent.
    pub account: String,
    /// `OIDC_SCOPE`, separated by spaces.
    pub scope: String,
    /// `OIDC_AUDIENCE` of the tokens for the storage.
    pub audience: String,
    /// `OIDC_CLIENT_ID` and `OIDC_CLIENT_SECRET`, where a client to log in by was registered by hand.
    pub client: Option<Client>,
    /// `OIDC_PASSWORD`, which encrypts the login in the volume; empty where nobody logs in.
    pub password: SecretString,
    /// `TOKEN_WARN_DAYS`: that long before its end a login is told to be ending.
    pub warn_days: u16,
    /// The storage behind the login.
    pub storage: ObjectStorage,
}

/// A client that was registered by hand.
#[derive(Debug, Clone)]
pub struct Client {
    /// `OIDC_CLIENT_ID`
    pub id: String,
    /// `OIDC_CLIENT_SECRET`; a public client has none.
    pub secret: Option<SecretString>,
}

/// S3 with STS.
#[derive(Debug, Clone)]
pub struct ObjectStorage {
    /// `S3_ENDPOINT`, which is also that of STS.
    pub endpoint: Url,
    /// `S3_REGION`, where it is set.
    pub region: Option<String>,
    /// `S3_ROLE`, by its name.
    pub role: String,
    /// `STS_DURATION`: how long credentials are asked for; whole seconds.
    pub session: Duration,
}

/// The login that this remote needs; `None` where it needs none, or where it has problems.
///
/// Where the remote itself has problems (`None`) those of its login are told with them.
///
/// A section of that name that the environment defines is the user's own, and so is one of a remote that is named by
/// `BACKUP_REMOTE` or `COPY_REMOTE` (`is_named`) without `OIDC_PASSWORD` on a volume without a login.
pub(super) fn parse(
    given: &Given<'_>,
    remote: Option<&Remote>,
    is_named: bool,
    problems: &mut Vec<Problem>,
) -> Option<Login> {
    let Given {
        raw,
        flow,
        environment,
    } = *given;
    let needs_it = match remote {
        Some(remote) => remote.section() == Some(SECTION),
        None => !is_named,
    };
    if !needs_it || environment.defines_section(SECTION) {
        return None;
    }
    let text = |value: &Option<String>, default: &str| {
        value.as_deref().map_or(default, str::trim).to_owned()
    };
    if is_named && flow == Flow::Device && raw.oidc_password.is_none() {
        if has_login(&raw.home(), &text(&raw.oidc_account, ACCOUNT)) {
            problems.push(Problem::new(
                "OIDC_PASSWORD",
                "is missing: the password of the login in this volume, which opens infncloud",
            ));
        }
        return None;
    }
    let issuer = text(&raw.oidc_issuer, ISSUER);
    https("OIDC_ISSUER", &issuer, problems);
    let device_endpoint = raw
        .oidc_device_endpoint
        .as_deref()
        .map(|url| https("OIDC_DEVICE_ENDPOINT", url.trim(), problems));
    let account = text(&raw.oidc_account, ACCOUNT);
    if account.contains('/') || account.starts_with(['-', '.']) || account.starts_with(OF_THE_AGENT)
    {
        problems.push(Problem::new(
            "OIDC_ACCOUNT",
            "must be a plain name such as infncloud",
        ));
    }
    let is_device = flow == Flow::Device;
    let scope = text(&raw.oidc_scope, if is_device { SCOPE } else { "" });
    if is_device
        && !scope
            .split_whitespace()
            .any(|word| word == "offline_access")
    {
        problems.push(Problem::new(
            "OIDC_SCOPE",
            "must contain offline_access: without it a login lasts an hour",
        ));
    }
    let client = client(raw, flow, problems);
    let warn_days = warn_days(raw.token_warn_days.as_deref(), problems);
    let session = session(raw.sts_duration.as_deref(), problems);
    let endpoint = https(
        "S3_ENDPOINT",
        &text(&raw.s3_endpoint, S3_ENDPOINT),
        problems,
    );
    let (client, service) = match flow {
        Flow::Device => (client, None),
        Flow::ClientCredentials => (None, Some(client?)),
    };
    Some(Login {
        service,
        user: raw.aai_user.as_deref().map(|user| user.trim().to_owned()),
        issuer,
        device_endpoint: device_endpoint.flatten(),
        account,
        scope,
        audience: text(&raw.oidc_audience, AUDIENCE),
        client,
        password: match flow {
            Flow::Device => raw.oidc_password.clone()?.into(),
            Flow::ClientCredentials => String::new().into(),
        },
        warn_days: warn_days?,
        storage: ObjectStorage {
            endpoint: endpoint?,
            region: raw
                .s3_region
                .as_deref()
                .map(|region| region.trim().to_owned()),
            role: text(&raw.s3_role, S3_ROLE),
            session: session?,
        },
    })
}

fn has_login(home: &Path, account: &str) -> bool {
    Store::new(home)
        .current(account)
        .is_ok_and(|login| login.is_some())
}

/// Tokens and credentials go there: TLS is never left out.
fn https(variable: &'static str, text: &str, problems: &mut Vec<Problem>) -> Option<Url> {
    match Url::parse(text) {
        Ok(url) if url.scheme() == "https" && url.has_host() && url.username().is_empty() => {
            Some(url)
        }
        _ => {
            problems.push(Problem::new(
                variable,
                "must be an address that begins with https://",
            ));
            None
        }
    }
}

/// `OIDC_FLOW`
pub(super) fn flow(value: Option<&str>, problems: &mut Vec<Problem>) -> Flow {
    match value.map(str::trim) {
        None | Some("device") => Flow::Device,
        Some("client_credentials") => Flow::ClientCredentials,
        Some(_) => {
            problems.push(Problem::new(
                "OIDC_FLOW",
                "must be device, or client_credentials for a client that needs no person",
            ));
            Flow::Device
        }
    }
}

fn client(raw: &Raw, flow: Flow, problems: &mut Vec<Problem>) -> Option<Client> {
    if flow == Flow::ClientCredentials {
        let mut require = |variable, value: &Option<String>, what| {
            if value.is_none() {
                let message = format!("is missing: {what} of OIDC_FLOW=client_credentials");
                problems.push(Problem::new(variable, message));
            }
        };
        require("OIDC_CLIENT_ID", &raw.oidc_client_id, "the client");
        require(
            "OIDC_CLIENT_SECRET",
            &raw.oidc_client_secret,
            "the secret of the client",
        );
    } else if raw.oidc_client_id.is_none() && raw.oidc_client_secret.is_some() {
        problems.push(Problem::new(
            "OIDC_CLIENT_ID",
            "is missing though OIDC_CLIENT_SECRET is set",
        ));
    }
    Some(Client {
        id: raw.oidc_client_id.as_deref()?.trim().to_owned(),
        secret: raw.oidc_client_secret.clone().map(SecretString::from),
    })
}

fn warn_days(value: Option<&str>, problems: &mut Vec<Problem>) -> Option<u16> {
    match value.map(|text| text.trim().parse()) {
        None => Some(WARN_DAYS),
        Some(Ok(days)) if days <= MOST_WARN_DAYS => Some(days),
        Some(_) => {
            problems.push(Problem::new(
                "TOKEN_WARN_DAYS",
                "must be a number of days from 0 to 365; empty means 7",
            ));
            None
        }
    }
}

fn session(value: Option<&str>, problems: &mut Vec<Problem>) -> Option<Duration> {
    let Some(text) = value.map(str::trim) else {
        return Some(USUAL_SESSION);
    };
    let parsed = text
        .parse()
        .map(Duration::from_secs)
        .or_else(|_| humantime::parse_duration(text));
    match parsed {
        Ok(session) if session >= Duration::from_secs(1) => Some(session),
        _ => {
            problems.push(Problem::new("STS_DURATION", "must be a time such as 1h"));
            None
        }
    }
}
