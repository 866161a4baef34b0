//! A section in a file of the user's own, written by the form that rclone and the AWS tools share: sections, `key =
//! value`, comments with `#` or `;`. What is not ours is kept byte for byte.

use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use fs_err as fs;

use crate::volume::{private_folder, write_whole};

/// Writes these keys into the section of the file (mode 0600, its folder 0700); whether its text has changed.
///
/// Other sections, comments and other keys are kept byte for byte. A file that is a link stays one.
pub(super) fn write(
    path: &Path,
    section: &str,
    keys: &[(&'static str, String)],
) -> io::Result<bool> {
    let present = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    private_folder(path.parent().unwrap_or(Path::new(".")))?;
    let wanted = with_section(&present, section, keys);
    if wanted == present {
        fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        return Ok(false);
    }
    let file = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    write_whole(&file, &wanted)?;
    Ok(true)
}

/// The text with these keys in the section; where it stands more than once, in each, as rclone takes the last.
fn with_section(text: &[u8], section: &str, keys: &[(&'static str, String)]) -> Vec<u8> {
    let mut missing: Vec<_> = keys.iter().collect();
    let mut result: Vec<u8> = Vec::with_capacity(text.len() + 300);
    let mut inside = false;
    // Behind the last line of the section that is no comment: one at its end may belong to the next section.
    let mut end = None;
    for line in lines(text) {
        if let Some(name) = header(line) {
            inside = name == section;
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
        insert(&mut result, at, &format!("{gap}[{section}]\n{added}"));
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
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
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
pub(super) fn header(line: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(line);
    // A byte order mark may stand before the first one.
    let text = text.trim_start_matches('\u{feff}').trim();
    let name = text.strip_prefix('[')?.strip_suffix(']')?;
    Some(name.trim().to_owned())
}

/// The name and the value of `name = value`, which may also stand with a colon.
pub(super) fn key(line: &[u8]) -> Option<(String, String)> {
    let text = String::from_utf8_lossy(line);
    let text = text.trim();
    if text.starts_with(['#', ';', '[']) {
        return None;
    }
    let (name, value) = text.split_once(['=', ':'])?;
    Some((name.trim().to_owned(), value.trim().to_owned()))
}
