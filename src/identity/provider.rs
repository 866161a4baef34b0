//! The OpenID provider, asked directly: discovery, registration, the device flow, and what it knows of a token.
