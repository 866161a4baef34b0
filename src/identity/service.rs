//! The service client of `OIDC_FLOW=client_credentials`: it gets tokens for itself, and there is nothing to keep.

use secrecy::SecretString;

use super::provider::Provider;
use crate::settings::{Client, Login};
use crate::trouble::Trouble;
use crate::trust::Trust;

/// The client and where it gets its tokens.
#[derive(Debug, Clone)]
pub struct Service {
    client: Client,
    issuer: String,
    scope: String,
    audience: String,
    trust: Trust,
}

impl Service {
    /// That of these settings; `None` where a person logs in.
    #[must_use]
    pub fn of(login: &Login, trust: &Trust) -> Option<Self> {
        Some(Self {
            client: login.service.clone()?,
            issuer: login.issuer.clone(),
            scope: login.scope.clone(),
            audience: login.audience.clone(),
            trust: trust.clone(),
        })
    }

    /// The same for other tokens than those for the storage.
    #[must_use]
    pub fn asking_for(self, scope: Option<String>, audience: Option<String>) -> Self {
        Self {
            scope: scope.unwrap_or(self.scope),
            audience: audience.unwrap_or(self.audience),
            ..self
        }
    }

    /// A new token, within 30 s: the discovery document is read each time.
    pub async fn token(&self) -> Result<SecretString, Trouble> {
        let provider = Provider::discover(&self.issuer, None, &self.trust).await?;
        provider
            .client_credentials(&self.client, &self.scope, &self.audience)
            .await
    }
}
