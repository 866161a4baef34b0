//! The sections of jobs.

use std::collections::HashMap;
use std::time::Duration;

use secrecy::SecretString;

use super::global::Global;
use super::ini::Section;
use super::keys::{AGES, Bounds, Keys};
use super::{Job, Kind, Refusal, words};
use crate::schedule::{Schedule, shown};

/// What both kinds know.
const COMMON: [&str; 9] = [
    "schedule",
    "command",
    "environment",
    "no-overlap",
    "save-folder",
    "catch-up",
    "jitter",
    "timeout",
    "max-age",
];
const EXEC: [&str; 3] = ["container", "user", "tty"];
const LOCAL: [&str; 1] = ["dir"];

const JITTER: Bounds = Bounds {
    min: Duration::ZERO,
    max: Duration::from_hours(24),
    words: "from 0s to 24h",
};
const TIMEOUT: Bounds = Bounds {
    min: Duration::from_secs(1),
    max: Duration::from_hours(30 * 24),
    words: "from 1s to 30 days",
};

/// A file name has 255 bytes, and the log's has a date and an ending too.
const LONGEST_NAME: usize = 200;

pub(super) fn read(sections: &[Section], global: &Global, refusals: &mut Vec<Refusal>) -> Vec<Job> {
    let mut jobs = Vec::new();
    let mut seen = HashMap::new();
    for section in sections {
        match section.kind.as_str() {
            // The header was refused, or `global` was read.
            "" | "global" => (),
            "job-exec" | "job-local" => {
                let name = name(section, &mut seen, refusals);
                jobs.extend(job(section, name, global, refusals));
            }
            kind @ ("job-run" | "job-service-run") => refusals.push(Refusal::new(
                section.line,
                format!(
                    "{kind} starts a container of its own, which needs the Docker socket: leave this job to Ofelia, or \
                     make it a job-exec or job-local"
                ),
            )),
            kind => refusals.push(Refusal::new(
                section.line,
                format!(
                    "{} is no section of Ofelia's: write [global], [job-exec \"name\"] or [job-local \"name\"]",
                    shown(kind)
                ),
            )),
        }
    }
    jobs
}

/// The job's name, if it can have it.
fn name<'a>(
    section: &'a Section,
    seen: &mut HashMap<&'a str, usize>,
    refusals: &mut Vec<Refusal>,
) -> Option<&'a str> {
    let mut refuse = |message: String| {
        refusals.push(Refusal::new(section.line, message));
        None
    };
    let kind = &section.kind;
    let Some(name) = section.name.as_deref().filter(|name| !name.is_empty()) else {
        return refuse(format!(
            "the job has no name: write one in double quotes, [{kind} \"backup\"]"
        ));
    };
    if name.len() > LONGEST_NAME || name.contains(['/', '\\']) || name.contains(char::is_control) {
        return refuse(format!(
            "the name {:?} cannot be part of a log file's name: use letters, digits and hyphens",
            shown(name)
        ));
    }
    if let Some(line) = seen.get(name) {
        return refuse(format!(
            "the name {name} belongs to the job of line {line} already: give this one another"
        ));
    }
    seen.insert(name, section.line);
    Some(name)
}

/// Reads all keys, so that all refusals are told, whatever the name is.
fn job(
    section: &Section,
    name: Option<&str>,
    global: &Global,
    refusals: &mut Vec<Refusal>,
) -> Option<Job> {
    let exec = section.kind == "job-exec";
    let known: Vec<&str> = COMMON
        .iter()
        .chain(if exec { &EXEC[..] } else { &LOCAL[..] })
        .copied()
        .collect();
    let mut keys = Keys::new(section, &known, refusals);
    let schedule = schedule(&mut keys);
    let command = command(&mut keys);
    let kind = if exec {
        container(&mut keys)
    } else {
        local(&mut keys)
    };
    let environment = environment(&mut keys);
    let no_overlap = keys.flag("no-overlap").unwrap_or(false);
    let catch_up = keys.flag("catch-up").unwrap_or(true);
    let jitter = keys.duration("jitter", &JITTER);
    let timeout = keys.duration("timeout", &TIMEOUT);
    let max_age = keys.duration("max-age", &AGES);
    let save_folder = keys.folder("save-folder");
    Some(Job {
        name: name?.to_owned(),
        line: section.line,
        kind: kind?,
        schedule: schedule?,
        command: command?,
        environment,
        no_overlap,
        catch_up,
        jitter: jitter.unwrap_or_default(),
        timeout,
        max_age: max_age.or(global.max_age),
        save_folder: save_folder.or_else(|| global.save_folder.clone()),
    })
}

fn schedule(keys: &mut Keys) -> Option<Schedule> {
    let (entry, text) = keys.required("schedule", "0 0 2 * * *")?;
    Schedule::parse(text)
        .map_err(|message| keys.refuse(entry, message))
        .ok()
}

fn command(keys: &mut Keys) -> Option<Vec<String>> {
    let (entry, text) = keys.required("command", "backup /backup/dir1")?;
    words::split(text, entry.comment)
        .map_err(|message| keys.refuse(entry, message))
        .ok()
}

fn container(keys: &mut Keys) -> Option<Kind> {
    if keys.flag("tty") == Some(true)
        && let Some(entry) = keys.find("tty")
    {
        keys.refuse(entry, "must be false, or away: a job has no terminal here");
    }
    let user = keys.text("user").map(|(_, user)| user.to_owned());
    let (entry, container) = keys.required("container", "cloud-backup")?;
    Some(Kind::Exec {
        container: container.to_owned(),
        user,
        line: entry.line,
    })
}

#[expect(clippy::unnecessary_wraps, reason = "the counterpart of `container`")]
fn local(keys: &mut Keys) -> Option<Kind> {
    Some(Kind::Local {
        dir: keys.folder("dir"),
    })
}

fn environment(keys: &mut Keys) -> Vec<(String, SecretString)> {
    let mut variables: Vec<(String, SecretString)> = Vec::new();
    for entry in keys.several() {
        let pair = entry
            .value
            .as_deref()
            .and_then(|value| value.split_once('='));
        match pair.filter(|(name, _)| !name.is_empty() && !name.contains(char::is_whitespace)) {
            // Not shown: the value may be a secret.
            None => keys.refuse(entry, "must be a variable with its value, NAME=value"),
            Some((name, _)) if variables.iter().any(|(known, _)| known == name) => {
                keys.refuse(
                    entry,
                    format!("sets {} a second time: keep one of them", shown(name)),
                );
            }
            Some((name, value)) => variables.push((name.to_owned(), value.to_owned().into())),
        }
    }
    variables
}
