//! `rclone.conf`: the section that the guide documents, among whatever else the user keeps there.
//!
//! The form is that of rclone's documentation ("Config file"): sections, `key = value`, comments with `#` or `;`.
//! What is not ours is kept byte for byte. The guide calls the file `rclone.config`, which rclone does not read.

use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::error::{Error, Result};
use crate::settings::{Login, SECTION};

use super::ini::{self, header, lines};

/// rclone's own encryption of the file; whoever has its password configures it himself.
const ENCRYPTED: &[u8] = b"RCLONE_ENCRYPT_V";

/// What became of the section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It was there, as it should be.
    Unchanged,
    /// It was written, or corrected, in this file.
    Written(PathBuf),
    /// This file is encrypted by rclone and was left as it is; a stock rclone does not need the section.
    Encrypted(PathBuf),
}

/// Where rclone looks for it.
#[must_use]
pub fn path(home: &Path) -> PathBuf {
    home.join(".config/rclone/rclone.conf")
}

/// The file under the guide's name, if there is one: rclone does not read it.
#[must_use]
pub fn misnamed(home: &Path) -> Option<PathBuf> {
    Some(path(home).with_extension("config")).filter(|file| file.exists())
}

/// Writes the guide's section of this login into the file (mode 0600, its folder 0700): for the image.
///
/// Other sections, comments, and keys that the guide does not have are kept byte for byte.
pub fn write(home: &Path, login: &Login) -> Result<Written> {
    write_section(home, &documented(login))
}

/// The same for a host, where a stock rclone reads the file by itself: the section opens the storage by the profile of
/// [`super::profile`].
pub fn write_for_host(home: &Path, login: &Login) -> Result<Written> {
    write_section(home, &by_profile(login))
}

fn write_section(home: &Path, keys: &[(&'static str, String)]) -> Result<Written> {
    let path = path(home);
    let encrypted = |text: &[u8]| lines(text).any(|line| line.starts_with(ENCRYPTED));
    if fs::read(&path).is_ok_and(|text| encrypted(&text)) {
        return Ok(Written::Encrypted(path));
    }
    let written = ini::write(&path, SECTION, keys).map_err(|source| Error::Volume {
        path: path.clone(),
        source,
    })?;
    Ok(if written {
        Written::Written(path)
    } else {
        Written::Unchanged
    })
}

/// Whether the text has a section of this name.
#[must_use]
pub fn has_section(text: &[u8], section: &str) -> bool {
    lines(text).any(|line| header(line).as_deref() == Some(section))
}

/// The values of a section's keys.
#[must_use]
pub fn values(text: &[u8], section: &str) -> Vec<String> {
    let mut is_in = false;
    let mut values = Vec::new();
    for line in lines(text) {
        match header(line) {
            Some(name) => is_in = name == section,
            None if is_in => values.extend(ini::key(line).map(|(_, value)| value)),
            None => (),
        }
    }
    values
}

/// What the variables that make a section begin with, as rclone has it: `RCLONE_CONFIG_MY_NAS` for `my-nas`.
#[must_use]
pub fn variable(section: &str) -> String {
    format!("RCLONE_CONFIG_{}", section.to_uppercase().replace('-', "_"))
}

/// The guide's section. Of `env_auth` and the provider's name a stock rclone is told otherwise by its environment.
fn documented(login: &Login) -> [(&'static str, String); 8] {
    let text = str::to_owned;
    [
        ("type", text("s3")),
        ("provider", text("INFN Cloud")),
        ("account", login.account.clone()),
        ("oidc_agent", text("True")),
        ("endpoint", login.storage.endpoint.to_string()),
        ("role_name", login.storage.role.clone()),
        ("audience", login.audience.clone()),
        ("env_auth", text("false")),
    ]
}

/// What a stock rclone needs to get its credentials by itself.
fn by_profile(login: &Login) -> Vec<(&'static str, String)> {
    let storage = &login.storage;
    let section = [
        ("type", "s3"),
        ("provider", "Ceph"),
        ("env_auth", "true"),
        ("profile", SECTION),
        ("endpoint", storage.endpoint.as_str()),
    ];
    let region = storage.region.as_deref().map(|region| ("region", region));
    section
        .into_iter()
        .chain(region)
        .map(|(key, value)| (key, value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests;
