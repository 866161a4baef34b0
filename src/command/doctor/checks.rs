//! The checks of Healthchecks: whether their URLs are some, and whether they take a report.
//!
//! They are asked by a note (`POST <url>/log`), which is written to the check's events and changes neither its state nor
//! its times (<https://healthchecks.io/docs/http_api/>). `create=1` is left out of it: a look makes no check.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::plan::Plan;
use crate::report::{Cause, CheckUrl, Deadlines, Delivery, Report, Reporter};
use crate::settings::{Checks, Problem};
use crate::trust::Trust;

use super::finding::Finding;
use super::ledger::Look;

/// All checks are asked at once.
const DEADLINES: Deadlines = Deadlines {
    total: Duration::from_secs(6),
    attempt: Duration::from_secs(5),
    start: Duration::ZERO,
};

/// A check, and the job that sets its URL, where it is not the container's.
#[derive(Debug, Clone)]
struct Asked {
    check: CheckUrl,
    /// A check that is not there is made by its first report.
    is_made: bool,
    job: Option<String>,
}

/// Those of the container and those of the schedule file's jobs, each once.
pub(super) async fn look(
    checks: &Checks,
    problems: &[Problem],
    plan: Option<&Plan>,
    trust: &Trust,
) -> Look {
    let mut findings: Vec<Finding> = problems
        .iter()
        .map(|problem| Finding::CheckWrong {
            problem: problem.to_string(),
            job: None,
        })
        .collect();
    let mut asked: Vec<Asked> = Vec::new();
    let mut ask = |check: CheckUrl, job: Option<&str>| {
        let (check, is_made) = check.without_creation();
        if !asked.iter().any(|known| known.check.is_same(&check)) {
            let job = job.map(str::to_owned);
            asked.push(Asked {
                check,
                is_made,
                job,
            });
        }
    };
    for check in checks.all() {
        ask(check.clone(), None);
    }
    for job in plan.iter().flat_map(|plan| &plan.jobs) {
        let name = job.job.name.as_str();
        if let Some(check) = &job.check {
            ask(check.clone(), Some(name));
        }
        // The container's own is told already.
        if let Some(problem) = &job.check_problem
            && !problems.contains(problem)
        {
            findings.push(Finding::CheckWrong {
                problem: problem.to_string(),
                job: Some(name.to_owned()),
            });
        }
    }
    if asked.is_empty() && findings.is_empty() {
        return Look::passed("no check is set: nobody is told when a job fails");
    }
    let number = asked.len();
    findings.extend(answers(asked, trust).await);
    let checks = match number {
        1 => "1 check".to_owned(),
        several => format!("{several} checks"),
    };
    let good =
        format!("{checks} asked by a note (/log), which changes no state: reports are taken");
    Look::strictly(findings, good)
}

async fn answers(asked: Vec<Asked>, trust: &Trust) -> Vec<Finding> {
    let mut asking = JoinSet::new();
    for (place, asked) in asked.into_iter().enumerate() {
        let reporter = Reporter::new(Some(asked.check.clone()), trust.clone(), DEADLINES);
        asking.spawn(async move {
            let note = Report {
                verdict: "cloud-backup doctor asks whether reports get here: no job has run"
                    .to_owned(),
                ..Report::default()
            };
            (place, judged(&asked, reporter.log(&note).await))
        });
    }
    let mut answers = asking.join_all().await;
    answers.sort_by_key(|(place, _)| *place);
    answers
        .into_iter()
        .filter_map(|(_, finding)| finding)
        .collect()
}

fn judged(asked: &Asked, delivery: Delivery) -> Option<Finding> {
    let (check, job) = (asked.check.to_string(), asked.job.clone());
    match delivery {
        Delivery::NotConfigured | Delivery::Delivered | Delivery::BrokenOff => None,
        Delivery::Doubtful { answer, .. } => match answer.as_str() {
            "OK (rate limited)" => None,
            "OK (not found)" => Some(Finding::CheckMissing { check, job }),
            _ => Some(Finding::CheckRefused {
                check,
                reason: format!("{answer:?} is no answer of Healthchecks"),
                job,
            }),
        },
        Delivery::Failed { cause, .. } => match cause {
            Cause::Status(429) => None,
            Cause::Status(404) if asked.is_made => None,
            Cause::Status(404) => Some(Finding::CheckMissing { check, job }),
            Cause::Status(408 | 500..=599) | Cause::Unreachable(_) | Cause::Certificate(_) => {
                Some(Finding::CheckUnreachable {
                    check,
                    reason: cause.to_string(),
                    job,
                })
            }
            Cause::Status(_) => Some(Finding::CheckRefused {
                check,
                reason: cause.to_string(),
                job,
            }),
        },
    }
}
