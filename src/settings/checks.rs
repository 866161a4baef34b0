//! Where each job reports. These settings stand for themselves: where the others are wrong, somebody must be told.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::report::CheckUrl;

use super::{Problem, read_secret_files, utf8_pairs};

/// The Healthchecks URL of each job, where there is one.
#[derive(Debug, Clone, Default)]
pub struct Checks {
    /// `BACKUP_CHECK_URL`
    pub backup: Option<CheckUrl>,
    /// `COPY_CHECK_URL`
    pub copy: Option<CheckUrl>,
    /// `FORGET_CHECK_URL`
    pub forget: Option<CheckUrl>,
    /// `VERIFY_CHECK_URL`
    pub verify: Option<CheckUrl>,
    /// `OIDC_TOKEN_CHECK_URL`
    pub token: Option<CheckUrl>,
    /// `RESTIC_CHECK_URL`, for other commands of restic that are run as jobs
    pub restic: Option<CheckUrl>,
}

impl Checks {
    /// The checks alone: where the other settings are wrong, somebody must still be told.
    #[must_use]
    pub fn from_vars(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self::read(vars).0
    }

    /// The same, and why some of them are not used.
    #[must_use]
    pub fn read(vars: impl IntoIterator<Item = (OsString, OsString)>) -> (Self, Vec<Problem>) {
        let mut warnings = Vec::new();
        let mut vars = utf8_pairs(vars, &mut warnings);
        read_secret_files(&mut vars, &mut warnings);
        let checks = Self::parse(&vars, &mut warnings);
        (checks, warnings)
    }

    /// All that are set.
    pub fn all(&self) -> impl Iterator<Item = &CheckUrl> {
        [
            &self.backup,
            &self.copy,
            &self.forget,
            &self.verify,
            &self.token,
            &self.restic,
        ]
        .into_iter()
        .flatten()
    }

    pub(super) fn parse(vars: &BTreeMap<String, String>, warnings: &mut Vec<Problem>) -> Self {
        let mut check =
            |variable| parse_check(variable, vars.get(variable).map(String::as_str), warnings);
        Self {
            backup: check("BACKUP_CHECK_URL"),
            copy: check("COPY_CHECK_URL"),
            forget: check("FORGET_CHECK_URL"),
            verify: check("VERIFY_CHECK_URL"),
            token: check("OIDC_TOKEN_CHECK_URL"),
            restic: check("RESTIC_CHECK_URL"),
        }
    }
}

/// A wrong check URL is a warning: a failing report never fails a backup.
fn parse_check(
    variable: &'static str,
    value: Option<&str>,
    warnings: &mut Vec<Problem>,
) -> Option<CheckUrl> {
    let value = value.map(str::trim).filter(|value| !value.is_empty())?;
    match CheckUrl::parse(variable, value) {
        Ok(url) => Some(url),
        Err(error) => {
            warnings.push(Problem::new(
                variable,
                format!("is not used, nobody is told of this job: {error}"),
            ));
            None
        }
    }
}
