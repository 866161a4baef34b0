//! Who the user is to the provider: the login in the volume, kept and used by oidc-agent.
//!
//! The provider is asked directly only to log in and to look at a login (`provider`); tokens come from the one
//! oidc-agent of the volume (`agent`). A client that needs no person asks for its own (`service`).

pub mod agent;
pub mod expiry;
pub mod provider;
pub mod refusal;
pub mod service;
pub mod store;
