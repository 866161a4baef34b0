//! What the checks have come to: told line by line as it becomes known, or at the end as JSON.

use std::io::Write;

use jiff::Timestamp;
use serde::Serialize;

use crate::error::typed_at_second;
use crate::fold::fold;
use crate::place::Place;
use crate::settings::Destination;
use crate::supervise::Redactor;

use super::finding::{Finding, Severity};

/// The exit code where something was found.
const FOUND: u8 = 1;
/// The column where what is told of a check begins.
const COLUMN: usize = 14;

/// What one check has come to: something good, something wrong, both, or why it was not made.
#[derive(Debug, Default)]
pub(super) struct Look {
    good: Option<String>,
    passed: Option<String>,
    findings: Vec<Finding>,
}

impl Look {
    pub(super) fn good(what: impl Into<String>) -> Self {
        Self::of(Vec::new(), what)
    }

    pub(super) fn found(finding: Finding) -> Self {
        Self {
            findings: vec![finding],
            ..Self::default()
        }
    }

    /// It was not looked at: the reason fits after "because".
    pub(super) fn passed(reason: impl Into<String>) -> Self {
        Self {
            passed: Some(reason.into()),
            ..Self::default()
        }
    }

    /// Findings, and what is good where no error is among them.
    pub(super) fn of(findings: Vec<Finding>, good: impl Into<String>) -> Self {
        let is_good = findings
            .iter()
            .all(|finding| finding.severity() == Severity::Warning);
        Self {
            good: is_good.then(|| good.into()),
            passed: None,
            findings,
        }
    }

    pub(super) fn has_findings(&self) -> bool {
        !self.findings.is_empty()
    }

    #[cfg(test)]
    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// The same, but what is good is good only where nothing was found at all.
    pub(super) fn strictly(findings: Vec<Finding>, good: impl Into<String>) -> Self {
        Self {
            good: findings.is_empty().then(|| good.into()),
            passed: None,
            findings,
        }
    }

    /// Whether what builds on it can be looked at.
    pub(super) fn carries(&self) -> bool {
        self.good.is_some()
    }

    /// With a further look of the same check.
    pub(super) fn and(self, next: Self) -> Self {
        let both = self.good.zip(next.good);
        Self {
            good: both.map(|(this, next)| format!("{this}; {next}")),
            passed: self.passed.or(next.passed),
            findings: self.findings.into_iter().chain(next.findings).collect(),
        }
    }
}

/// All of it.
#[derive(Debug, Serialize)]
pub(super) struct Ledger {
    /// Whether nothing was found.
    ok: bool,
    /// When it was begun.
    at: Timestamp,
    findings: Vec<Told>,
    checks: Vec<Check>,
    #[serde(skip)]
    redactor: Redactor,
    #[serde(skip)]
    json: bool,
    /// What the command is about: the same line is typed otherwise for the second.
    #[serde(skip)]
    destination: Destination,
}

/// A finding in words.
#[derive(Debug, Serialize)]
struct Told {
    check: &'static str,
    id: &'static str,
    severity: Severity,
    /// What is wrong.
    what: String,
    /// Why it matters.
    why: &'static str,
    /// What to type.
    line: String,
}

/// A check in words.
#[derive(Debug, Serialize)]
struct Check {
    #[serde(rename = "check")]
    name: &'static str,
    /// `good`, `found` or `not-looked-at`
    result: &'static str,
    /// What is good, or why it was not looked at.
    says: Option<String>,
}

impl Ledger {
    pub(super) fn new(json: bool, redactor: Redactor) -> Self {
        Self {
            ok: true,
            at: Timestamp::now(),
            findings: Vec::new(),
            checks: Vec::new(),
            redactor,
            json,
            destination: Destination::First,
        }
    }

    /// From here on the lines to type are those of this destination.
    pub(super) fn at(self, destination: Destination) -> Self {
        Self {
            destination,
            ..self
        }
    }

    /// Tells what a check has come to; whether what builds on it can be looked at.
    pub(super) fn tell(&mut self, check: &'static str, look: Look) -> bool {
        let carries = look.carries();
        let Look {
            good,
            passed,
            findings,
        } = look;
        let words = |text: &str| self.redactor.text(text).replace("\n  ", " ");
        let (result, intro) = match (&passed, findings.is_empty()) {
            (Some(_), _) => ("not-looked-at", "not looked at, because "),
            (None, false) => ("found", "good: "),
            (None, true) => ("good", "good: "),
        };
        let said = good.or(passed).map(|text| words(&text));
        let mut lines = String::new();
        if let Some(said) = &said {
            lines += &fold(&format!("{check:COLUMN$}{intro}"), COLUMN, said);
        }
        for finding in &findings {
            let line = finding.line(Place::here());
            let line = match self.destination {
                Destination::First => line,
                Destination::Copy => typed_at_second(&line),
            };
            let told = Told {
                check,
                id: finding.id(),
                severity: finding.severity(),
                what: words(&finding.to_string()),
                why: finding.why(),
                line: words(&line),
            };
            lines += &told.lines();
            self.findings.push(told);
        }
        self.ok &= findings.is_empty();
        self.checks.push(Check {
            name: check,
            result,
            says: said,
        });
        self.show(&lines);
        carries
    }

    /// The same reason for several checks that were not made, in one line.
    pub(super) fn pass(&mut self, checks: &[&'static str], reason: &str) {
        let reason = self.redactor.text(reason).replace("\n  ", " ");
        for check in checks {
            self.checks.push(Check {
                name: check,
                result: "not-looked-at",
                says: Some(reason.clone()),
            });
        }
        let words = format!("not looked at, because {reason}");
        let lines = match checks {
            [check] => fold(&format!("{check:COLUMN$}"), COLUMN, &words),
            several => fold("", COLUMN, &format!("{}: {words}", several.join(", "))),
        };
        self.show(&lines);
    }

    /// The end of it, and the exit code.
    pub(super) fn end(self) -> u8 {
        if self.json {
            // Cannot fail: all keys are texts.
            let json = serde_json::to_string_pretty(&self).unwrap_or_default() + "\n";
            write(&json);
        } else {
            write(&format!("\n{}\n", self.verdict()));
        }
        if self.ok { 0 } else { FOUND }
    }

    fn verdict(&self) -> String {
        let count = |severity| {
            let found = self.findings.iter();
            found.filter(|found| found.severity == severity).count()
        };
        let words = |number: usize, what: &str| match number {
            0 => None,
            1 => Some(format!("1 {what}")),
            number => Some(format!("{number} {what}s")),
        };
        let found = [
            words(count(Severity::Error), "error"),
            words(count(Severity::Warning), "warning"),
        ];
        let found: Vec<String> = found.into_iter().flatten().collect();
        if found.is_empty() {
            "All is well.".to_owned()
        } else {
            format!("{}.", found.join(", "))
        }
    }

    fn show(&self, lines: &str) {
        if !self.json {
            write(lines);
        }
    }
}

impl Told {
    fn lines(&self) -> String {
        let severity = match self.severity {
            Severity::Error => "ERROR",
            Severity::Warning => "warning",
        };
        let head = format!("{:COLUMN$}{severity}: ", self.check);
        let what = format!("{} [{}]", self.what, self.id);
        fold(&head, COLUMN, &what)
            + &fold(&" ".repeat(COLUMN), COLUMN, self.why)
            + &fold(&format!("{:COLUMN$}-> ", ""), COLUMN + 3, &self.line)
    }
}

/// Nobody listening is no reason to end otherwise.
fn write(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trouble::Trouble;

    fn ledger() -> Ledger {
        Ledger::new(true, Redactor::new(["planted".to_owned()]))
    }

    fn warning() -> Finding {
        Finding::SourceEmpty {
            path: "/backup/planted".to_owned(),
        }
    }

    #[test]
    fn what_builds_on_a_check_is_carried_by_what_is_good_and_by_warnings() {
        let mut ledger = ledger();
        assert!(ledger.tell("mounts", Look::good("x")));
        assert!(ledger.tell("mounts", Look::of(vec![warning()], "x")));
        assert!(!ledger.tell(
            "token",
            Look::of(vec![Finding::Login(Trouble::NoSubject)], "x")
        ));
        assert!(!ledger.tell("token", Look::passed("the login does not work")));
        let results: Vec<_> = ledger.checks.iter().map(|check| check.result).collect();
        assert_eq!(results, ["good", "found", "found", "not-looked-at"]);
        assert_eq!(ledger.verdict(), "1 error, 1 warning.");
        assert!(!ledger.ok);
    }

    #[test]
    fn a_finding_is_three_parts_and_no_secret() {
        let mut ledger = ledger();
        ledger.tell("mounts", Look::found(warning()));
        assert_eq!(
            ledger.findings[0].lines(),
            "mounts        warning: /backup/[redacted] is empty [source-empty]\n\
             \x20             Docker makes an empty directory for a host path that does not exist: there is nothing\n\
             \x20             to back up.\n\
             \x20             -> Correct the host directory of /backup/[redacted] under volumes in compose.yaml,\n\
             \x20                then: docker compose up -d --force-recreate. Where it is empty for now, put a file\n\
             \x20                in it.\n"
        );
    }

    #[test]
    fn two_looks_of_one_check_are_good_together_alone() {
        let good = || Look::good("written");
        assert_eq!(
            good().and(Look::good("opens")).good.as_deref(),
            Some("written; opens")
        );
        assert!(!good().and(Look::found(warning())).carries());
        assert!(good().and(Look::found(warning())).has_findings());
    }

    #[test]
    fn at_the_second_destination_the_lines_are_its_own() {
        let mut ledger = ledger().at(Destination::Copy);
        ledger.tell("login", Look::found(Finding::Login(Trouble::NoLogin)));
        assert_eq!(
            ledger.findings[0].line,
            "Log in: docker compose run --rm -e DESTINATION=copy cloud-backup config"
        );
    }

    #[test]
    fn nothing_found_is_well() {
        let mut ledger = ledger();
        ledger.tell("settings", Look::good("read"));
        ledger.pass(&["token", "sts"], "the storage needs no login");
        assert_eq!(
            (ledger.verdict().as_str(), ledger.ok),
            ("All is well.", true)
        );
        assert_eq!(ledger.end(), 0);
    }
}
