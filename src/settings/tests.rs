//! The settings that the guide documents, the defaults, and what is refused.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::{Access, Settings, SnapshotBound};
use crate::error::Result;

mod destination;
mod documented;
mod secrets;
mod service;

/// Enough for a repository in a local directory.
const LOCAL: [(&str, &str); 2] = [
    ("BACKUP_REMOTE", "/home/user/storage"),
    ("RESTIC_PASSWORD", "planted-restic"),
];

/// Enough for the user's bucket, as the guide has it.
const DOCUMENTED: [(&str, &str); 4] = [
    ("AAI_USER", "jdoe"),
    ("OIDC_PASSWORD", "planted-oidc"),
    ("BACKUP_BUCKET", "backup/VM1"),
    ("RESTIC_PASSWORD", "planted-restic"),
];

fn read<'a>(vars: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Settings> {
    Settings::from_vars(
        vars.into_iter()
            .map(|(name, value)| (name.into(), value.into())),
    )
}

fn local_with<'a>(vars: &[(&'a str, &'a str)]) -> Result<Settings> {
    read(LOCAL.into_iter().chain(vars.iter().copied()))
}

/// The whole message of settings that do not work.
#[track_caller]
fn message(settings: Result<Settings>) -> String {
    let error = settings.expect_err("a problem");
    assert_eq!(error.exit_code(), 78);
    error.to_string()
}

#[track_caller]
fn remote(vars: &[(&str, &str)]) -> String {
    read(vars.iter().copied()).unwrap().remote.to_string()
}

#[test]
fn a_directory_and_a_password_are_enough_and_the_rest_has_the_documented_defaults() {
    let settings = read(LOCAL).unwrap();
    assert_eq!(settings.remote.as_str(), "/home/user/storage/");
    assert_eq!(
        settings.restic_password().unwrap().expose_secret(),
        "planted-restic"
    );
    assert_eq!(settings.home.to_str(), Some("/home/user"));
    assert_eq!(settings.rest.port, 8080);
    assert!(matches!(settings.rest.access, Access::Local));
    assert_eq!(settings.stop_grace, Duration::from_secs(10));
    assert_eq!(settings.logging.format, crate::log::Format::Text);
    assert_eq!(settings.logging.level, tracing::Level::INFO);
    assert!(settings.checks.backup.is_none());
    assert!(settings.checks.forget.is_none());
    assert!(settings.checks.token.is_none());
    assert_eq!(settings.snapshot_bound, SnapshotBound::ByRetention);
    assert!(settings.warnings.is_empty());
}

#[test]
fn the_bound_of_snapshots_is_a_whole_number_and_0_switches_it_off() {
    for (text, expected) in [
        ("", SnapshotBound::ByRetention),
        ("0", SnapshotBound::Off),
        (" 1 ", SnapshotBound::AtMost(1)),
        ("4000000000", SnapshotBound::AtMost(4_000_000_000)),
    ] {
        let settings = local_with(&[("MAX_SNAPSHOTS", text)]).unwrap();
        assert_eq!(settings.snapshot_bound, expected, "{text:?}");
    }
    for text in ["-1", "1.5", "many", "0x10", "5000000000"] {
        assert_eq!(
            message(local_with(&[("MAX_SNAPSHOTS", text)])),
            "the configuration has a problem: MAX_SNAPSHOTS must be a whole number of snapshots, such as 100; 0 never \
             counts them, empty goes by the retention of forget"
        );
    }
}

#[test]
fn the_documented_variables_name_the_users_bucket() {
    assert_eq!(remote(&DOCUMENTED), "infncloud:/jdoe/backup/VM1/");
    let [user, password, _, key] = DOCUMENTED;
    for (name, value) in [
        ("BACKUP_BUCKET_PATH", "backup/VM1"),
        ("BACKUP_BUCKET", "/backup/VM1"),
        ("BACKUP_BUCKET", "backup/VM1/"),
        ("BACKUP_BUCKET_PATH", " backup/VM1 "),
    ] {
        let vars = [user, password, key, (name, value)];
        assert_eq!(remote(&vars), "infncloud:/jdoe/backup/VM1/", "{value:?}");
    }
    let both = [
        user,
        password,
        key,
        ("BACKUP_BUCKET", "backup/VM1"),
        ("BACKUP_BUCKET_PATH", "/backup/VM1/"),
    ];
    assert_eq!(remote(&both), "infncloud:/jdoe/backup/VM1/");
}

#[test]
fn all_problems_are_told_in_one_message() {
    assert_eq!(
        message(read([])),
        "the configuration has 4 problems:\n  \
         AAI_USER is missing: your INFN AAI user name, which is also your bucket's name\n  \
         OIDC_PASSWORD is missing: choose the password that protects the login\n  \
         BACKUP_BUCKET is missing: the directory in your bucket, such as backup/VM1\n  \
         RESTIC_PASSWORD is missing: choose the password that encrypts the repository"
    );
    let wrong = [
        ("BACKUP_REMOTE", "storage"),
        ("BACKUP_BUCKET", "one"),
        ("BACKUP_BUCKET_PATH", "other"),
        ("RESTIC_REST_PORT", "80"),
        ("RESTIC_REST_USERNAME", "user"),
        ("RESTIC_REST_ANONYMOUS", "yes"),
        ("RESTIC_REST_APPEND_ONLY", "on"),
        ("STOP_GRACE", "1s"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "loud"),
    ];
    assert_eq!(
        message(read(wrong)),
        "the configuration has 10 problems:\n  \
         BACKUP_BUCKET and BACKUP_BUCKET_PATH differ: they are two names of one setting\n  \
         BACKUP_REMOTE must be an absolute directory such as /home/user/storage or a remote of rclone such as name:path\n  \
         RESTIC_PASSWORD is missing: choose the password that encrypts the repository\n  \
         RESTIC_REST_PORT must be a number from 1024 to 65535; empty means 8080\n  \
         RESTIC_REST_ANONYMOUS must be true or false\n  \
         RESTIC_REST_APPEND_ONLY must be true or false\n  \
         RESTIC_REST_PASSWORD is missing though RESTIC_REST_USERNAME is set\n  \
         STOP_GRACE must be a time of at least 5s, such as 30s\n  \
         LOG_FORMAT must be text or json\n  \
         LOG_LEVEL must be error, warn, info, debug or trace"
    );
    assert_eq!(
        message(read([("BACKUP_REMOTE", "/store")])),
        "the configuration has a problem: RESTIC_PASSWORD is missing: choose the password that encrypts the repository"
    );
}

#[test]
fn an_empty_value_is_an_unset_one() {
    let empty: Vec<(&str, &str)> = [
        "AAI_USER",
        "OIDC_PASSWORD",
        "BACKUP_BUCKET",
        "BACKUP_BUCKET_PATH",
        "COPY_REMOTE",
        "COPY_PASSWORD",
        "DESTINATION",
        "RESTIC_REST_USERNAME",
        "RESTIC_REST_PASSWORD",
        "RESTIC_REST_PORT",
        "RESTIC_REST_ANONYMOUS",
        "RESTIC_REST_APPEND_ONLY",
        "OIDC_TOKEN_CHECK_URL",
        "BACKUP_CHECK_URL",
        "COPY_CHECK_URL",
        "FORGET_CHECK_URL",
        "VERIFY_CHECK_URL",
        "RESTIC_HOST",
        "MAX_SNAPSHOTS",
        "STOP_GRACE",
        "LOG_FORMAT",
        "LOG_LEVEL",
        "RESTIC_PASSWORD_FILE",
        "BACKUP_CHECK_URL_FILE",
        "HOME",
    ]
    .into_iter()
    .flat_map(|name| [(name, ""), (name, "  ")])
    .collect();
    for vars in empty.chunks(1) {
        let settings = local_with(vars).unwrap();
        assert!(settings.warnings.is_empty(), "{vars:?}");
        assert_eq!(settings.rest.port, 8080);
        assert!(matches!(settings.rest.access, Access::Local));
        assert_eq!(settings.environment.get(vars[0].0), None);
    }
    assert!(message(read([("BACKUP_REMOTE", ""), LOCAL[1]])).contains("AAI_USER is missing"));
    assert!(
        message(read([LOCAL[0], ("RESTIC_PASSWORD", "")])).contains("RESTIC_PASSWORD is missing")
    );
}

#[test]
fn any_remote_of_rclone_and_any_absolute_directory_will_do() {
    for (text, expected, section) in [
        ("/home/user/storage", "/home/user/storage/", None),
        ("/home/user/storage/", "/home/user/storage/", None),
        (" /with a space ", "/with a space/", None),
        ("/", "/", None),
        ("name:", "name:", Some("name")),
        ("name:path", "name:path/", Some("name")),
        ("name:/path/", "name:/path/", Some("name")),
        (
            "infncloud:/other/path",
            "infncloud:/other/path/",
            Some("infncloud"),
        ),
        (":local:/path", ":local:/path/", None),
    ] {
        let settings = read([("BACKUP_REMOTE", text), LOCAL[1]]).unwrap();
        assert_eq!(settings.remote.as_str(), expected, "{text:?}");
        assert_eq!(settings.remote.section(), section, "{text:?}");
    }
    for text in ["storage", "./storage", "-name:path", "a/b:c", "path/to/x"] {
        let said = message(read([("BACKUP_REMOTE", text), LOCAL[1]]));
        assert!(
            said.contains("BACKUP_REMOTE must be an absolute directory"),
            "{text:?}: {said}"
        );
    }
    let said = message(read([("BACKUP_REMOTE", "/home/user/../.."), LOCAL[1]]));
    assert!(said.contains("BACKUP_REMOTE must not contain .."), "{said}");
}

#[test]
fn a_remote_with_a_secret_in_it_is_refused_and_not_shown() {
    let remote = ":s3,provider=Ceph,secret_access_key=planted-key:bucket";
    let said = message(read([("BACKUP_REMOTE", remote), LOCAL[1]]));
    assert!(said.contains("BACKUP_REMOTE holds a secret"), "{said}");
    assert!(!said.contains("planted-key"), "{said}");
}

#[test]
fn a_path_that_leaves_the_bucket_is_refused() {
    let [user, password, _, key] = DOCUMENTED;
    for path in ["..", "../other", "a/../../b", "a//b", "./a", "/"] {
        let said = message(read([user, password, key, ("BACKUP_BUCKET", path)]));
        assert!(
            said.contains("BACKUP_BUCKET must be a path such as backup/VM1"),
            "{path}: {said}"
        );
    }
    for name in ["jdoe/other", "a:b", "..", ".hidden"] {
        let said = message(read([("AAI_USER", name), password, key, DOCUMENTED[2]]));
        assert!(
            said.contains("AAI_USER must be a user name"),
            "{name}: {said}"
        );
    }
}

#[test]
fn a_login_is_not_named_like_a_file_of_the_agents_own() {
    for name in ["issuer.config", "issuer.config.d", "../x", ".x", "-x"] {
        let said = message(read([
            ("AAI_USER", "jdoe"),
            ("OIDC_PASSWORD", "p"),
            ("BACKUP_BUCKET", "backup/VM1"),
            ("RESTIC_PASSWORD", "p"),
            ("OIDC_ACCOUNT", name),
        ]));
        assert!(said.contains("OIDC_ACCOUNT must be a plain name"), "{said}");
    }
}

#[test]
fn the_port_is_one_that_a_user_may_open() {
    for (text, port) in [("1024", 1024), ("65535", 65535), (" 9000 ", 9000)] {
        let settings = local_with(&[("RESTIC_REST_PORT", text)]).unwrap();
        assert_eq!(settings.rest.port, port);
    }
    for text in ["0", "80", "1023", "65536", "-1", "8080x", "http"] {
        let said = message(local_with(&[("RESTIC_REST_PORT", text)]));
        assert!(
            said.contains("RESTIC_REST_PORT must be a number from 1024 to 65535"),
            "{text}: {said}"
        );
    }
}

#[test]
fn append_only_is_for_a_port_that_is_open() {
    let on = ("RESTIC_REST_APPEND_ONLY", "true");
    let open = local_with(&[("RESTIC_REST_ANONYMOUS", "true"), on]);
    assert!(open.unwrap().rest.append_only);
    assert!(!local_with(&[]).unwrap().rest.append_only);
    assert_eq!(
        message(local_with(&[on])),
        "the configuration has a problem: RESTIC_REST_APPEND_ONLY is for the port, which is closed: set \
         RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD too"
    );
}

#[test]
fn who_is_let_in_needs_a_whole_login_or_the_users_word() {
    let access = |vars: &[(&'static str, &'static str)]| local_with(vars).unwrap().rest.access;
    let (name, password) = (
        ("RESTIC_REST_USERNAME", "u"),
        ("RESTIC_REST_PASSWORD", "p w"),
    );
    assert!(matches!(access(&[]), Access::Local));
    assert!(matches!(
        access(&[("RESTIC_REST_ANONYMOUS", "true")]),
        Access::Anonymous
    ));
    assert!(matches!(
        access(&[("RESTIC_REST_ANONYMOUS", "false")]),
        Access::Local
    ));
    // A password is never given up for the sake of the other setting.
    for vars in [
        &[name, password][..],
        &[name, password, ("RESTIC_REST_ANONYMOUS", "true")],
    ] {
        assert_eq!(
            access(vars).restic_variables(),
            [
                ("RESTIC_REST_USERNAME", "u".to_owned()),
                ("RESTIC_REST_PASSWORD", "p w".to_owned())
            ]
        );
    }
    assert!(message(local_with(&[name])).contains("RESTIC_REST_PASSWORD is missing"));
    assert!(message(local_with(&[password])).contains("RESTIC_REST_USERNAME is missing"));
    let colon = local_with(&[("RESTIC_REST_USERNAME", "a:b"), password]);
    assert!(message(colon).contains("RESTIC_REST_USERNAME must not contain a colon"));
}

#[test]
fn the_time_of_a_stop_is_seconds_or_a_duration() {
    for (text, seconds) in [("5", 5), ("30s", 30), ("2m", 120), (" 1m 30s ", 90)] {
        let settings = local_with(&[("STOP_GRACE", text)]).unwrap();
        assert_eq!(settings.stop_grace, Duration::from_secs(seconds), "{text}");
        // PID 1 reads it the same way.
        assert_eq!(super::stop_grace(Some(text)), Duration::from_secs(seconds));
    }
    for text in ["4", "0", "-1", "soon", "1e99y"] {
        assert!(
            message(local_with(&[("STOP_GRACE", text)])).contains("STOP_GRACE must be"),
            "{text}"
        );
        assert_eq!(super::stop_grace(Some(text)), Duration::from_secs(10));
    }
    assert_eq!(super::stop_grace(None), Duration::from_secs(10));
}

#[test]
fn a_wrong_check_url_is_a_warning_and_no_problem() {
    let settings = local_with(&[("BACKUP_CHECK_URL", "planted-check")]).unwrap();
    assert!(settings.checks.backup.is_none());
    let [warning] = settings.warnings.as_slice() else {
        panic!("{:?}", settings.warnings)
    };
    let said = warning.to_string();
    assert!(
        said.starts_with("BACKUP_CHECK_URL is not used, nobody is told of this job"),
        "{said}"
    );
    assert!(!said.contains("planted"), "{said}");
}

#[test]
fn an_extra_ca_file_that_holds_none_is_a_problem_and_an_empty_setting_is_none() {
    let said = message(read([LOCAL[0], ("EXTRA_CA_FILE", "/nowhere/ca.pem")]));
    assert!(
        said.starts_with("the configuration has 2 problems:")
            && said.contains(
                "EXTRA_CA_FILE names /nowhere/ca.pem, which cannot be read (entity not found)"
            ),
        "{said}"
    );
    let none = message(local_with(&[("EXTRA_CA_FILE", "/dev/null")]));
    assert!(none.contains("EXTRA_CA_FILE names /dev/null, which holds no certificate"));
    local_with(&[("EXTRA_CA_FILE", " ")]).unwrap();
}

#[test]
fn a_value_that_is_no_text_is_named_where_it_is_ours() {
    let odd = || OsString::from_vec(vec![0x66, 0xff]);
    let vars = |name: &str| {
        LOCAL
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .chain([(OsString::from(name), odd())])
            .collect::<Vec<_>>()
    };
    assert!(
        message(Settings::from_vars(vars("RESTIC_HOST"))).contains("RESTIC_HOST is not UTF-8 text")
    );
    Settings::from_vars(vars("SOMEBODYS")).unwrap();
    Settings::from_vars([(odd(), odd())].into_iter().chain(vars("OTHER"))).unwrap();
}
