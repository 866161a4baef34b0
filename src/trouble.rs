//! Why there are no credentials for the storage: the guilty part, in one sentence.
//!
//! A trouble is told by whoever keeps the login and passed on to its neighbours on the volume as JSON, so that a job
//! fails with the very reason that the server has found.

use serde::{Deserialize, Serialize};

use crate::settings::USUAL_SESSION;

/// What keeps us from the storage: the login, its provider, the agent, or STS.
///
/// Texts of other programs in it have passed [`without_tokens`](crate::supervise::without_tokens).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "trouble")]
pub enum Trouble {
    /// Nobody has logged in on this volume.
    #[error("not configured yet: nobody has logged in on this volume")]
    NoLogin,
    /// The saved login is encrypted with another password.
    #[error("OIDC_PASSWORD is not the password that the login was saved with")]
    WrongPassword,
    /// The login was made at another provider than the one that is set.
    #[error("the login is one at {saved}, and OIDC_ISSUER is {wanted}")]
    OtherIssuer {
        /// The issuer of the saved login.
        saved: String,
        /// The issuer of the settings.
        wanted: String,
    },
    /// The login was saved under another name than the one that is set.
    #[error("the login is saved as {saved}, and OIDC_ACCOUNT is {wanted}")]
    OtherAccount {
        /// The account of the saved login.
        saved: String,
        /// `OIDC_ACCOUNT`
        wanted: String,
    },
    /// Who keeps the login was started before the settings were changed.
    #[error("the running server was started with other settings than this command: {variables}")]
    OtherSettings {
        /// The variables whose values differ, separated by commas.
        variables: String,
    },
    /// oidc-agent cannot be started, ended, or does not answer where no provider is to blame.
    #[error("oidc-agent does not work: {detail}")]
    Agent {
        /// What it said.
        detail: String,
    },
    /// Nothing is known yet of the first try, or of the one that was asked for.
    #[error("there is no token for the storage: {detail}")]
    NoToken {
        /// What was waited for.
        detail: String,
    },
    /// No connection, or no answer in time.
    #[error("the login service {issuer} cannot be reached: {detail}")]
    ProviderUnreachable {
        /// Its address.
        issuer: String,
        /// What was seen.
        detail: String,
    },
    /// Its certificate proves nothing to us.
    #[error("the certificate of the login service {issuer} is not trusted: {detail}")]
    ProviderUntrusted {
        /// Its address.
        issuer: String,
        /// What is wrong with it.
        detail: String,
    },
    /// It answers, and not as it should: 5xx, HTML, nonsense.
    #[error("the login service {issuer} does not work: {detail}")]
    ProviderFailing {
        /// Its address.
        issuer: String,
        /// What was seen.
        detail: String,
    },
    /// The refresh token has expired, or was revoked; only the user can log in again.
    #[error("the login has ended: {detail}")]
    LoginEnded {
        /// What the provider said.
        detail: String,
    },
    /// The provider wants something of the user first: a usage policy to be signed, an account to be active.
    #[error("the login service refuses the login: {detail}")]
    LoginRefused {
        /// What the provider said.
        detail: String,
    },
    /// The client (the registration of this installation) is unknown to the provider or refused.
    #[error("the login service does not know this installation any more: {detail}")]
    ClientRefused {
        /// What the provider said.
        detail: String,
    },
    /// The discovery document is another issuer's: tokens from there would carry another name.
    #[error("OIDC_ISSUER is not the login service's own address: {}", other_name(.named, .wanted))]
    WrongIssuer {
        /// How the provider calls itself.
        named: String,
        /// `OIDC_ISSUER`
        wanted: String,
    },
    /// The client that the user has registered by hand is unknown to the provider, or its secret is wrong.
    #[error("the login service refuses the client of OIDC_CLIENT_ID: {detail}")]
    OwnClientRefused {
        /// What it said.
        detail: String,
    },
    /// The service client of `OIDC_FLOW=client_credentials` gets no token.
    #[error("the login service refuses the service client of OIDC_CLIENT_ID: {detail}")]
    ServiceRefused {
        /// What it said.
        detail: String,
    },
    /// The provider registers no clients, or not ours.
    #[error("the login service does not register this installation: {detail}")]
    NotRegistered {
        /// What it said.
        detail: String,
    },
    /// The user said no on the provider's page.
    #[error("the login was declined in the browser")]
    Declined,
    /// Nobody approved the login while its code was good.
    #[error("the code ran out before the login was approved")]
    CodeExpired,
    /// No connection to STS, or no answer in time.
    #[error("the storage {endpoint} cannot be reached: {detail}")]
    StsUnreachable {
        /// Its address.
        endpoint: String,
        /// What was seen.
        detail: String,
    },
    /// The certificate of STS proves nothing to us.
    #[error("the certificate of the storage {endpoint} is not trusted: {detail}")]
    StsUntrusted {
        /// Its address.
        endpoint: String,
        /// What is wrong with it.
        detail: String,
    },
    /// STS answers, and not as it should.
    #[error("the storage {endpoint} does not give credentials: {detail}")]
    StsFailing {
        /// Its address.
        endpoint: String,
        /// What was seen.
        detail: String,
    },
    /// STS refuses a token that is not what it wants: issuer, audience.
    #[error("the storage refuses the token: {detail}")]
    TokenRefused {
        /// Which claim is guilty, and what was expected.
        detail: String,
    },
    /// STS refuses a token that does not say whose it is.
    #[error("the storage refuses the token: it has no subject (sub)")]
    NoSubject,
    /// STS refuses the role to a token that looks right.
    #[error("the storage refuses the role {role}: {detail}")]
    RoleRefused {
        /// `S3_ROLE`
        role: String,
        /// What was seen.
        detail: String,
    },
    /// STS refuses the length of the session.
    #[error("the storage refuses a session of {seconds} s: {detail}")]
    SessionRefused {
        /// `STS_DURATION`
        seconds: u64,
        /// What it said.
        detail: String,
    },
    /// This machine's clock and the others' differ by more than tokens bear.
    #[error("the clock of this machine is {} s {} that of {other}", .ahead.unsigned_abs(), if *.ahead > 0 { "ahead of" } else { "behind" })]
    Clock {
        /// By how many seconds ours is ahead; negative: behind.
        ahead: i64,
        /// Whose clock it was compared with.
        other: String,
    },
    /// Another command keeps the login, and cannot be asked from here.
    #[error("the login is kept by {holder}, which gives no answer")]
    Neighbour {
        /// Which container.
        holder: String,
        /// Whether that is the running server.
        #[serde(default)]
        is_server: bool,
    },
}

impl Trouble {
    /// Whether only a person can end it: then it is asked for again more rarely.
    #[must_use]
    pub fn needs_a_person(&self) -> bool {
        match self {
            Self::NoLogin
            | Self::WrongPassword
            | Self::OtherIssuer { .. }
            | Self::OtherAccount { .. }
            | Self::OtherSettings { .. }
            | Self::ProviderUntrusted { .. }
            | Self::StsUntrusted { .. }
            | Self::LoginEnded { .. }
            | Self::LoginRefused { .. }
            | Self::ClientRefused { .. }
            | Self::WrongIssuer { .. }
            | Self::OwnClientRefused { .. }
            | Self::ServiceRefused { .. }
            | Self::NotRegistered { .. }
            | Self::Declined
            | Self::CodeExpired
            | Self::TokenRefused { .. }
            | Self::NoSubject
            | Self::SessionRefused { .. } => true,
            Self::Agent { .. }
            | Self::NoToken { .. }
            | Self::ProviderUnreachable { .. }
            | Self::ProviderFailing { .. }
            | Self::StsUnreachable { .. }
            | Self::StsFailing { .. }
            // The storage may be what does not reach the provider: it says no more.
            | Self::RoleRefused { .. }
            | Self::Clock { .. }
            | Self::Neighbour { .. } => false,
        }
    }

    /// Whether the login itself has worked: a token was given, and what comes after it failed.
    #[must_use]
    pub fn is_about_the_storage(&self) -> bool {
        matches!(
            self,
            Self::StsUnreachable { .. }
                | Self::StsUntrusted { .. }
                | Self::StsFailing { .. }
                | Self::TokenRefused { .. }
                | Self::NoSubject
                | Self::RoleRefused { .. }
                | Self::SessionRefused { .. }
                | Self::Clock { .. }
        )
    }

    /// The exit code, one of `sysexits.h`.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Agent { .. }
            | Self::NoToken { .. }
            | Self::ProviderUnreachable { .. }
            | Self::ProviderFailing { .. }
            | Self::StsUnreachable { .. }
            | Self::StsFailing { .. }
            | Self::Clock { .. } => 69,
            Self::Neighbour { .. } => 75,
            Self::LoginEnded { .. }
            | Self::LoginRefused { .. }
            | Self::ClientRefused { .. }
            | Self::ServiceRefused { .. }
            | Self::Declined
            | Self::CodeExpired
            | Self::TokenRefused { .. }
            | Self::NoSubject
            | Self::RoleRefused { .. } => 77,
            Self::NoLogin
            | Self::WrongPassword
            | Self::OtherIssuer { .. }
            | Self::OtherAccount { .. }
            | Self::OtherSettings { .. }
            | Self::ProviderUntrusted { .. }
            | Self::StsUntrusted { .. }
            | Self::WrongIssuer { .. }
            | Self::OwnClientRefused { .. }
            | Self::NotRegistered { .. }
            | Self::SessionRefused { .. } => 78,
        }
    }

    /// What to do next, as one sentence.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NoLogin => "Log in: docker compose run --rm cloud-backup config",
            Self::WrongPassword => {
                "Set OIDC_PASSWORD to the password of that login, then: docker compose up -d --force-recreate; or log in \
                 anew with the present one: docker compose run --rm cloud-backup config --force"
            }
            Self::OtherIssuer { .. } => {
                "Correct OIDC_ISSUER, or log in there: docker compose run --rm cloud-backup config --force"
            }
            Self::OtherAccount { .. } => {
                "Correct OIDC_ACCOUNT, or log in anew under that name: docker compose run --rm cloud-backup config --force"
            }
            Self::OtherSettings { .. } => {
                "For the server to take the present ones: docker compose up -d --force-recreate; then try again."
            }
            Self::ProviderUntrusted { .. } | Self::StsUntrusted { .. } => {
                "If its authority is one of your own, name its certificate in EXTRA_CA_FILE; else its owner has to mend it. \
                 It is not connected to before."
            }
            Self::NoToken { .. } => {
                "It is tried again by itself. If this stays: docker compose logs cloud-backup"
            }
            Self::Agent { .. } => {
                "It is started again by itself. If this stays: docker compose restart cloud-backup"
            }
            Self::ProviderUnreachable { .. } | Self::ProviderFailing { .. } => {
                "When it is back the server goes on by itself; another command is to be typed again. If this stays, check \
                 OIDC_ISSUER and the network of this machine."
            }
            Self::LoginEnded { .. } => "Log in again: docker compose run --rm cloud-backup reauth",
            // It keeps a login that works again, and else makes one, also the first.
            Self::LoginRefused { .. } => {
                "Open the login service in a browser and do what it asks for, then: docker compose run --rm cloud-backup \
                 config"
            }
            Self::ClientRefused { .. } => {
                "Register it anew: docker compose run --rm cloud-backup config --force"
            }
            Self::WrongIssuer { .. } => {
                "Correct OIDC_ISSUER: it is compared letter by letter, a slash at its end included."
            }
            Self::OwnClientRefused { .. } => {
                "Correct OIDC_CLIENT_ID and OIDC_CLIENT_SECRET; or leave both empty, and a client is registered."
            }
            Self::ServiceRefused { .. } => {
                "Check OIDC_CLIENT_ID and OIDC_CLIENT_SECRET, and at the login service that the client is enabled and has the \
                 grant client_credentials; then: docker compose up -d --force-recreate"
            }
            Self::NotRegistered { .. } => {
                "Register a client there by hand (device code and refresh token grants), and set OIDC_CLIENT_ID and \
                 OIDC_CLIENT_SECRET."
            }
            Self::Declined => "Nothing was changed. Begin again, and approve the login.",
            Self::CodeExpired => {
                "Nothing was changed. Begin again: a new code is shown, and for how long it is good."
            }
            Self::StsUnreachable { .. } | Self::StsFailing { .. } => {
                "When it is back the server goes on by itself; another command is to be typed again. If this stays, check \
                 S3_ENDPOINT and the network of this machine."
            }
            Self::TokenRefused { .. } => "Check OIDC_ISSUER and OIDC_AUDIENCE.",
            Self::NoSubject => {
                "Ask the login service's people: a token names its user in the claim sub."
            }
            Self::RoleRefused { .. } => {
                "Check S3_ROLE and OIDC_AUDIENCE, and that your account may use the storage."
            }
            // An hour is no cure for an hour.
            Self::SessionRefused { seconds, .. } if *seconds == USUAL_SESSION.as_secs() => {
                "Set STS_DURATION to a shorter time, such as 15m. Where that changes nothing, ask the storage's people."
            }
            Self::SessionRefused { .. } => "Set STS_DURATION to another time, such as 1h.",
            Self::Clock { .. } => "Set the clock of this machine (timedatectl set-ntp true).",
            Self::Neighbour {
                is_server: true, ..
            } => {
                "Start it anew, and it takes the login in use: docker compose restart cloud-backup"
            }
            Self::Neighbour { .. } => {
                "Wait for that command to end, or stop it: docker compose ps --all"
            }
        }
    }
}

/// A slash at the end is overlooked easily: it is named as just that.
fn other_name(named: &str, wanted: &str) -> String {
    if named.strip_suffix('/') == Some(wanted) {
        format!("the slash at its end is missing, set {named}")
    } else if wanted.strip_suffix('/') == Some(named) {
        format!("it has a slash too many at its end, set {named}")
    } else {
        format!("that is {named}, and {wanted} is set")
    }
}
