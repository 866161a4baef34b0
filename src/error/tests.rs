//! Each error has a documented exit code, and a next step.

use super::*;

/// One of each trouble with the login.
fn troubles() -> Vec<Trouble> {
    let text = || "x".to_owned();
    vec![
        Trouble::NoLogin,
        Trouble::WrongPassword,
        Trouble::OtherIssuer {
            saved: text(),
            wanted: text(),
        },
        Trouble::OtherAccount {
            saved: text(),
            wanted: text(),
        },
        Trouble::Agent { detail: text() },
        Trouble::NoToken { detail: text() },
        Trouble::ProviderUnreachable {
            issuer: text(),
            detail: text(),
        },
        Trouble::ProviderFailing {
            issuer: text(),
            detail: text(),
        },
        Trouble::LoginEnded { detail: text() },
        Trouble::LoginRefused { detail: text() },
        Trouble::ClientRefused { detail: text() },
        Trouble::WrongIssuer {
            named: text(),
            wanted: text(),
        },
        Trouble::OwnClientRefused { detail: text() },
        Trouble::ServiceRefused { detail: text() },
        Trouble::NotRegistered { detail: text() },
        Trouble::Declined,
        Trouble::CodeExpired,
        Trouble::StsUnreachable {
            endpoint: text(),
            detail: text(),
        },
        Trouble::StsFailing {
            endpoint: text(),
            detail: text(),
        },
        Trouble::TokenRefused { detail: text() },
        Trouble::NoSubject,
        Trouble::RoleRefused {
            role: text(),
            detail: text(),
        },
        Trouble::SessionRefused {
            seconds: 1,
            detail: text(),
        },
        Trouble::Clock {
            ahead: 1,
            other: text(),
        },
        Trouble::Neighbour {
            holder: text(),
            is_server: false,
        },
        Trouble::Neighbour {
            holder: text(),
            is_server: true,
        },
    ]
}

/// One of each that only `verify` meets.
fn of_verify() -> Vec<Error> {
    vec![
        Error::Unequal {
            files: vec!["x".to_owned()],
        },
        Error::NothingCopied {
            why: "x".to_owned(),
        },
        Error::NoSnapshot {
            host: "x".to_owned(),
            others: Vec::new(),
        },
        Error::NoRoom {
            folder: PathBuf::new(),
            free: 1,
            needed: 2,
        },
    ]
}

/// One of each error of the schedule.
fn of_the_schedule() -> Vec<Error> {
    let source = || io::Error::from(io::ErrorKind::Other);
    vec![
        Error::ScheduleFile {
            file: PathBuf::new(),
            source: source(),
        },
        Error::Schedule {
            file: PathBuf::new(),
            refusals: Vec::new(),
        },
        Error::LogFolder {
            folder: PathBuf::new(),
            source: source(),
        },
        Error::AnotherScheduler {
            holder: "x".to_owned(),
        },
    ]
}

/// One of each reason why there is no restore.
fn refusals() -> Vec<NotRestored> {
    let text = || "x".to_owned();
    vec![
        NotRestored::NoRepository { remote: text() },
        NotRestored::NoSnapshots { remote: text() },
        NotRestored::HostHasNone {
            host: text(),
            others: Vec::new(),
            line: text(),
        },
        NotRestored::NoSuchSnapshot {
            id: text(),
            several: false,
        },
        NotRestored::NoSuchPath {
            paths: Vec::new(),
            snapshot: text(),
            holds: Vec::new(),
        },
        NotRestored::NotEmpty {
            target: PathBuf::new(),
        },
        NotRestored::InContainer {
            place: PathBuf::new(),
            in_place: true,
            line: None,
        },
        NotRestored::Target {
            target: PathBuf::new(),
            source: io::Error::from(io::ErrorKind::Other),
        },
        NotRestored::NoRoom {
            needed: 1,
            there: 0,
            place: PathBuf::new(),
        },
        NotRestored::InTheWay {
            places: Vec::new(),
            count: 1,
        },
        NotRestored::Relative {
            snapshot: text(),
            path: text(),
            line: text(),
            older: None,
        },
        NotRestored::NotNewest {
            snapshot: text(),
            paths: Vec::new(),
            lines: Vec::new(),
            line: text(),
        },
        NotRestored::Incomplete {
            failures: crate::restore::Failures::default(),
            line: None,
        },
        NotRestored::Interrupted {
            signal: Signal::SIGINT,
            target: None,
            line: text(),
            instead_of: None,
        },
        NotRestored::Restic {
            code: 1,
            message: text(),
            line: None,
        },
    ]
}

/// One of each end by a signal.
fn ends() -> Vec<Error> {
    let text = || "x".to_owned();
    vec![
        Error::Interrupted {
            signal: Signal::SIGINT,
        },
        Error::Interrupted {
            signal: Signal::SIGALRM,
        },
        Error::LoginInterrupted {
            signal: Signal::SIGINT,
        },
        Error::Killed {
            program: text(),
            signal: Signal::SIGKILL,
        },
    ]
}

/// One of each variant.
fn one_of_each() -> Vec<Error> {
    let text = || "x".to_owned();
    let source = || io::Error::from(io::ErrorKind::Other);
    let mut all: Vec<Error> = troubles().into_iter().map(Error::Login).collect();
    all.extend(of_verify().into_iter().chain(of_the_schedule()));
    all.extend(refusals().into_iter().map(Error::Restore));
    all.extend(ends());
    all.extend(vec![
        Error::OtherPerson {
            old: text(),
            new: text(),
        },
        Error::OwnerUnknown {
            new: text(),
            set: text(),
        },
        Error::ProbeFailed {
            doing: "x",
            detail: text(),
            place: Box::new(Place::any()),
        },
        Error::Settings(Vec::new()),
        Error::NotConfigured {
            section: text(),
            file: PathBuf::new(),
        },
        Error::Volume {
            path: PathBuf::new(),
            source: source(),
        },
        Error::InContainer { remote: text() },
        Error::SameRepository,
        Error::AnotherServer { holder: text() },
        Error::AlreadyRunning { holder: text() },
        Error::AlreadyLoggingIn { holder: text() },
        Error::NoLoginNeeded { remote: text() },
        Error::LocksInUse,
        Error::OtherRemote {
            server: text(),
            ours: text(),
        },
        Error::ProgramMissing { program: text() },
        Error::CannotStart {
            program: text(),
            source: source(),
        },
        Error::ServerFailed { last_words: text() },
        Error::NoAnswer {
            after: Duration::ZERO,
        },
        Error::StorageFailing {
            status: 500,
            what: "x",
            complaint: None,
        },
        Error::StorageForbidden { what: "x" },
        Error::Unauthorised,
        Error::AbsenceNotProven {
            because: Box::new(Error::Unauthorised),
        },
        Error::AtSecond {
            remote: text(),
            because: Box::new(Error::WrongPassword),
        },
        Error::ConfigMissing {
            remote: text(),
            files: 1,
        },
        Error::RepositoryGone {
            id: text(),
            remote: text(),
        },
        Error::NoRepository { remote: text() },
        Error::Incomplete {
            files: Vec::new(),
            count: 1,
        },
        Error::NothingFound,
        Error::NotRemoved,
        Error::TooManySnapshots(Box::default()),
        Error::WrongPassword,
        Error::NoKeys,
        Error::Locked { holder: text() },
        Error::Restic {
            code: 1,
            message: text(),
            complaint: None,
        },
        Error::Restic {
            code: 2,
            message: text(),
            complaint: None,
        },
        Error::Unhealthy(text()),
        Error::System {
            what: "x",
            source: source(),
        },
    ]);
    all
}

#[test]
fn every_exit_code_is_documented() {
    let table = include_str!("../../docs/exit-codes.md");
    let documented: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .flat_map(|codes| codes.split(", "))
        .collect();
    for error in one_of_each() {
        let code = match &error {
            Error::Killed { .. } => "128 + n".to_owned(),
            other => other.exit_code().to_string(),
        };
        assert!(
            documented.contains(&code.as_str()),
            "{error:?}: {code} is not in docs/exit-codes.md"
        );
    }
    assert!(documented.contains(&crate::USAGE.to_string().as_str()));
}

#[test]
fn an_error_of_ours_is_never_a_success() {
    assert!(one_of_each().iter().all(|error| error.exit_code() != 0));
}

#[test]
fn an_error_says_what_to_do() {
    let silent: Vec<_> = one_of_each()
        .into_iter()
        .filter(|error| error.remedy().is_none())
        .collect();
    assert!(
        matches!(silent[..], [Error::Unhealthy(_), Error::System { .. }]),
        "{silent:?}"
    );
}

#[test]
fn a_line_to_type_at_the_second_destination_names_it() {
    let error = Error::AtSecond {
        remote: "infncloud:/x/".to_owned(),
        because: Box::new(Error::Login(Trouble::NoLogin)),
    };
    assert_eq!(
        error.remedy().unwrap(),
        "Log in: docker compose run --rm -e DESTINATION=copy cloud-backup config"
    );
}

#[test]
fn every_reason_why_there_is_no_restore_has_its_row() {
    let table = include_str!("../../docs/exit-codes.md");
    for refusal in refusals() {
        let code = refusal.exit_code().to_string();
        let is_its = |row: &str| {
            let mut cells = row.split('|').map(str::trim).skip(1);
            cells.next() == Some(&code)
                && cells.next().is_some_and(|verbs| verbs.contains("restore"))
        };
        assert!(table.lines().any(is_its), "{refusal:?}: no row of {code}");
        assert!(!refusal.remedy().is_empty());
    }
}

#[test]
fn every_trouble_with_the_login_has_its_row() {
    let table = include_str!("../../docs/exit-codes.md");
    let rows: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains("the login"))
        .collect();
    for trouble in troubles() {
        let begin = format!("| {} |", trouble.exit_code());
        assert!(
            rows.iter().any(|row| row.starts_with(&begin)),
            "{trouble:?}: no row of the login {begin}"
        );
    }
}
