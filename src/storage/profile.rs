//! The profile of the AWS tools by which a stock rclone on a host gets the credentials of the login.
//!
//! The form is that of "Sourcing credentials with an external process" in the reference guide of the AWS SDKs: they run
//! `credential_process` whenever credentials are missing or have ended. Seen with rclone 1.60 (SDK v1) and 1.75 (v2).

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::settings::SECTION;

use super::ini;

/// Where the AWS tools look for it.
#[must_use]
pub fn path(home: &Path) -> PathBuf {
    home.join(".aws/config")
}

/// Writes the profile that runs `program credential-process`; gives the file. Other profiles are kept byte for byte.
pub fn write(home: &Path, program: &Path) -> Result<PathBuf> {
    let path = path(home);
    let line = format!("{} credential-process", quoted(program));
    let section = format!("profile {SECTION}");
    match ini::write(&path, &section, &[("credential_process", line)]) {
        Ok(_) => Ok(path),
        Err(source) => Err(Error::Volume { path, source }),
    }
}

/// As the AWS tools split it: a path with spaces stands between quotation marks.
fn quoted(program: &Path) -> String {
    let program = program.to_string_lossy();
    if program.contains(char::is_whitespace) {
        format!("\"{program}\"")
    } else {
        program.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_written_beside_others_and_only_where_it_differs() {
        let home = tempfile::tempdir().unwrap();
        let file = path(home.path());
        std::fs::create_dir(file.parent().unwrap()).unwrap();
        let others =
            "[default]\ncredential_process = /opt/other\ns3 =\n  max_concurrent_requests = 20\n";
        std::fs::write(&file, others).unwrap();
        let text = |program: &str| {
            write(home.path(), Path::new(program)).unwrap();
            std::fs::read_to_string(&file).unwrap()
        };
        let ours = |program: &str| {
            format!(
                "{others}\n[profile infncloud]\ncredential_process = {program} credential-process\n"
            )
        };
        let first = text("/usr/local/bin/cloud-backup");
        assert_eq!(first, ours("/usr/local/bin/cloud-backup"));
        assert_eq!(text("/usr/local/bin/cloud-backup"), first);
        assert_eq!(
            text("/my bin/cloud-backup"),
            ours("\"/my bin/cloud-backup\"")
        );
    }

    #[test]
    fn a_file_that_is_a_link_stays_one() {
        let home = tempfile::tempdir().unwrap();
        let file = path(home.path());
        std::fs::create_dir(file.parent().unwrap()).unwrap();
        let real = home.path().join("dotfiles-aws");
        std::fs::write(&real, "").unwrap();
        std::os::unix::fs::symlink(&real, &file).unwrap();
        write(home.path(), Path::new("/bin/cloud-backup")).unwrap();
        assert!(file.is_symlink());
        let text = std::fs::read_to_string(real).unwrap();
        assert!(text.contains("[profile infncloud]"), "{text}");
    }
}
