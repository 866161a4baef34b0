//! Names in the environment that look like settings of ours and are none: typing mistakes, and what somebody took for
//! the name.

use strsim::osa_distance;

use super::SECRETS;

/// All variables of ours that are not secrets; a test holds them against the documents.
pub(super) const VARIABLES: [&str; 32] = [
    "AAI_USER",
    "BACKUP_BUCKET",
    "BACKUP_BUCKET_PATH",
    "BACKUP_REMOTE",
    "CONTAINER_NAME",
    "COPY_REMOTE",
    "DESTINATION",
    "EXTRA_CA_FILE",
    "LOG_FORMAT",
    "LOG_LEVEL",
    "MAX_SNAPSHOTS",
    "OIDC_ACCOUNT",
    "OIDC_AUDIENCE",
    "OIDC_CLIENT_ID",
    "OIDC_DEVICE_ENDPOINT",
    "OIDC_FLOW",
    "OIDC_ISSUER",
    "OIDC_SCOPE",
    "QUOTA",
    "RESTIC_HOST",
    "RESTIC_REST_ANONYMOUS",
    "RESTIC_REST_APPEND_ONLY",
    "RESTIC_REST_PORT",
    "RESTIC_REST_USERNAME",
    "S3_BUCKET",
    "S3_ENDPOINT",
    "S3_REGION",
    "S3_ROLE",
    "STOP_GRACE",
    "STS_DURATION",
    "TOKEN_WARN_DAYS",
    "TZ",
];

/// Read by others, however near: restic's own (its manual, "Environment Variables"), oidc-agent's, the image's.
const OF_OTHERS: [&str; 22] = [
    "CLOUD_BACKUP_STARTED_BY",
    "CLOUD_BACKUP_USER",
    "OIDC_CONFIG_DIR",
    "OIDC_SOCK",
    "RESTIC_CACERT",
    "RESTIC_CACHE_DIR",
    "RESTIC_COMPRESSION",
    "RESTIC_FEATURES",
    "RESTIC_FROM_KEY_HINT",
    "RESTIC_FROM_PASSWORD",
    "RESTIC_FROM_PASSWORD_COMMAND",
    "RESTIC_FROM_PASSWORD_FILE",
    "RESTIC_FROM_REPOSITORY",
    "RESTIC_FROM_REPOSITORY_FILE",
    "RESTIC_KEY_HINT",
    "RESTIC_PACK_SIZE",
    "RESTIC_PASSWORD_COMMAND",
    "RESTIC_PROGRESS_FPS",
    "RESTIC_READ_CONCURRENCY",
    "RESTIC_REPOSITORY",
    "RESTIC_REPOSITORY_FILE",
    "RESTIC_TLS_CLIENT_CERT",
];

/// In a shorter name any other one is near: `TZ`.
const SHORTEST: usize = 5;
/// From this length on two slips of the hand are still the same name.
const LONG: usize = 9;
/// What people add to a name: `AAI_USERNAME`.
const ADDED: [&str; 3] = ["NAME", "S", "_"];

/// A variable that nothing reads, and the one that was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The name as it stands in the environment.
    pub name: String,
    /// The setting that it is near to.
    pub near: String,
}

/// Those of these names that nothing reads, each with the setting that it is nearest to.
pub fn unknown<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Unknown> {
    let settings = settings();
    names
        .into_iter()
        .filter(|name| !is_read(name, &settings))
        .filter_map(|name| {
            let near = nearest(name, &settings)?;
            Some(Unknown {
                name: name.to_owned(),
                near: near.to_owned(),
            })
        })
        .collect()
}

/// With the second name of each secret.
fn settings() -> Vec<String> {
    let of_files = SECRETS.iter().map(|name| format!("{name}_FILE"));
    let names = VARIABLES.iter().chain(&SECRETS);
    names.map(|&name| name.to_owned()).chain(of_files).collect()
}

fn is_read(name: &str, settings: &[String]) -> bool {
    settings.iter().any(|known| known == name)
        || OF_OTHERS.contains(&name)
        || ["RCLONE_", "AWS_"].iter().any(|of| name.starts_with(of))
}

fn nearest<'s>(name: &str, settings: &'s [String]) -> Option<&'s str> {
    let written = name.to_uppercase().replace('-', "_");
    let distance = |known: &&String| {
        if known.len() < SHORTEST {
            return None;
        }
        let most = if known.len() < LONG { 1 } else { 2 };
        let slips = osa_distance(&written, known);
        (slips <= most || is_longer(&written, known)).then_some(slips)
    };
    let near = settings.iter().filter_map(|known| {
        let distance = distance(&known)?;
        Some((distance, known.as_str()))
    });
    near.min().map(|(_, known)| known)
}

/// `AAI_USERNAME` for `AAI_USER`, `OIDC_AGENT_PASSWORD` for `OIDC_PASSWORD`: something was added, and the beginning is
/// ours.
fn is_longer(written: &str, known: &str) -> bool {
    let rest = written.strip_prefix(known);
    if rest.is_some_and(|rest| ADDED.contains(&rest)) {
        return true;
    }
    let (words, wanted): (Vec<&str>, Vec<&str>) =
        (written.split('_').collect(), known.split('_').collect());
    if wanted.len() < 2 || words.len() != wanted.len() + 1 || words[0] != wanted[0] {
        return false;
    }
    (1..words.len()).any(|added| {
        let others = words.iter().enumerate().filter(|(at, _)| *at != added);
        others.map(|(_, word)| word).eq(wanted.iter())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_is_told_with_what_was_meant() {
        for (name, near) in [
            ("BACKUP_BUKET", "BACKUP_BUCKET"),
            ("RESTIC_PASSWROD", "RESTIC_PASSWORD"),
            ("OIDC_PASWORD", "OIDC_PASSWORD"),
            ("BACKUP_CHECKURL", "BACKUP_CHECK_URL"),
            ("AAI_USERNAME", "AAI_USER"),
            ("AAI_USERS", "AAI_USER"),
            ("aai_user", "AAI_USER"),
            ("BACKUP-BUCKET", "BACKUP_BUCKET"),
            ("BACKUP_BUCKET_NAME", "BACKUP_BUCKET"),
            ("OIDC_AGENT_PASSWORD", "OIDC_PASSWORD"),
            ("RESTIC_PASSWORD_FIEL", "RESTIC_PASSWORD_FILE"),
            ("QOUTA", "QUOTA"),
        ] {
            let found = unknown([name]);
            let found: Vec<_> = found.iter().map(|found| found.near.as_str()).collect();
            assert_eq!(found, [near], "{name}");
        }
    }

    #[test]
    fn what_is_read_and_what_is_far_from_ours_is_no_finding() {
        let settings = settings();
        assert_eq!(unknown(settings.iter().map(String::as_str)), []);
        assert_eq!(unknown(OF_OTHERS), []);
        assert_eq!(
            unknown([
                "HOME",
                "PATH",
                "HOSTNAME",
                "TERM",
                "LANG",
                "USER",
                "TMPDIR",
                "T",
                "PWD",
                "SHLVL",
                "HTTPS_PROXY",
                "no_proxy",
                "SSL_CERT_FILE",
                "RCLONE_PASS",
                "AWS_ROLE_ARN",
                "RCLONE_CONFIG_PASS",
                "DEBIAN_FRONTEND",
                "NO_COLOR",
                "GODEBUG",
                "XDG_RUNTIME_DIR",
            ]),
            []
        );
    }
}
