//! What is told of a job that is overdue or keeps failing, in the log and through its check.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Standing;
use crate::history::{Run, State};
use crate::moment::{date_and_time, span};
use crate::plan::Job;
use crate::report::Report;

const FAILS: &str =
    "Its last runs tell why; all at a glance: docker compose run --rm cloud-backup status";
const OFELIA: &str = "Nothing has run it: see whether Ofelia runs and takes the job (docker compose ps, docker compose \
                      logs ofelia), then: docker compose run --rm cloud-backup status";
const SCHEDULER: &str = "No run of it was written down: see the log of the scheduler (docker compose logs), then: docker compose \
                         run --rm cloud-backup status";

/// What there is to tell; `None` where all is well.
#[must_use]
pub fn report(
    job: &Job,
    standing: &Standing,
    scheduler_runs: bool,
    zone: &TimeZone,
    now: Timestamp,
) -> Option<Report> {
    let verdict = problem(job, standing, zone, now)?;
    let redactor = job.environment.redactor();
    let past = &standing.past;
    let has_failed = past.last_failure.is_some();
    let remedy = match (has_failed || past.running.is_some(), scheduler_runs) {
        (true, _) => FAILS,
        (false, true) => SCHEDULER,
        (false, false) => OFELIA,
    };
    let mut summary = Vec::new();
    if let Some(run) = &past.running {
        let since = date_and_time(run.beginning.started, zone);
        summary.push(format!("A run is under way since {since}"));
    }
    if standing.is_overdue() && past.failed_in_a_row > 1 {
        summary.push(format!("Its last {} runs failed", past.failed_in_a_row));
    }
    if let Some(run) = past.last_failure.as_ref().or(past.last.as_ref()) {
        summary.push(last_run(run, zone));
    }
    let redacted = |text: String| redactor.text(&text);
    Some(Report {
        verdict: redacted(verdict),
        remedy: Some(remedy.to_owned()),
        summary: summary.into_iter().map(redacted).collect(),
        tail: String::new(),
    })
}

/// The job's trouble in one line; `None` where it has none.
#[must_use]
pub fn problem(job: &Job, standing: &Standing, zone: &TimeZone, now: Timestamp) -> Option<String> {
    let name = &job.job.name;
    if let Some(terms) = standing.terms.filter(|terms| terms.is_overdue) {
        let success = standing.past.last_success.as_ref();
        let since = success.and_then(|run| run.end()).map(|end| end.at);
        let planned = if since.is_none() {
            "it was planned, "
        } else {
            ""
        };
        let since = since.unwrap_or(terms.base);
        let asked = match job.job.max_age {
            Some(age) => format!("its max-age is {}", humantime::format_duration(age)),
            None => format!("it is scheduled for {}", job.job.schedule),
        };
        return Some(format!(
            "{name} has not succeeded since {planned}{} ({}): {asked}",
            date_and_time(since, zone),
            span(now.duration_since(since))
        ));
    }
    let past = &standing.past;
    let last = past.last_failure.as_ref()?;
    standing.keeps_failing.then(|| {
        format!(
            "{name} keeps failing: its last {} runs failed, the last one began {}",
            past.failed_in_a_row,
            date_and_time(last.beginning.started, zone)
        )
    })
}

fn last_run(run: &Run, zone: &TimeZone) -> String {
    let began = date_and_time(run.beginning.started, zone);
    match &run.state {
        State::Ended(end) => format!("Last run, {began}: {}", end.verdict),
        State::BrokenOff | State::Running => format!("Last run, {began}: it was broken off"),
    }
}
