//! The OpenID provider, asked directly: discovery, registration, the device flow, and what it knows of a token.
//!
//! oidc-agent keeps the login afterwards; it is not made by oidc-gen, which waits for ever, gives no reasons and shows
//! secrets. OpenID Connect Discovery 1.0; RFC 6749 (token endpoint), 7591 (registration), 7662 (introspection), 8414
//! (discovery), 8628 (device flow).

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::refusal::{refusal, words};
use crate::jwt;
use crate::settings::Client;
use crate::trouble::Trouble;
use crate::trust::Trust;
use discovery::Endpoints;
use http::{Answer, Deadlines, Http};

mod device;
mod discovery;
mod http;

pub use device::DeviceLogin;

/// Where RFC 8628 has its grant.
const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// Those that oidc-agent registers. None is ever used: without a browser of its own it has nothing to be sent back to.
const REDIRECT_URIS: [&str; 4] = [
    "http://localhost:4242",
    "http://localhost:42065",
    "http://localhost:8080",
    "edu.kit.data.oidc-agent:/redirect",
];

/// A provider whose discovery document has been read.
#[derive(Debug)]
pub struct Provider {
    http: Http,
    endpoints: Endpoints,
}

/// What a login or a refresh gives (RFC 6749, section 5.1; OpenID Connect Core 1.0, section 3.1.3.3).
#[derive(Debug, Deserialize)]
pub struct Tokens {
    /// For the provider's own userinfo; those for the storage are oidc-agent's to ask for.
    pub access_token: SecretString,
    /// The login itself; `None` where the scope `offline_access` was not granted, or a refresh did not rotate it.
    pub refresh_token: Option<SecretString>,
    /// Who logged in.
    pub id_token: Option<SecretString>,
}

/// What the provider says of a token (RFC 7662, section 2.2).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Introspection {
    /// Whether it is good now.
    pub active: bool,
    /// Until when; `None` where that is not told, or it has no end.
    #[serde(default, deserialize_with = "jwt::seconds")]
    pub exp: Option<Timestamp>,
}

/// RFC 7591, section 3.2.1.
#[derive(Deserialize)]
struct Registered {
    client_id: String,
    client_secret: Option<SecretString>,
    token_endpoint_auth_method: Option<String>,
}

impl Provider {
    /// Reads the discovery document; it must name this very issuer, and endpoints with https.
    ///
    /// `device_endpoint` goes before what the document says: it is for providers that leave it out.
    pub async fn discover(
        issuer: &str,
        device_endpoint: Option<&Url>,
        trust: &Trust,
    ) -> Result<Self, Trouble> {
        let http = Http::new(issuer, trust.client().https_only(true), Deadlines::DEFAULT)?;
        let endpoints = discovery::read(&http, device_endpoint, "https").await?;
        Ok(Self { http, endpoints })
    }

    /// What time it was there when the document was read, where the answer had it.
    #[must_use]
    pub fn date(&self) -> Option<Timestamp> {
        self.endpoints.date
    }

    /// Registers this installation as a client of its own (RFC 7591); `scope` is separated by spaces.
    ///
    /// The request is that of oidc-agent 4.2.6, which INDIGO IAM is known to take. OpenID Connect Dynamic Client
    /// Registration forbids its fourth redirect URI to an application of type "web": who refuses it for that is asked
    /// for a native client without any.
    pub async fn register(&self, name: &str, scope: &str) -> Result<Client, Trouble> {
        // A client that cannot log in would only be left behind there.
        self.device_endpoint()?;
        let Some(endpoint) = &self.endpoints.registration else {
            return Err(Trouble::NotRegistered {
                detail: "its discovery document names no registration endpoint".to_owned(),
            });
        };
        let wanted = |kind: &str| {
            json!({
                "application_type": kind, "client_name": name, "response_types": [],
                "grant_types": ["refresh_token", DEVICE_GRANT], "scope": scope,
            })
        };
        let mut request = wanted("web");
        request["redirect_uris"] = json!(REDIRECT_URIS);
        let mut answer = self.http.post_json(endpoint, &request).await?;
        if let Some((error, _)) = answer.error()
            && matches!(
                error.as_str(),
                "invalid_client_metadata" | "invalid_redirect_uri"
            )
        {
            answer = self.http.post_json(endpoint, &wanted("native")).await?;
        }
        if answer.is_client_error() {
            let (error, description) = answer.error().unwrap_or_default();
            return Err(Trouble::NotRegistered {
                detail: words(&format!("status {} {error}", answer.status), &description),
            });
        }
        let client: Registered = self.good(&answer)?;
        // Some give a secret to everybody, also to those who are not to use it.
        let is_public = client.token_endpoint_auth_method.as_deref() == Some("none");
        Ok(Client {
            id: client.client_id,
            secret: client.client_secret.filter(|_| !is_public),
        })
    }

    /// Asks for an access token by the refresh token: whether the login still works (RFC 6749, section 6).
    ///
    /// Where the provider rotates refresh tokens the given one is used up, and the answer has the next.
    pub async fn refresh(
        &self,
        client: &Client,
        refresh_token: &SecretString,
    ) -> Result<Tokens, Trouble> {
        let token = refresh_token.expose_secret();
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        let answer = self.ask(&self.endpoints.token, client, &form).await?;
        if answer.is_client_error() {
            return Err(self.refused(&answer, client, token));
        }
        self.good(&answer)
    }

    /// An access token for the client itself (RFC 6749, section 4.4); an empty scope or audience is not asked for.
    ///
    /// `audience` is what INDIGO IAM takes; a provider that does not know the parameter passes over it.
    pub async fn client_credentials(
        &self,
        client: &Client,
        scope: &str,
        audience: &str,
    ) -> Result<SecretString, Trouble> {
        #[derive(Deserialize)]
        struct Granted {
            access_token: SecretString,
        }
        let wished = [("scope", scope), ("audience", audience)];
        let form: Vec<_> = [("grant_type", "client_credentials")]
            .into_iter()
            .chain(wished.into_iter().filter(|(_, value)| !value.is_empty()))
            .collect();
        let answer = self.ask(&self.endpoints.token, client, &form).await?;
        if answer.is_client_error() {
            let refused = self.refused(&answer, client, "");
            return Err(match refused {
                // There is no user who could be asked for anything.
                Trouble::ClientRefused { detail }
                | Trouble::LoginRefused { detail }
                | Trouble::LoginEnded { detail } => Trouble::ServiceRefused { detail },
                Trouble::ProviderFailing { detail, .. } if answer.error().is_some() => {
                    Trouble::ServiceRefused { detail }
                }
                other => other,
            });
        }
        let granted: Granted = self.good(&answer)?;
        Ok(granted.access_token)
    }

    /// What the provider knows of a refresh token (RFC 7662); `None` where it tells us nothing: it has no such
    /// endpoint, or not for us.
    pub async fn introspect(
        &self,
        client: &Client,
        token: &SecretString,
    ) -> Result<Option<Introspection>, Trouble> {
        let Some(endpoint) = &self.endpoints.introspection else {
            return Ok(None);
        };
        let token = token.expose_secret();
        let form = [("token", token), ("token_type_hint", "refresh_token")];
        let answer = self.ask(endpoint, client, &form).await?;
        if matches!(answer.status.as_u16(), 403..=405) {
            return Ok(None);
        }
        if answer.is_client_error() {
            return Err(self.refused(&answer, client, token));
        }
        let told: Introspection = self.good(&answer)?;
        // Some write 0 for a token without an end.
        let exp = told.exp.filter(|exp| *exp > Timestamp::UNIX_EPOCH);
        Ok(Some(Introspection { exp, ..told }))
    }

    /// Posts a form as the client, in the ways that the provider takes, one after the other until it knows the client.
    async fn ask(
        &self,
        endpoint: &Url,
        client: &Client,
        form: &[(&str, &str)],
    ) -> Result<Answer, Trouble> {
        let (first, other) = self.endpoints.authentication;
        let answer = self.http.post_form(endpoint, client, first, form).await?;
        let Some(other) = other.filter(|_| client.secret.is_some()) else {
            return Ok(answer);
        };
        // A client may have been registered for one of them only, which the document does not know.
        match answer.error() {
            Some((error, _)) if error == "invalid_client" => {
                self.http.post_form(endpoint, client, other, form).await
            }
            _ => Ok(answer),
        }
    }

    /// An answer with a reason, as a trouble in which neither the client's secret nor this other one is quoted.
    fn refused(&self, answer: &Answer, client: &Client, secret: &str) -> Trouble {
        let Some((error, description)) = answer.error() else {
            return self
                .http
                .failing(&format!("status {} {}", answer.status.as_u16(), answer.at));
        };
        let ours = client.secret.as_ref().map(ExposeSecret::expose_secret);
        let description = [Some(secret), ours]
            .into_iter()
            .flatten()
            .filter(|secret| !secret.is_empty())
            .fold(description, |text, secret| {
                text.replace(secret, "[redacted]")
            });
        refusal(self.http.issuer(), &error, &description)
    }

    /// The answer to a request that was granted.
    fn good<T: serde::de::DeserializeOwned>(&self, answer: &Answer) -> Result<T, Trouble> {
        self.http.good(answer)
    }
}

#[cfg(test)]
mod tests;
