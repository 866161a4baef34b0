//! Secrets among the settings: from files, and never shown.

use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::{Access, LOCAL, local_with, message, read};

#[test]
fn every_secret_can_stand_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, content).unwrap();
        file.to_str().unwrap().to_owned()
    };
    for (content, expected) in [
        ("planted", "planted"),
        ("planted\n", "planted"),
        ("planted\r\n", "planted"),
        (" planted \n", " planted "),
        ("planted\n\n", "planted\n"),
    ] {
        let file = write("password", content);
        let settings = read([LOCAL[0], ("RESTIC_PASSWORD_FILE", &file)]).unwrap();
        assert_eq!(
            settings.restic_password().unwrap().expose_secret(),
            expected,
            "{content:?}"
        );
    }
    let url = write(
        "url",
        "https://example.org/ping/0b1c2d3e-0000-4000-8000-000000000000\n",
    );
    let password = write("login", "planted-login");
    let settings = local_with(&[
        ("BACKUP_CHECK_URL_FILE", &url),
        ("FORGET_CHECK_URL_FILE", &url),
        ("VERIFY_CHECK_URL_FILE", &url),
        ("OIDC_TOKEN_CHECK_URL_FILE", &url),
        ("RESTIC_REST_USERNAME", "u"),
        ("RESTIC_REST_PASSWORD_FILE", &password),
        ("OIDC_PASSWORD_FILE", &password),
    ])
    .unwrap();
    assert!(settings.checks.backup.is_some());
    assert!(settings.checks.forget.is_some());
    assert!(settings.checks.verify.is_some());
    assert!(settings.checks.token.is_some());
    assert!(
        matches!(settings.rest.access, Access::Login { password, .. } if password.expose_secret() == "planted-login")
    );
    // A secret of a file is replaced in what is shown like one of the environment.
    let shown = settings.environment.redactor().text("it is planted-login");
    assert_eq!(shown, "it is [redacted]");
}

#[test]
fn a_file_that_gives_no_secret_is_a_problem_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "\n").unwrap();
    let said = |file: &str| message(read([LOCAL[0], ("RESTIC_PASSWORD_FILE", file)]));
    let missing = folder.path().join("missing");
    assert!(
        said(missing.to_str().unwrap()).contains(&format!(
            "RESTIC_PASSWORD_FILE names {}, which cannot be read (entity not found): mount it readable for uid 1000",
            missing.display()
        ))
    );
    assert!(said(empty.to_str().unwrap()).contains("which is empty"));
    assert!(said(folder.path().to_str().unwrap()).contains("which cannot be read"));
    let both = local_with(&[("RESTIC_PASSWORD_FILE", empty.to_str().unwrap())]);
    assert!(
        message(both)
            .contains("RESTIC_PASSWORD_FILE and RESTIC_PASSWORD are both set: remove one of them")
    );
}

#[test]
fn a_secret_in_the_place_of_its_file_is_not_shown() {
    let said = message(read([LOCAL[0], ("RESTIC_PASSWORD_FILE", "planted-restic")]));
    assert!(
        said.contains("RESTIC_PASSWORD_FILE must be the absolute path of a file"),
        "{said}"
    );
    assert!(!said.contains("planted"), "{said}");
}

const NAMES: [&str; 39] = [
    "AAI_USER",
    "OIDC_PASSWORD",
    "BACKUP_BUCKET",
    "BACKUP_BUCKET_PATH",
    "BACKUP_REMOTE",
    "OIDC_FLOW",
    "OIDC_CLIENT_ID",
    "OIDC_CLIENT_SECRET",
    "OIDC_CLIENT_SECRET_FILE",
    "S3_BUCKET",
    "COPY_REMOTE",
    "COPY_PASSWORD",
    "COPY_PASSWORD_FILE",
    "COPY_CHECK_URL",
    "COPY_CHECK_URL_FILE",
    "DESTINATION",
    "RESTIC_PASSWORD",
    "RESTIC_REST_USERNAME",
    "RESTIC_REST_PASSWORD",
    "RESTIC_REST_PORT",
    "RESTIC_REST_ANONYMOUS",
    "RESTIC_REST_APPEND_ONLY",
    "RESTIC_HOST",
    "MAX_SNAPSHOTS",
    "OIDC_TOKEN_CHECK_URL",
    "BACKUP_CHECK_URL",
    "FORGET_CHECK_URL",
    "VERIFY_CHECK_URL",
    "STOP_GRACE",
    "LOG_FORMAT",
    "LOG_LEVEL",
    "OIDC_PASSWORD_FILE",
    "RESTIC_PASSWORD_FILE",
    "RESTIC_REST_PASSWORD_FILE",
    "BACKUP_CHECK_URL_FILE",
    "FORGET_CHECK_URL_FILE",
    "VERIFY_CHECK_URL_FILE",
    "OIDC_TOKEN_CHECK_URL_FILE",
    "PATH",
];

fn values() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("planted-secret".to_owned()),
        Just("https://planted-secret@example.org/planted-secret".to_owned()),
        Just("8080".to_owned()),
        Just("true".to_owned()),
        Just("/home/user/storage".to_owned()),
        Just(String::new()),
        "\\PC{0,12}",
        "[ /:.a-z0-9-]{0,12}",
    ]
}

proptest! {
    #[test]
    fn no_environment_makes_it_panic_or_show_a_secret(
        vars in prop::collection::vec((prop::sample::select(&NAMES[..]), values()), 0..16)
    ) {
        let vars: std::collections::BTreeMap<_, _> = vars.into_iter().collect();
        let shown = match read(vars.iter().map(|(name, value)| (*name, value.as_str()))) {
            Ok(settings) => {
                // Where the repository is stored is no secret, and neither are names.
                prop_assume!(!settings.remote.as_str().contains("planted"));
                let warnings: String = settings.warnings.iter().map(ToString::to_string).collect();
                let names = vars.get("RESTIC_REST_USERNAME").is_some_and(|name| name.contains("planted"));
                if names { warnings } else { format!("{settings:?}{warnings}") }
            }
            Err(error) => format!("{error}{error:?}"),
        };
        prop_assert!(!shown.contains("planted"), "{}", shown);
    }
}
