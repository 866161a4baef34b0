//! The section of the guide in files that users have.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::settings::Settings;

const DOCUMENTED: &str = "[infncloud]
type = s3
provider = INFN Cloud
account = infncloud
oidc_agent = True
endpoint = https://rgw.cloud.infn.it/
role_name = IAMaccess
audience = object
env_auth = false
";

fn login(vars: &[(&str, &str)]) -> Login {
    let documented = [
        ("AAI_USER", "jdoe"),
        ("OIDC_PASSWORD", "planted-oidc"),
        ("BACKUP_BUCKET", "backup/VM1"),
        ("RESTIC_PASSWORD", "planted-restic"),
    ];
    let vars = documented.iter().chain(vars);
    Settings::from_vars(vars.map(|(name, value)| (name.into(), value.into())))
        .unwrap()
        .login
        .unwrap()
}

/// What becomes of a file with this text.
#[track_caller]
fn rewritten(text: &str, vars: &[(&str, &str)]) -> String {
    let home = tempfile::tempdir().unwrap();
    let file = path(home.path());
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, text).unwrap();
    let login = login(vars);
    let first = write(home.path(), &login).unwrap();
    let result = std::fs::read_to_string(&file).unwrap();
    let expected = if result == text {
        Written::Unchanged
    } else {
        Written::Written(file.clone())
    };
    assert_eq!(first, expected);
    assert_eq!(write(home.path(), &login).unwrap(), Written::Unchanged);
    result
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_section_is_the_one_of_the_guide() {
    let home = tempfile::tempdir().unwrap();
    let written = write(home.path(), &login(&[])).unwrap();
    let file = home.path().join(".config/rclone/rclone.conf");
    assert_eq!(written, Written::Written(file.clone()));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), DOCUMENTED);
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(file.parent().unwrap()), 0o700);
}

#[test]
fn the_settings_are_in_it() {
    let vars = [
        ("OIDC_ACCOUNT", "other"),
        ("S3_ENDPOINT", "https://rgw.test:8443"),
        ("S3_ROLE", "Reader"),
        ("OIDC_AUDIENCE", "storage"),
    ];
    let text = rewritten(DOCUMENTED, &vars);
    for line in [
        "account = other",
        "endpoint = https://rgw.test:8443/",
        "role_name = Reader",
        "audience = storage",
        "type = s3",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}: {text}");
    }
    assert_eq!(text.lines().count(), 9);
}

#[test]
fn a_section_as_it_should_be_is_left_byte_for_byte() {
    let odd = DOCUMENTED
        .replace("account = infncloud", "  account=infncloud  ")
        .replace("type = s3", "type: s3")
        .replace('\n', "\r\n");
    for text in [
        DOCUMENTED.to_owned(),
        DOCUMENTED.trim_end().to_owned(),
        format!("# mine\n[ infncloud ]\n; why\n\n{}", &DOCUMENTED[12..]),
        odd,
    ] {
        assert_eq!(rewritten(&text, &[]), text);
    }
}

#[test]
fn a_file_that_others_may_read_is_closed() {
    let home = tempfile::tempdir().unwrap();
    let login = login(&[]);
    write(home.path(), &login).unwrap();
    let file = path(home.path());
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(write(home.path(), &login).unwrap(), Written::Unchanged);
    assert_eq!(mode(&file), 0o600);
}

#[test]
fn what_is_not_ours_is_kept_byte_for_byte() {
    let before = "# my remotes\r\n[other]\ntype = s3 ; not ours\naccount=somebody\n\n";
    let after = "\n# the next one\n[infncloud-old]\nendpoint = https://old/\nno newline at the end";
    let section = "[infncloud]\ntype = s3\n# my own\nchunk_size = 16M\nendpoint = https://wrong/\nenv_auth = true\n";
    assert_eq!(
        rewritten(&format!("{before}{section}{after}"), &[]),
        format!(
            "{before}[infncloud]\ntype = s3\n# my own\nchunk_size = 16M\nendpoint = https://rgw.cloud.infn.it/\n\
             env_auth = false\nprovider = INFN Cloud\naccount = infncloud\noidc_agent = True\nrole_name = IAMaccess\n\
             audience = object\n{after}"
        )
    );
}

#[test]
fn the_section_comes_behind_the_others() {
    for (text, gap) in [
        ("", ""),
        ("[other]\ntype = local\n", "\n"),
        ("[other]\ntype = local", "\n\n"),
        ("# only a comment\n", "\n"),
    ] {
        // A commented or a longer name is not ours.
        for text in [text.to_owned(), text.replace("other", "infncloud2")] {
            assert_eq!(rewritten(&text, &[]), format!("{text}{gap}{DOCUMENTED}"));
        }
    }
    let commented = format!("#{DOCUMENTED}");
    assert!(rewritten(&commented, &[]).ends_with(&format!("\n\n{DOCUMENTED}")));
}

#[test]
fn of_two_sections_of_the_name_both_are_corrected() {
    let twice = "[infncloud]\naccount = a\n[other]\naccount = c\n[infncloud]\naccount = b";
    let text = rewritten(twice, &[]);
    assert!(
        text.starts_with(
            "[infncloud]\naccount = infncloud\n[other]\naccount = c\n[infncloud]\naccount = infncloud\ntype = s3\n"
        ),
        "{text}"
    );
    assert_eq!(text.matches("type = s3").count(), 1);
}

#[test]
fn bytes_that_are_no_text_are_kept() {
    let home = tempfile::tempdir().unwrap();
    let file = path(home.path());
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, b"[latin]\nuser = Jos\xe9\n").unwrap();
    write(home.path(), &login(&[])).unwrap();
    let text = std::fs::read(&file).unwrap();
    assert!(text.starts_with(b"[latin]\nuser = Jos\xe9\n\n[infncloud]\n"));
}

#[test]
fn an_encrypted_file_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let file = path(home.path());
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let text = "# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nAAAA\n";
    std::fs::write(&file, text).unwrap();
    assert_eq!(
        write(home.path(), &login(&[])).unwrap(),
        Written::Encrypted(file.clone())
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn the_guides_name_of_the_file_is_noticed() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(misnamed(home.path()), None);
    write(home.path(), &login(&[])).unwrap();
    let file = home.path().join(".config/rclone/rclone.config");
    std::fs::write(&file, DOCUMENTED).unwrap();
    assert_eq!(misnamed(home.path()), Some(file));
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    let home = tempfile::tempdir().unwrap();
    let file = path(home.path());
    std::fs::create_dir_all(&file).unwrap();
    let error = write(home.path(), &login(&[])).unwrap_err();
    assert!(error.to_string().contains("rclone.conf"), "{error}");
}
