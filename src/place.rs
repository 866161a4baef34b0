//! Where the program runs: in its image, or as a plain binary on a host ([docs/manual.md]).
//!
//! On a host there is no compose project: the lines to type are other ones, the settings may stand in a file of the
//! user's own, and a stock rclone is to open the storage without us beside it.
//!
//! [docs/manual.md]: ../docs/manual.md

use std::borrow::Cow;
use std::sync::OnceLock;

use crate::privileges::USER_VARIABLE;

/// The settings file of a host, below the home folder: what `.env` is to the image.
pub const SETTINGS_FILE: &str = ".config/cloud-backup/env";

/// What is said of the image, and of a host; nothing runs there that would have to be started anew.
const SAID_OF_A_HOST: [(&str, &str); 7] = [
    ("docker compose run --rm cloud-backup ", "cloud-backup "),
    ("docker compose run --rm -T cloud-backup ", "cloud-backup "),
    (", then: docker compose up -d --force-recreate", ""),
    ("; then: docker compose up -d --force-recreate", ""),
    (" If this stays: docker compose restart cloud-backup", ""),
    (" If this stays: docker compose logs cloud-backup", ""),
    ("docker compose ps --all", "pgrep -a cloud-backup"),
];

/// Found once, at the beginning of the process.
static HERE: OnceLock<Place> = OnceLock::new();

/// Where the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a container of the image, whose Dockerfile sets `CLOUD_BACKUP_USER`.
    Image,
    /// Anywhere else.
    Host,
}

impl Place {
    /// Finds out, by the environment of this process; a second call changes nothing.
    pub fn find() {
        let place = match std::env::var_os(USER_VARIABLE) {
            Some(user) if !user.is_empty() => Self::Image,
            _ => Self::Host,
        };
        // An error is that it was found already.
        let _ = HERE.set(place);
    }

    /// Where this process runs; the image where [`Self::find`] was not called.
    #[must_use]
    pub fn here() -> Self {
        HERE.get().copied().unwrap_or(Self::Image)
    }

    /// A text for people with the lines to type as they are typed in this place.
    #[must_use]
    pub fn typed(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Image => Cow::Borrowed(text),
            Self::Host => Cow::Owned(
                SAID_OF_A_HOST
                    .iter()
                    .fold(text.to_owned(), |text, (image, host)| {
                        text.replace(image, host)
                    })
                    .replace("the .env file", &format!("~/{SETTINGS_FILE}"))
                    .replace(" .env", &format!(" ~/{SETTINGS_FILE}")),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::trouble::Trouble;

    #[test]
    fn on_a_host_nobody_is_told_to_type_what_compose_takes() {
        let typed = |error: Error| {
            let remedy = error.remedy().unwrap();
            Place::Host.typed(&remedy).into_owned()
        };
        assert_eq!(
            typed(Error::Login(Trouble::NoLogin)),
            "Log in: cloud-backup config"
        );
        let obscure = "docker compose run --rm -T cloud-backup rclone obscure -. Correct .env, then: docker compose up -d \
                       --force-recreate";
        assert_eq!(
            Place::Host.typed(obscure),
            "cloud-backup rclone obscure -. Correct ~/.config/cloud-backup/env"
        );
        assert!(
            typed(Error::Settings(Vec::new()))
                .starts_with("Correct ~/.config/cloud-backup/env (or ")
        );
        let text = "docker compose run --rm cloud-backup reauth";
        assert_eq!(Place::Image.typed(text), text);
    }
}
