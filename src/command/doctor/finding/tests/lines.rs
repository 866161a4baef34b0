//! The lines to type, by where they are typed and what they are about.

use super::*;

#[test]
fn on_a_host_nobody_is_told_to_type_what_compose_takes() {
    // What only the image, its server and its jobs have.
    let of_the_image = [
        "host-name",
        "schedule",
        "schedule-elsewhere",
        "source-missing",
        "source-empty",
        "source-unreadable",
        "storage-in-container",
        "repository-password",
        "repository-gone",
        "repository-damaged",
        "repository-unreadable",
    ];
    for finding in one_of_each() {
        let is_of_the_server = matches!(finding, Finding::Storage(Error::OtherRemote { .. }));
        if of_the_image.contains(&finding.id()) || is_of_the_server {
            continue;
        }
        let line = finding.line(Place::Host);
        for word in ["docker", "compose", " .env", "Dockerfile"] {
            assert!(!line.contains(word), "{}: {line}", finding.id());
        }
    }
    let ends = Finding::LoginEnds {
        left: text("6 days"),
    };
    assert_eq!(ends.line(Place::Host), "Log in again: cloud-backup reauth");
    assert_eq!(
        Finding::Setting(text("TZ")).line(Place::Host),
        "Correct ~/.config/cloud-backup/env, then: cloud-backup doctor"
    );
}

#[test]
fn what_fails_at_the_second_destination_keeps_its_name_and_has_its_own_line() {
    let at_second = |because| {
        Finding::Storage(Error::AtSecond {
            remote: text("nas:copies/"),
            because: Box::new(because),
        })
    };
    for (because, id, what, line) in [
        (
            Error::WrongPassword,
            "repository-password",
            "COPY_PASSWORD is not the password of this repository",
            "Set COPY_PASSWORD to the password that the second repository was made with; where it is not set it is \
             RESTIC_PASSWORD. Then: docker compose run --rm cloud-backup doctor",
        ),
        (
            Error::Login(Trouble::NoLogin),
            "no-login",
            "not configured yet: nobody has logged in on this volume",
            "Log in: docker compose run --rm -e DESTINATION=copy cloud-backup config",
        ),
    ] {
        let finding = at_second(because);
        assert_eq!(finding.id(), id);
        assert_eq!(
            finding.to_string(),
            format!("at the second destination nas:copies/: {what}")
        );
        assert_eq!(finding.line(Place::Image), line);
    }
}

#[test]
fn a_job_is_named_where_it_is_not_the_container() {
    let name = |job| Finding::Name {
        name: text("BACKUP_CHECKURL"),
        near: text("BACKUP_CHECK_URL"),
        job,
    };
    assert_eq!(
        name(Some(text("nightly"))).to_string(),
        "BACKUP_CHECKURL is set (job nightly), and nothing reads it: the setting is called BACKUP_CHECK_URL"
    );
    assert!(
        name(Some(text("nightly")))
            .line(Place::Image)
            .starts_with("Write BACKUP_CHECK_URL in the schedule file")
    );
    assert!(
        name(None)
            .line(Place::Image)
            .starts_with("Write BACKUP_CHECK_URL in .env")
    );
}
