//! A mark of `OIDC_PASSWORD`, by which the keeper tells whether it has the same one.
//!
//! The password leaves no process. Its mark goes over the keeper's socket, which only our user can open, in the asker's
//! question, and is kept nowhere. It is salted anew each time and slow to make (PBKDF2, RFC 8018), so that even who saw
//! one could try but few passwords by it.

use std::num::NonZeroU32;

use ring::pbkdf2::{self, PBKDF2_HMAC_SHA256};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What OWASP's Password Storage Cheat Sheet asks for with this function: some tenths of a second. Not zero, as the compiler sees.
const ROUNDS: NonZeroU32 = NonZeroU32::new(600_000).unwrap();

/// Tells one password from another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Mark {
    salt: [u8; 16],
    hash: [u8; 32],
}

impl Mark {
    /// A new one.
    pub(super) async fn of(password: SecretString) -> Option<Self> {
        let made = tokio::task::spawn_blocking(move || {
            let salt = Uuid::new_v4().into_bytes();
            let mut hash = [0; 32];
            let secret = password.expose_secret().as_bytes();
            pbkdf2::derive(PBKDF2_HMAC_SHA256, ROUNDS, &salt, secret, &mut hash);
            Self { salt, hash }
        });
        made.await.ok()
    }

    /// Whether it is one of this password.
    pub(super) async fn fits(self, password: SecretString) -> bool {
        let compared = tokio::task::spawn_blocking(move || {
            let secret = password.expose_secret().as_bytes();
            pbkdf2::verify(PBKDF2_HMAC_SHA256, ROUNDS, &self.salt, secret, &self.hash).is_ok()
        });
        compared.await.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_mark_is_of_its_password_alone_and_each_is_another() {
        let password = |text: &str| SecretString::from(text);
        let one = Mark::of(password("one")).await.unwrap();
        let again = Mark::of(password("one")).await.unwrap();
        assert_ne!((one.salt, one.hash), (again.salt, again.hash));
        assert!(one.clone().fits(password("one")).await);
        assert!(!one.fits(password("other")).await);
    }
}
