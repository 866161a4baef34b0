//! `rclone.conf`: the section that the guide documents, among whatever else the user keeps there.
//!
//! The form is that of rclone's documentation ("Config file"): sections, `key = value`, comments with `#` or `;`.
//! What is not ours is kept byte for byte. The guide calls the file `rclone.config`, which rclone does not read.

use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::error::{Error, Result};
use crate::settings::{Login, SECTION};
use crate::volume::{private_folder, write_whole};

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

/// Writes the section of this login into the file (mode 0600, its folder 0700).
///
/// Other sections, comments, and keys that the guide does not have are kept byte for byte.
pub fn write(home: &Path, login: &Login) -> Result<Written> {
    let path = path(home);
    let cannot = |source| Error::Volume {
        path: path.clone(),
        source,
    };
    let present = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(cannot(error)),
    };
    if lines(&present).any(|line| line.starts_with(ENCRYPTED)) {
        return Ok(Written::Encrypted(path));
    }
    private_folder(path.parent().unwrap_or(home)).map_err(cannot)?;
    let wanted = with_section(&present, &keys(login));
    if wanted == present {
        let private = std::fs::Permissions::from_mode(0o600);
        fs::set_permissions(&path, private).map_err(cannot)?;
        return Ok(Written::Unchanged);
    }
    write_whole(&path, &wanted).map_err(cannot)?;
    Ok(Written::Written(path))
}

/// Whether the text has a section of this name.
#[must_use]
pub fn has_section(text: &[u8], section: &str) -> bool {
    lines(text).any(|line| header(line).as_deref() == Some(section))
}

/// What the variables that make a section begin with, as rclone has it: `RCLONE_CONFIG_MY_NAS` for `my-nas`.
#[must_use]
pub fn variable(section: &str) -> String {
    format!("RCLONE_CONFIG_{}", section.to_uppercase().replace('-', "_"))
}

/// The guide's section. Of `env_auth` and the provider's name a stock rclone is told otherwise by its environment.
fn keys(login: &Login) -> [(&'static str, String); 8] {
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

/// The text with these keys in the section; where it stands more than once, in each, as rclone takes the last.
fn with_section(text: &[u8], keys: &[(&'static str, String)]) -> Vec<u8> {
    let mut missing: Vec<_> = keys.iter().collect();
    let mut result: Vec<u8> = Vec::with_capacity(text.len() + 300);
    let mut inside = false;
    // Behind the last line of the section that is no comment: one at its end may belong to the next section.
    let mut end = None;
    for line in lines(text) {
        if let Some(name) = header(line) {
            inside = name == SECTION;
        }
        let known = key(line)
            .filter(|_| inside)
            .and_then(|(name, value)| Some((keys.iter().find(|(key, _)| *key == name)?, value)));
        match known {
            Some(((name, wanted), ref value)) if value != wanted => {
                result.extend_from_slice(format!("{name} = {wanted}").as_bytes());
                result.extend_from_slice(ending(line));
            }
            _ => result.extend_from_slice(line),
        }
        if let Some(((name, _), _)) = known {
            missing.retain(|(key, _)| key != name);
        }
        if inside && (header(line).is_some() || key(line).is_some()) {
            end = Some(result.len());
        }
    }
    if missing.is_empty() {
        return result;
    }
    let mut added = String::new();
    for (name, value) in missing {
        // Writing to a String cannot fail.
        let _ = writeln!(added, "{name} = {value}");
    }
    if let Some(at) = end {
        insert(&mut result, at, &added);
    } else {
        let gap = if result.is_empty() { "" } else { "\n" };
        let at = result.len();
        insert(&mut result, at, &format!("{gap}[{SECTION}]\n{added}"));
    }
    result
}

/// Puts text on lines of its own.
fn insert(result: &mut Vec<u8>, at: usize, text: &str) {
    let begun = at > 0 && result[at - 1] != b'\n';
    let text = if begun {
        format!("\n{text}")
    } else {
        text.to_owned()
    };
    result.splice(at..at, text.into_bytes());
}

/// The lines with their endings.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n')
}

fn ending(line: &[u8]) -> &[u8] {
    let length = if line.ends_with(b"\r\n") {
        2
    } else {
        usize::from(line.ends_with(b"\n"))
    };
    &line[line.len() - length..]
}

/// The name in `[name]`.
fn header(line: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(line);
    // A byte order mark may stand before the first one.
    let text = text.trim_start_matches('\u{feff}').trim();
    let name = text.strip_prefix('[')?.strip_suffix(']')?;
    Some(name.trim().to_owned())
}

/// The name and the value of `name = value`, which may also stand with a colon.
fn key(line: &[u8]) -> Option<(String, String)> {
    let text = String::from_utf8_lossy(line);
    let text = text.trim();
    if text.starts_with(['#', ';', '[']) {
        return None;
    }
    let (name, value) = text.split_once(['=', ':'])?;
    Some((name.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests;
