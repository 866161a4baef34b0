//! `OIDC_FLOW=client_credentials`, and the bucket that is no user's.

use super::{DOCUMENTED, local_with, message, read, remote};

/// Enough for the bucket of an experiment.
const SERVICE: [(&str, &str); 6] = [
    ("OIDC_FLOW", "client_credentials"),
    ("OIDC_CLIENT_ID", "service"),
    ("OIDC_CLIENT_SECRET", "planted-secret"),
    ("S3_BUCKET", "experiment"),
    ("BACKUP_BUCKET", "backup/VM1"),
    ("RESTIC_PASSWORD", "planted-restic"),
];

#[test]
fn a_service_client_needs_no_person() {
    let settings = read(SERVICE).unwrap();
    assert_eq!(
        settings.remote.as_str(),
        "infncloud:/experiment/backup/VM1/"
    );
    let login = settings.login.unwrap();
    assert_eq!(login.service.unwrap().id, "service");
    assert!(login.client.is_none());
    assert_eq!(
        (login.scope.as_str(), login.audience.as_str()),
        ("", "object")
    );
}

#[test]
fn what_it_lacks_is_told_at_once() {
    let wrong = [("OIDC_FLOW", "client_credentials"), SERVICE[4], SERVICE[5]];
    assert_eq!(
        message(read(wrong)),
        "the configuration has 3 problems:\n  \
         S3_BUCKET is missing: the name of the bucket that the client of OIDC_CLIENT_ID may use\n  \
         OIDC_CLIENT_ID is missing: the client of OIDC_FLOW=client_credentials\n  \
         OIDC_CLIENT_SECRET is missing: the secret of the client of OIDC_FLOW=client_credentials"
    );
    assert_eq!(
        message(read(
            DOCUMENTED.into_iter().chain([("OIDC_FLOW", "implicit")])
        )),
        "the configuration has a problem: OIDC_FLOW must be device, or client_credentials for a client that needs no person"
    );
}

#[test]
fn the_bucket_is_the_users_own_unless_another_one_is_named() {
    fn with(name: &str) -> Vec<(&str, &str)> {
        [&DOCUMENTED[..], &[("S3_BUCKET", name)]].concat()
    }
    assert_eq!(remote(&with("")), "infncloud:/jdoe/backup/VM1/");
    assert_eq!(
        remote(&with("experiment")),
        "infncloud:/experiment/backup/VM1/"
    );
    for name in ["a/b", "..", "-x", "a b"] {
        assert!(
            message(read(with(name)))
                .contains("S3_BUCKET must be the name of a bucket, without /: letters"),
            "{name}"
        );
    }
}

#[test]
fn a_service_client_opens_a_remote_that_is_named_too() {
    let login = |remote| {
        local_with(&[&SERVICE[..3], &[("BACKUP_REMOTE", remote)]].concat())
            .unwrap()
            .login
    };
    assert!(login("infncloud:/experiment/x").is_some_and(|login| login.service.is_some()));
    assert!(login("/home/user/storage").is_none());
    assert!(login("nas:x").is_none());
}
