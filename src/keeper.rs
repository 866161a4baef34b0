//! The keeper of the login: of all processes on a volume the one that runs oidc-agent and renews the credentials.
