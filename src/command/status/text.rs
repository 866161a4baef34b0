//! The status for people: what is not well first, then part by part, within 100 columns, times in the user's zone.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Status;
use super::jobs::{Job, LastRun, Outcome};
use super::login::Login;
use super::repository::State;
use crate::fold::fold;
use crate::moment::{about, day_and_time, seen_from, span};
use crate::repository::Group;
use crate::size::bytes;

/// The column where what is told of a part begins.
const COLUMN: usize = 14;

/// A page that is being written.
struct Page<'a> {
    text: String,
    zone: &'a TimeZone,
    now: Timestamp,
}

/// The whole status.
pub(super) fn text(status: &Status, zone: &TimeZone) -> String {
    let mut page = Page {
        text: String::new(),
        zone,
        now: status.at,
    };
    page.findings(status);
    page.jobs(status);
    page.server(status);
    if let Some(login) = &status.login {
        page.login(login);
    }
    page.repository(&status.repository);
    page.text
}

impl Page<'_> {
    /// A line under a title, folded where it is too long.
    fn line(&mut self, title: &str, words: &str) {
        let head = format!("{title:COLUMN$}");
        self.fold(&head, COLUMN, words);
    }

    /// Words after a head; what follows the first line is set in as far as `indent`.
    fn fold(&mut self, head: &str, indent: usize, words: &str) {
        self.text.push_str(&fold(head, indent, words));
    }

    fn time(&self, time: Timestamp) -> String {
        seen_from(self.now, time, self.zone)
    }

    fn findings(&mut self, status: &Status) {
        let now = day_and_time(self.now, self.zone, self.now);
        let zone = self.zone.iana_name().unwrap_or("local time").to_owned();
        match status.findings.len() {
            0 => self.fold("", 0, &format!("All is well. {now}, {zone}")),
            number => {
                let things = if number == 1 {
                    "thing is"
                } else {
                    "things are"
                };
                self.fold("", 0, &format!("{number} {things} not well. {now}, {zone}"));
            }
        }
        for finding in &status.findings {
            self.fold(&format!("  {}: ", finding.about), 4, &finding.problem);
            if let Some(remedy) = &finding.remedy {
                self.fold("    -> ", 7, remedy);
            }
        }
    }

    fn jobs(&mut self, status: &Status) {
        let _ = writeln!(self.text);
        match &status.schedule.file {
            Some(file) => self.line("Jobs", &format!("of {}", file.display())),
            None => {
                self.line(
                    "Jobs",
                    "that ran in the last 30 days: without a schedule file it is not known when they run next",
                );
            }
        }
        for passed_over in &status.schedule.passed_over {
            self.line("", &format!("not this container's: {passed_over}"));
        }
        if status.jobs.is_empty() {
            self.line("", "none");
        }
        for job in &status.jobs {
            self.job(job);
        }
    }

    fn job(&mut self, job: &Job) {
        let line = [&job.command].into_iter().chain(&job.args);
        let line = line.map(String::as_str).collect::<Vec<_>>().join(" ");
        let head = format!("  {}: ", job.name);
        if job.name == line {
            self.fold("  ", 4, &line);
        } else {
            self.fold(&head, 4, &line);
        }
        if let Some(run) = &job.last_run {
            let told = self.run(run);
            self.line("    last run", &told);
        } else if !job.watched {
            self.line(
                "    last run",
                "not known: Ofelia runs it, and keeps its log",
            );
        } else {
            self.line("    last run", "none so far");
        }
        if job
            .last_run
            .as_ref()
            .is_some_and(|run| run.result != Outcome::Success)
        {
            let success = job.last_success.map(|time| self.time(time));
            self.line("    success", success.as_deref().unwrap_or("none so far"));
        }
        if let Some(since) = job.running_since {
            let since = self.time(since);
            self.line("    running", &format!("since {since}"));
        }
        if job.schedule.is_some() {
            let next = job.next_run.map(|time| self.time(time));
            let unknown = "not known: @every counts from the start of Ofelia";
            let mut next = next.unwrap_or_else(|| unknown.to_owned());
            if job.overdue {
                next.push_str("; overdue");
            }
            self.line("    next run", &next);
        }
    }

    fn run(&self, run: &LastRun) -> String {
        let began = self.time(run.started);
        let took = run
            .ended
            .map(|ended| span(ended.duration_since(run.started)));
        let took = took.map_or_else(String::new, |took| format!(", {took}"));
        let verdict = run.verdict.as_deref().unwrap_or("it was broken off");
        let code = match (run.result, run.exit_code) {
            (Outcome::Failure, Some(code)) => format!(" [{code}]"),
            _ => String::new(),
        };
        format!("{began}{took}: {verdict}{code}")
    }

    fn server(&mut self, status: &Status) {
        let server = &status.server;
        let health = if server.healthy { "" } else { "not healthy: " };
        let _ = writeln!(self.text);
        let says = server.says.lines().map(str::trim).collect::<Vec<_>>();
        self.line("Server", &format!("{health}{}", says.join(" ")));
        if server.running {
            let place = self.place(
                server.container.as_deref(),
                server.host.as_deref(),
                server.since.as_deref(),
            );
            self.line("", &place);
        }
        let scheduler = &status.scheduler;
        if scheduler.running {
            let place = self.place(
                scheduler.container.as_deref(),
                scheduler.host.as_deref(),
                scheduler.since.as_deref(),
            );
            self.line("Scheduler", &format!("running {place}"));
            if let Some(file) = &scheduler.file {
                self.line("", &format!("keeps {}", file.display()));
            }
        } else {
            let none = "none of ours runs: the jobs are Ofelia's, or started by hand";
            self.line("Scheduler", none);
        }
    }

    fn place(&self, container: Option<&str>, host: Option<&str>, since: Option<&str>) -> String {
        let mut place = match container {
            Some(id) => format!("in container {}", &id[..id.floor_char_boundary(12)]),
            None => "in a container that has not said its name".to_owned(),
        };
        if let Some(host) = host {
            let _ = write!(place, " (host name {host})");
        }
        if let Some(since) = since.and_then(|since| since.parse().ok()) {
            let _ = write!(place, " since {}", self.time(since));
        }
        place
    }

    fn login(&mut self, login: &Login) {
        if let Some(client) = &login.service {
            let words = match &login.problem {
                Some(problem) => format!("of the service client {client}: {problem}"),
                None => {
                    format!("none that ends: the service client {client} gets tokens by itself")
                }
            };
            self.line("Login", &words);
            return;
        }
        let whose = match &login.user {
            Some(user) => format!("of {user}, "),
            None => String::new(),
        };
        let end = match (login.ends, login.days_left) {
            (Some(ends), Some(_)) if ends > self.now => {
                let left = about(ends.duration_since(self.now));
                let day = day_and_time(ends, self.zone, self.now);
                format!("{whose}good for {left}, until {day}")
            }
            (Some(ends), _) => {
                let day = day_and_time(ends, self.zone, self.now);
                format!("{whose}was to end {day}")
            }
            (None, _) if login.problem.is_some() => login.problem.clone().unwrap_or_default(),
            (None, _) => {
                format!(
                    "{whose}when it ends only the login service knows: check-refresh-token asks it"
                )
            }
        };
        self.line("Login", &end);
        if login.estimated {
            self.line("", "(estimated: 30 days after the login)");
        }
    }

    fn repository(&mut self, repository: &State) {
        let size = repository.size_bytes.map_or_else(
            || "its size was not known in time".to_owned(),
            |size| format!("{} on the storage", bytes(size)),
        );
        let what = match (repository.exists, &repository.problem) {
            (Some(true), _) => size,
            (Some(false), _) => "none yet, the first backup makes it".to_owned(),
            (None, problem) => {
                let problem = problem.as_deref().unwrap_or_default();
                format!("not known: {}", problem.replace('\n', " "))
            }
        };
        self.line("Repository", &format!("{}: {what}", repository.remote));
        for group in &repository.snapshots {
            self.snapshots(group);
        }
        if repository.exists == Some(true) && repository.snapshots.is_empty() {
            self.line("", "no snapshots");
        }
    }

    fn snapshots(&mut self, group: &Group) {
        let plural = if group.count == 1 { "" } else { "s" };
        let newest = self.time(group.newest);
        let size = group.newest_bytes.map(bytes);
        let size = size.map_or_else(String::new, |size| format!(", {size}"));
        let line = format!(
            "{} {}: {} snapshot{plural}, the newest {newest}{size}",
            group.host,
            group.paths.join(" "),
            group.count
        );
        self.fold("  ", COLUMN, &line);
    }
}

#[cfg(test)]
mod tests;
