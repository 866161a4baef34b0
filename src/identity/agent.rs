//! oidc-agent: its process, the account that it keeps, and the tokens that it gives.
