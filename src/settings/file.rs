//! The settings file of a host, `~/.config/cloud-backup/env`: the lines of `.env.example`, read where the environment
//! does not have them. In the image compose does that, and this file is not looked for.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Problem;
use crate::place::{Place, SETTINGS_FILE};

/// A variable as `std::env::vars_os()` gives it.
pub type Pair = (OsString, OsString);

/// The variables of the file of this user; none where there is no file, or where this is the image.
pub(super) fn of_user() -> Result<Vec<Pair>, Problem> {
    match (Place::here(), std::env::var_os("HOME")) {
        (Place::Host, Some(home)) => read(&Path::new(&home).join(SETTINGS_FILE)),
        _ => Ok(Vec::new()),
    }
}

/// The variables of this process; on a host those of its settings file beside them, as far as it can be read.
#[must_use]
pub fn variables() -> Vec<Pair> {
    let mut all = of_user().unwrap_or_default();
    all.extend(std::env::vars_os());
    all
}

fn read(file: &Path) -> Result<Vec<Pair>, Problem> {
    let problem = |message: String| Problem::new(file.display().to_string(), message);
    let mode = match std::fs::metadata(file) {
        Ok(meta) => meta.permissions().mode(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(problem(format!("cannot be read: {error}"))),
    };
    if mode & 0o077 != 0 {
        return Err(problem(format!(
            "can be read by others, and holds passwords: chmod 600 {}",
            file.display()
        )));
    }
    let lines = dotenvy::from_path_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match lines {
        Ok(pairs) => Ok(pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect()),
        Err(dotenvy::Error::Io(error)) => Err(problem(format!("cannot be read: {error}"))),
        // The error itself would show the line, and with it a password.
        Err(_) => Err(problem(
            "has a line that is not NAME=value: write a value that contains $, # or spaces between single quotes"
                .to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str, mode: u32) -> (tempfile::TempDir, Result<Vec<Pair>, Problem>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("env");
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let end = read(&file);
        (folder, end)
    }

    #[test]
    fn its_lines_are_those_of_env_example() {
        let text = "# mine\nAAI_USER=mrossi\nOIDC_PASSWORD='pa$$ #1'\nRESTIC_PASSWORD=\nexport TZ=\"Europe/Rome\"\n";
        let pairs = file(text, 0o600).1.unwrap();
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| (name.to_str().unwrap(), value.to_str().unwrap()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("AAI_USER", "mrossi"),
                ("OIDC_PASSWORD", "pa$$ #1"),
                ("RESTIC_PASSWORD", ""),
                ("TZ", "Europe/Rome"),
            ]
        );
    }

    #[test]
    fn the_example_itself_can_be_read() {
        assert!(file(include_str!("../../.env.example"), 0o600).1.is_ok());
    }

    #[test]
    fn one_that_others_may_read_is_refused() {
        for mode in [0o640, 0o604] {
            let problem = file("OIDC_PASSWORD=planted", mode).1.unwrap_err();
            assert!(problem.to_string().contains("chmod 600 "), "{problem}");
        }
    }

    #[test]
    fn a_wrong_line_is_told_and_not_shown() {
        let problem = file("OIDC_PASSWORD=planted word", 0o600).1.unwrap_err();
        let text = problem.to_string();
        assert!(
            text.contains("single quotes") && !text.contains("planted"),
            "{text}"
        );
    }

    #[test]
    fn no_file_is_no_problem() {
        assert_eq!(read(Path::new("/nowhere/env")), Ok(Vec::new()));
    }
}
