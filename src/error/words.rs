//! Sentences of errors that count or list something.

use std::fmt;

use nix::sys::signal::Signal;

use super::Error;

/// The list of problems, one a line, so that one look is enough to mend them all.
pub(super) struct Problems<'a, P>(pub(super) &'a [P]);

impl<P: fmt::Display> fmt::Display for Problems<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [one] => write!(f, "a problem: {one}"),
            all => {
                write!(f, "{} problems:", all.len())?;
                all.iter()
                    .try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

/// The list stands below: a report has its remedy between the two.
pub(super) fn unequal(files: &[String]) -> String {
    let what = match files.len() {
        1 => "1 restored file is not what was backed up".to_owned(),
        n => format!("{n} restored files are not what was backed up"),
    };
    format!("{what}:\n  {}", files.join("\n  "))
}

pub(super) fn of_others(hosts: &[String]) -> String {
    match hosts {
        [] => String::new(),
        // Where the host name is another one with each container, there may be hundreds.
        [first, second, third, _, ..] => format!(
            ", those of {first}, {second}, {third} and {} more are",
            hosts.len() - 3
        ),
        hosts => format!(", those of {} are", hosts.join(", ")),
    }
}

pub(super) fn interrupted(signal: Signal) -> String {
    match signal {
        Signal::SIGALRM => "it did not end within its timeout and was ended".to_owned(),
        signal => format!("it was interrupted by {signal}"),
    }
}

pub(super) fn incomplete(count: usize) -> String {
    match count {
        0 => "some files could not be read".to_owned(),
        1 => "1 file could not be read".to_owned(),
        n => format!("{n} files could not be read"),
    }
}

/// What failed at the second destination, by its own variables.
pub(super) fn at_second(because: &Error) -> String {
    match because {
        Error::WrongPassword => "COPY_PASSWORD is not the password of this repository".to_owned(),
        other => other.to_string(),
    }
}
