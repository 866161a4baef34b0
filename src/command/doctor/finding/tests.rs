//! Each finding has a row in docs/doctor.md, word by word, and a test that has provoked it.

use std::io::{self, ErrorKind};

use super::*;
use crate::place::Place;
use crate::settings::Settings;
use crate::storage;

mod lines;

const DOCS: &str = include_str!("../../../../docs/doctor.md");
/// Where each is provoked for real.
const TESTS: [&str; 6] = [
    include_str!("../../../../tests/integration/doctor.rs"),
    include_str!("../../../../tests/integration/doctor/checks.rs"),
    include_str!("../../../../tests/integration/login_doctor.rs"),
    include_str!("../../../../tests/integration/doctor/second.rs"),
    include_str!("../../../../tests/integration/doctor/storage.rs"),
    include_str!("../../../../tests/integration/login_service.rs"),
];

const IAM: &str = "https://iam.cloud.infn.it/";
const RGW: &str = "https://rgw.cloud.infn.it/";

fn text(text: &str) -> String {
    text.to_owned()
}

/// What the other files of `doctor` find by themselves.
fn of_this_machine() -> Vec<Finding> {
    let refused = || io::Error::from(ErrorKind::PermissionDenied);
    vec![
        Finding::Setting(text(
            "TOKEN_WARN_DAYS must be a number of days from 0 to 365; empty means 7",
        )),
        Finding::Name {
            name: text("BACKUP_BUKET"),
            near: text("BACKUP_BUCKET"),
            job: None,
        },
        Finding::HostName {
            name: text("1f0c6e2b9a47"),
        },
        Finding::Volume(Error::Volume {
            path: "/home/user/.cloud-backup".into(),
            source: refused(),
        }),
        Finding::DiskLow {
            place: "/home/user".into(),
            free: 100 << 20,
        },
        Finding::Schedule(Error::ScheduleFile {
            file: "/etc/ofelia/config.ini".into(),
            source: refused(),
        }),
        Finding::ScheduleElsewhere {
            job: text("backup"),
            container: text("cloud-backup"),
            ours: text("my-backup"),
        },
        Finding::SourceMissing {
            path: text("/backup/dir3"),
            job: text("backup"),
        },
        Finding::SourceEmpty {
            path: text("/backup/dir2"),
        },
        Finding::SourceUnreadable {
            path: text("/backup/dir1"),
            example: text("/backup/dir1/secret"),
            count: 3,
            reading: Reading::Own,
        },
    ]
}

fn of_the_login() -> Vec<Finding> {
    let troubles = vec![
        Trouble::ProviderUnreachable {
            issuer: text(IAM),
            detail: text("connection refused"),
        },
        Trouble::ProviderUntrusted {
            issuer: text(IAM),
            detail: text("who signed it is not known here"),
        },
        Trouble::ProviderFailing {
            issuer: text(IAM),
            detail: text("status 503 at /.well-known/openid-configuration"),
        },
        Trouble::WrongIssuer {
            named: text(IAM),
            wanted: text("https://iam.cloud.infn.it"),
        },
        Trouble::StsUnreachable {
            endpoint: text(RGW),
            detail: text("no connection within 5 s"),
        },
        Trouble::StsUntrusted {
            endpoint: text(RGW),
            detail: text("it is for another name"),
        },
        Trouble::Clock {
            ahead: 1200,
            other: format!("the storage {RGW}"),
        },
        Trouble::NoLogin,
        Trouble::WrongPassword,
        Trouble::OtherIssuer {
            saved: text(IAM),
            wanted: text("https://iam.example.org/"),
        },
        Trouble::OtherAccount {
            saved: text("infncloud"),
            wanted: text("second"),
        },
        Trouble::Agent {
            detail: text("it ended with code 1"),
        },
        Trouble::Neighbour {
            holder: text("container 1f0c6e2b9a47 (host name my-VM) since 2026-11-28T02:00:00Z"),
            is_server: false,
        },
        Trouble::OtherSettings {
            variables: text("S3_ROLE"),
        },
        Trouble::LoginEnded {
            detail: text("invalid_token: Invalid refresh token: token not found"),
        },
        Trouble::LoginRefused {
            detail: text("invalid_grant: User mrossi needs to sign AUP for this organization"),
        },
        Trouble::ClientRefused {
            detail: text("invalid_client: Bad client credentials"),
        },
        Trouble::ServiceRefused {
            detail: text("invalid_client: Bad client credentials"),
        },
        Trouble::TokenRefused {
            detail: text("it is for else, and OIDC_AUDIENCE is object"),
        },
        Trouble::NoSubject,
        Trouble::StsFailing {
            endpoint: text(RGW),
            detail: text("status 404, application/json: that is no answer of STS"),
        },
        Trouble::RoleRefused {
            role: text("IAMaccess"),
            detail: text("it is unknown there, or not open to this account"),
        },
        Trouble::SessionRefused {
            seconds: 1,
            detail: text("it allows 900 s or more"),
        },
    ];
    let own = [
        Finding::LoginEnds {
            left: text("6 days"),
        },
        Finding::Scope {
            missing: text("offline_access"),
        },
        Finding::OtherUser {
            login: text("gverdi"),
            set: text("mrossi"),
        },
    ];
    troubles
        .into_iter()
        .map(Finding::Login)
        .chain(own)
        .collect()
}

/// That of the guide's set-up.
fn of_a_login() -> storage::Place {
    let set = [
        ("AAI_USER", "mrossi"),
        ("OIDC_PASSWORD", "planted"),
        ("BACKUP_BUCKET", "backup/VM1"),
        ("RESTIC_PASSWORD", "planted"),
    ];
    let set = set.map(|(name, value)| (name.into(), value.into()));
    storage::Place::of(&Settings::from_vars(set).unwrap())
}

fn of_the_storage() -> Vec<Finding> {
    let remote = || text("infncloud:/mrossi/backup/VM1/");
    [
        Error::ProbeFailed {
            doing: "write",
            detail: text("AccessDenied: status code 403"),
            place: Box::new(of_a_login()),
        },
        Error::InContainer {
            remote: text("/storage/"),
        },
        Error::NotConfigured {
            section: text("storage"),
            file: "/home/user/.config/rclone/rclone.conf".into(),
        },
        Error::OtherRemote {
            server: remote(),
            ours: text("/home/user/storage/"),
        },
        Error::WrongPassword,
        Error::RepositoryGone {
            id: text("96bc9e87b3"),
            remote: remote(),
        },
        Error::NoKeys,
        Error::NoAnswer {
            after: std::time::Duration::from_secs(10),
        },
    ]
    .into_iter()
    .map(Finding::Storage)
    .collect()
}

/// The rest.
fn of_what_is_beside() -> Vec<Finding> {
    let check = || text("BACKUP_CHECK_URL (https://hc.cloud.infn.it/...)");
    let job = || Some(text("backup"));
    let usage = |used| Usage {
        used,
        quota: 200 << 30,
        per_day: Some(3 << 29),
    };
    vec![
        Finding::CheckWrong {
            problem: text(
                "BACKUP_CHECK_URL is not used, nobody is told of this job: it still holds the guide's placeholder",
            ),
            job: job(),
        },
        Finding::CheckMissing {
            check: check(),
            job: job(),
        },
        Finding::CheckUnreachable {
            check: check(),
            reason: text("connection refused"),
            job: None,
        },
        Finding::CheckRefused {
            check: check(),
            reason: text("status 409, several checks have this slug"),
            job: None,
        },
        Finding::ProgramMissing { program: "restic" },
        Finding::ProgramOld {
            program: "rclone",
            found: text("1.60.1"),
            least: "1.66",
        },
        Finding::ProgramUntested {
            program: "oidc-agent",
            found: text("5.1.0"),
            tested: "4.2.6",
        },
        Finding::PatchedRclone,
        Finding::Quota(usage(170 << 30)),
        Finding::Quota(usage(200 << 30)),
    ]
}

fn one_of_each() -> Vec<Finding> {
    [
        of_this_machine(),
        of_the_login(),
        of_the_storage(),
        of_what_is_beside(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// As docs/doctor.md has it; an id that stands for several is told once.
fn rows() -> Vec<String> {
    let mut known: Vec<&str> = Vec::new();
    let mut rows = Vec::new();
    for finding in one_of_each() {
        if known.contains(&finding.id()) {
            continue;
        }
        known.push(finding.id());
        let severity = match finding.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        rows.push(format!(
            "| `{}` | {severity} | {finding} | {} | {} |",
            finding.id(),
            finding.why(),
            finding.line(Place::Image)
        ));
    }
    rows
}

#[test]
fn the_document_has_a_row_for_each_finding_and_no_other() {
    let documented: Vec<&str> = DOCS
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let wanted = rows();
    assert!(
        documented == wanted,
        "docs/doctor.md should have:\n{}",
        wanted.join("\n")
    );
}

#[test]
fn each_finding_is_provoked_for_real_somewhere() {
    for finding in one_of_each() {
        let quoted = format!("\"{}\"", finding.id());
        assert!(
            TESTS.iter().any(|test| test.contains(&quoted)),
            "no test provokes {}",
            finding.id()
        );
    }
}

#[test]
fn each_finding_says_why_it_matters_and_what_to_type() {
    for finding in one_of_each() {
        assert!(finding.why().ends_with('.'), "{}", finding.id());
        let line = finding.line(Place::Image);
        assert!(
            line.contains("docker ") || line.contains("timedatectl "),
            "{}: {line}",
            finding.id()
        );
        assert!(!finding.to_string().ends_with('.'), "{finding}");
    }
}
