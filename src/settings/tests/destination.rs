//! The second destination, and the variable that makes it the one a command works on.

use secrecy::ExposeSecret;

use super::{LOCAL, local_with, message, read};
use crate::settings::Destination;

#[test]
fn the_second_destination_has_a_password_of_its_own_or_that_of_the_first() {
    assert!(!local_with(&[]).unwrap().has_second());
    for (vars, password) in [
        (&[("COPY_REMOTE", "nas:copies")][..], "planted-restic"),
        (
            &[
                ("COPY_REMOTE", "nas:copies"),
                ("COPY_PASSWORD", "planted-copy"),
            ],
            "planted-copy",
        ),
    ] {
        let settings = local_with(vars).unwrap();
        assert!(settings.has_second());
        assert_eq!(settings.remote.as_str(), "/home/user/storage/");
        let second = settings.second().unwrap();
        assert_eq!(second.remote.as_str(), "nas:copies/");
        assert_eq!(second.restic_password().unwrap().expose_secret(), password);
        assert_eq!(second.destination, Destination::Copy);
    }
}

#[test]
fn what_is_wrong_with_it_fails_copies_alone() {
    for (remote, told) in [
        (
            "copies",
            "COPY_REMOTE must be an absolute directory such as /home/user/storage or a remote of rclone such as name:path",
        ),
        (
            "/home/user/storage/",
            "COPY_REMOTE is where the backups are themselves, or one place lies in the other: choose another place",
        ),
        ("/home//user/./storage", "COPY_REMOTE is where the backups"),
        (
            "/home/user/storage/copies",
            "COPY_REMOTE is where the backups",
        ),
        ("/home/user", "COPY_REMOTE is where the backups"),
        (
            ":local:/home/user/storage",
            "COPY_REMOTE is where the backups",
        ),
        (":s3,secret_access_key=x:b", "COPY_REMOTE holds a secret"),
    ] {
        let settings = local_with(&[("COPY_REMOTE", remote)]).unwrap();
        let warnings: Vec<String> = settings.warnings.iter().map(ToString::to_string).collect();
        assert!(
            matches!(&warnings[..], [one] if one.starts_with(told)),
            "{warnings:?}"
        );
        assert!(message(settings.second()).contains(told));
    }
    let none = message(local_with(&[]).unwrap().second());
    assert!(none.contains("COPY_REMOTE is missing: the second destination, "));
}

#[test]
fn a_command_on_the_second_destination_needs_nothing_of_the_first() {
    let settings = read([
        ("DESTINATION", "copy"),
        ("COPY_REMOTE", "/copies"),
        ("COPY_PASSWORD", "planted-copy"),
    ])
    .unwrap();
    assert_eq!(settings.remote.as_str(), "/copies/");
    assert_eq!(
        settings.restic_password().unwrap().expose_secret(),
        "planted-copy"
    );
    assert!(message(settings.second()).contains("DESTINATION must be empty here"));
    assert_eq!(
        message(read([("DESTINATION", "copy")])),
        "the configuration has 2 problems:\n  \
         COPY_REMOTE is missing: the second destination, a remote of rclone such as nas:backup/VM1 or an absolute \
         directory\n  \
         COPY_PASSWORD is missing: the password of the second repository, where RESTIC_PASSWORD is not set"
    );
    assert!(
        message(read(LOCAL.into_iter().chain([("DESTINATION", "second")])))
            .contains("DESTINATION must be empty, or copy for the second destination")
    );
}

#[test]
fn the_login_opens_the_second_destination_too() {
    let settings = local_with(&[
        ("COPY_REMOTE", "infncloud:/jdoe/copies"),
        ("OIDC_PASSWORD", "planted-oidc"),
    ])
    .unwrap();
    assert!(settings.login.is_none());
    assert!(settings.second().unwrap().login.is_some());
}

#[test]
fn a_job_on_the_second_destination_is_another_job() {
    let args = ["--prune".to_owned()];
    let told = |vars: &[_]| local_with(vars).unwrap().environment.told_args(&args);
    assert_eq!(told(&[]), ["--prune"]);
    let second = [("DESTINATION", "copy"), ("COPY_REMOTE", "/copies")];
    assert_eq!(told(&second), ["DESTINATION=copy", "--prune"]);
}
