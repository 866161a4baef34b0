//! Which storage a probe was about, and what to look at where it fails: the section of rclone, a directory, or the login.
//!
//! What failed is read from rclone's last line, whose texts are those of its backends (1.75): a hint, no more.

use super::config;
use crate::settings::{Destination, Settings};

/// A storage, as far as advice depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    kind: Kind,
    /// Which variable names it.
    variable: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// That of a person's login.
    Login,
    /// That of a service client.
    Service,
    /// A directory in the container.
    Directory,
    /// One of a section of `rclone.conf`, or of the environment.
    Section { name: String, in_environment: bool },
    /// One that the remote itself tells all of.
    OnTheFly,
}

/// What a failure looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Unreachable,
    Obscured,
    HostKey,
    Bucket,
    Refused,
    Unknown,
}

impl Place {
    /// One for tests of what holds it.
    #[cfg(test)]
    pub(crate) fn any() -> Self {
        Self {
            kind: Kind::OnTheFly,
            variable: "BACKUP_REMOTE",
        }
    }

    /// That of these settings.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let kind = match (&settings.login, settings.remote.section()) {
            (Some(login), _) if login.service.is_some() => Kind::Service,
            (Some(_), _) => Kind::Login,
            (None, Some(section)) => Kind::Section {
                name: section.to_owned(),
                in_environment: settings.environment.defines_section(section),
            },
            (None, None) if settings.remote.as_str().starts_with('/') => Kind::Directory,
            (None, None) => Kind::OnTheFly,
        };
        let variable = match settings.destination {
            Destination::First => "BACKUP_REMOTE",
            Destination::Copy => "COPY_REMOTE",
        };
        Self { kind, variable }
    }

    /// What to do about a probe that failed with these words of rclone's, and how to try again.
    #[must_use]
    pub fn remedy(&self, detail: &str) -> String {
        let check = self.advice(detail);
        format!("{check}; then: docker compose run --rm cloud-backup config")
    }

    /// The same without the try.
    #[must_use]
    pub fn advice(&self, detail: &str) -> String {
        match &self.kind {
            Kind::Login => {
                "The login works and is saved. Check AAI_USER and BACKUP_BUCKET, and that your account may use the storage"
                    .to_owned()
            }
            Kind::Service => {
                "The service client gets tokens. Check S3_BUCKET and BACKUP_BUCKET, and that the client may use the bucket"
                    .to_owned()
            }
            Kind::Directory => format!(
                "The directory of {} must lie in a volume or a mount of compose.yaml, and be writable for uid 1000 (on the \
                 VM: chown -R 1000:1000)",
                self.variable
            ),
            Kind::OnTheFly => format!("Check {}", self.variable),
            Kind::Section { name, .. } => self.of_section(name, Cause::of(detail)),
        }
    }

    fn of_section(&self, name: &str, cause: Cause) -> String {
        let variable = self.variable;
        let place = self.section();
        match cause {
            Cause::Unreachable => {
                format!("Nobody answers there. Check the address and the port in {place}")
            }
            Cause::Obscured => format!(
                "rclone takes a password as this prints it: docker compose run --rm -T cloud-backup rclone obscure -. \
                 Correct it in {place}"
            ),
            Cause::HostKey => format!(
                "It is another server than known_hosts has, or one that it does not have yet. Check known_hosts_file in {place}"
            ),
            Cause::Bucket => format!(
                "The bucket is not there, and this user may not make it. Make it, or correct {variable}={name}:BUCKET/PATH"
            ),
            Cause::Refused => format!(
                "Check the user and the password or key in {place}, and that they may write to the path of {variable}"
            ),
            Cause::Unknown => format!("Check {place}, and the path in {variable}"),
        }
    }

    /// Where the section stands, and how to change it.
    fn section(&self) -> String {
        match &self.kind {
            Kind::Section {
                name,
                in_environment: true,
            } => {
                let prefix = config::variable(name);
                format!("the section [{name}], which the {prefix}_... lines of .env make")
            }
            Kind::Section { name, .. } => format!(
                "the section [{name}] of rclone.conf (docker compose run --rm cloud-backup rclone config)"
            ),
            _ => String::new(),
        }
    }
}

impl Cause {
    /// The first that fits: `403` may be the end of any of them.
    fn of(detail: &str) -> Self {
        let detail = detail.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| detail.contains(word));
        if has(&["is it obscured"]) {
            Self::Obscured
        } else if has(&["knownhosts", "host key"]) {
            Self::HostKey
        } else if has(&[
            "connection refused",
            "no such host",
            "i/o timeout",
            "no route to host",
            "network is unreachable",
            "no end within",
            "server misbehaving",
        ]) {
            Self::Unreachable
        } else if has(&["nosuchbucket", "toomanybuckets", "bucketalreadyexists"]) {
            Self::Bucket
        } else if has(&[
            "unable to authenticate",
            "401",
            "403",
            "accessdenied",
            "invalidaccesskeyid",
            "signaturedoesnotmatch",
            "permission denied",
        ]) {
            Self::Refused
        } else {
            Self::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rclone_says_is_understood() {
        for (detail, cause) in [
            (
                "Failed to create file system for \"nas:x\": couldn't connect SSH: ssh: handshake failed: ssh: unable to \
                 authenticate, attempted methods [none password], no supported methods remain",
                Cause::Refused,
            ),
            (
                "couldn't connect SSH: dial tcp 10.0.0.1:22: connect: connection refused",
                Cause::Unreachable,
            ),
            (
                "couldn't connect SSH: ssh: handshake failed: knownhosts: key mismatch",
                Cause::HostKey,
            ),
            (
                "couldn't decrypt password: base64 decode failed when revealing password - is it obscured?",
                Cause::Obscured,
            ),
            ("read metadata failed: Unauthorized: 401", Cause::Refused),
            (
                "operation error S3: CreateBucket, StatusCode: 400, api error TooManyBuckets: UnknownError",
                Cause::Bucket,
            ),
            ("out of luck", Cause::Unknown),
        ] {
            assert_eq!(Cause::of(detail), cause, "{detail}");
        }
    }

    #[test]
    fn the_section_the_variable_and_the_next_step_are_named() {
        let place = |in_environment| Place {
            kind: Kind::Section {
                name: "my-nas".to_owned(),
                in_environment,
            },
            variable: "COPY_REMOTE",
        };
        for (in_environment, named) in [
            (
                true,
                "the section [my-nas], which the RCLONE_CONFIG_MY_NAS_... lines of .env make",
            ),
            (
                false,
                "the section [my-nas] of rclone.conf (docker compose run --rm cloud-backup rclone config)",
            ),
        ] {
            let remedy = place(in_environment).remedy("out of luck");
            assert_eq!(
                remedy,
                format!(
                    "Check {named}, and the path in COPY_REMOTE; then: docker compose run --rm cloud-backup config"
                )
            );
        }
    }
}
