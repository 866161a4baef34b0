//! Where the repository is stored: any remote path of rclone, by default the user's bucket at INFN Cloud.

use std::fmt;
use std::path::{Path, PathBuf};

use super::Problem;

/// The section of `rclone.conf` that the guide documents.
const DEFAULT_SECTION: &str = "infncloud";

/// A remote path for rclone, always with a `/` at its end.
///
/// Without it a failure at start-up makes rclone 1.74 and later serve the parent directory for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote(String);

impl Remote {
    /// The path as rclone takes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bucket: what the path begins with, where it is one of an object storage; `None` for a plain directory.
    #[must_use]
    pub fn bucket(&self) -> Option<&str> {
        self.section()?;
        let (_, path) = self.0.split_once(':')?;
        let bucket = path.trim_start_matches('/').split('/').next()?;
        (!bucket.is_empty()).then_some(bucket)
    }

    /// The directory, where it is a plain one.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        let path = self.0.strip_prefix(":local:").unwrap_or(&self.0);
        path.starts_with('/').then(|| Path::new(path))
    }

    /// Whether one of the two lies in the other, or they are the same place, as far as their spelling and, of directories,
    /// the links on the way tell.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let ((storage, one), (of_other, another)) = (self.parts(), other.parts());
        storage == of_other
            && one
                .iter()
                .zip(&another)
                .all(|(one, another)| one == another)
    }

    /// The storage, with `/` at its end where the path begins at its root, and the names of the path.
    fn parts(&self) -> (String, Vec<String>) {
        let (section, path) = if let Some(directory) = self.directory() {
            ("", resolved(directory).to_string_lossy().into_owned())
        } else {
            let (section, path) = self.0.rsplit_once(':').unwrap_or(("", &self.0));
            (section, path.to_owned())
        };
        // The paths of an object storage begin at its root either way; those of others may begin at a home folder.
        let is_absolute = path.starts_with('/') || section == DEFAULT_SECTION;
        let names = path.split('/').filter(|name| !matches!(*name, "" | "."));
        let root = if is_absolute { "/" } else { "" };
        let names = names.map(str::to_owned).collect();
        (format!("{section}:{root}"), names)
    }

    /// The section of `rclone.conf` that the remote needs; `None` for a plain directory or a remote made on the fly.
    #[must_use]
    pub fn section(&self) -> Option<&str> {
        if self.0.starts_with('/') || self.0.starts_with(':') {
            return None;
        }
        self.0.split(':').next()
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What names the user's own bucket.
pub(super) struct Account<'a> {
    /// Whether somebody has to log in.
    pub needs_person: bool,
    pub user: Option<&'a str>,
    pub password: bool,
    /// The bucket's name, where that is not the user's.
    pub name: Option<&'a str>,
    /// The path in it.
    pub bucket: Option<&'a str>,
    pub bucket_path: Option<&'a str>,
}

pub(super) fn parse(
    explicit: Option<&str>,
    account: &Account,
    problems: &mut Vec<Problem>,
) -> Option<Remote> {
    // The two names of the bucket path are checked in any case: a contradiction is a mistake to mend.
    let bucket = bucket(account, problems);
    if let Some(text) = explicit {
        return explicit_remote("BACKUP_REMOTE", text.trim(), problems);
    }
    if account.user.is_none() && account.needs_person {
        problems.push(Problem::new(
            "AAI_USER",
            "is missing: your INFN AAI user name, which is also your bucket's name",
        ));
    }
    if account.user.or(account.name).is_none() && !account.needs_person {
        problems.push(Problem::new(
            "S3_BUCKET",
            "is missing: the name of the bucket that the client of OIDC_CLIENT_ID may use",
        ));
    }
    if !account.password && account.needs_person {
        problems.push(Problem::new(
            "OIDC_PASSWORD",
            "is missing: choose the password that protects the login",
        ));
    }
    if account.bucket.or(account.bucket_path).is_none() {
        problems.push(Problem::new(
            "BACKUP_BUCKET",
            "is missing: the directory in your bucket, such as backup/VM1",
        ));
    }
    let name = name_of_bucket(account, problems);
    Some(Remote(format!("{DEFAULT_SECTION}:/{}/{}/", name?, bucket?)))
}

/// `S3_BUCKET`, else the user's own.
fn name_of_bucket<'a>(account: &Account<'a>, problems: &mut Vec<Problem>) -> Option<&'a str> {
    let (variable, name, what) = match (account.name, account.user) {
        (Some(name), _) => (
            "S3_BUCKET",
            name.trim(),
            "the name of a bucket, without /: ",
        ),
        (None, Some(user)) => (
            "AAI_USER",
            user.trim(),
            "a user name, for a bucket has its name: ",
        ),
        (None, None) => return None,
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.starts_with(['.', '-']) || !name.chars().all(is_plain) {
        problems.push(Problem::new(
            variable,
            format!("must be {what}letters, digits, dots, hyphens and underscores"),
        ));
        return None;
    }
    Some(name)
}

fn bucket(account: &Account, problems: &mut Vec<Problem>) -> Option<String> {
    let (variable, text) = match (account.bucket, account.bucket_path) {
        (Some(one), Some(other)) if one.trim_matches('/') != other.trim_matches('/') => {
            problems.push(Problem::new(
                "BACKUP_BUCKET",
                "and BACKUP_BUCKET_PATH differ: they are two names of one setting",
            ));
            return None;
        }
        (Some(bucket), _) => ("BACKUP_BUCKET", bucket),
        (None, Some(path)) => ("BACKUP_BUCKET_PATH", path),
        (None, None) => return None,
    };
    let path = text.trim().trim_matches('/');
    if path.is_empty() || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        problems.push(Problem::new(
            variable,
            "must be a path such as backup/VM1, without empty parts, . and ..",
        ));
        return None;
    }
    Some(path.to_owned())
}

/// A remote path that a variable names.
pub(super) fn explicit_remote(
    variable: &'static str,
    text: &str,
    problems: &mut Vec<Problem>,
) -> Option<Remote> {
    let named = text
        .split_once(':')
        .is_some_and(|(name, _)| !name.starts_with('-') && !name.contains('/'));
    if !text.starts_with('/') && !named {
        problems.push(Problem::new(
            variable,
            "must be an absolute directory such as /home/user/storage or a remote of rclone such as name:path",
        ));
        return None;
    }
    if Path::new(text)
        .components()
        .any(|part| part == std::path::Component::ParentDir)
    {
        problems.push(Problem::new(variable, "must not contain .."));
        return None;
    }
    if holds_secret(text) {
        problems.push(Problem::new(
            variable,
            "holds a secret, which every process list would show: set it by RCLONE_CONFIG_<NAME>_<KEY> variables, and \
             use NAME:path here",
        ));
        return None;
    }
    // `name:` is the remote's root: a slash there would make it another path for some backends.
    let complete = text.ends_with('/') || text.ends_with(':');
    Some(Remote(if complete {
        text.to_owned()
    } else {
        format!("{text}/")
    }))
}

/// A connection string of rclone (`:s3,secret_access_key=...:path`) may carry what belongs into a section.
fn holds_secret(remote: &str) -> bool {
    remote
        .split(',')
        .skip(1)
        .filter_map(|parameter| parameter.split_once('='))
        .any(|(name, _)| {
            ["pass", "secret", "token", "key"]
                .iter()
                .any(|mark| name.contains(mark))
        })
}
/// The directory without links, as far as it is there already.
fn resolved(directory: &Path) -> PathBuf {
    let found = directory.ancestors().find_map(|known| {
        let rest = directory.strip_prefix(known).ok()?;
        Some(known.canonicalize().ok()?.join(rest))
    });
    found.unwrap_or_else(|| directory.to_owned())
}
