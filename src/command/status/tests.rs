//! What is not well is told once, without secrets.

use super::*;

fn findings() -> Findings {
    Findings {
        list: Vec::new(),
        redactor: Redactor::new(["planted".to_owned()]),
    }
}

#[test]
fn what_several_parts_have_met_is_told_once() {
    let mut findings = findings();
    let ended = "the login has ended: revoked";
    findings.add("job", &format!("backup failed: {ended}"), None);
    findings.add("login", ended, Some("Log in again."));
    findings.add("server", &format!("{ended}. Log in again."), None);
    findings.add("repository", "the storage does not work", None);
    let about: Vec<_> = findings.list.iter().map(|known| known.about).collect();
    assert_eq!(about, ["job", "login", "repository"]);
}

#[test]
fn a_finding_is_one_line_without_secrets() {
    let mut findings = findings();
    let shown = findings.add_error(
        "schedule",
        &Error::Unhealthy("two problems:\n  planted\n  other".to_owned()),
    );
    assert!(shown.contains("[redacted]"), "{shown}");
    assert_eq!(findings.list[0].problem, "two problems: [redacted] other");
}
