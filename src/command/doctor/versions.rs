//! Our version and those of the programs of the image, beside what is needed and what docs/parts.md was found with.

use std::path::PathBuf;

use crate::command::version::version;
use crate::place::Place;
use crate::settings::{Login, Settings};
use crate::storage::{Rclone, Supply};
use crate::volume::Volume;

use super::finding::Finding;
use super::ledger::Look;

/// A program that is run by us.
struct Program {
    name: &'static str,
    /// The oldest that is known to work.
    least: &'static str,
    /// The newest that docs/parts.md was found with; one of another first number is another program.
    tested: &'static str,
}

const PROGRAMS: [Program; 3] = [
    Program {
        name: "restic",
        // `--skip-if-unchanged`, exit codes 10 to 12.
        least: "0.17",
        tested: "0.18.0",
    },
    Program {
        name: "rclone",
        // Before it a failing login looks like an empty storage.
        least: "1.66",
        tested: "1.75.2",
    },
    Program {
        name: "oidc-agent",
        least: "4.2",
        tested: "4.2.6",
    },
];

impl Program {
    /// On a host rclone serves no repository: Debian's own opens the storage (docs/manual.md).
    fn least(&self, is_host: bool) -> &'static str {
        match self.name {
            "rclone" if is_host => "1.60",
            _ => self.least,
        }
    }
}

pub(super) async fn look(settings: &Settings, volume: Option<&Volume>) -> Look {
    let is_patched = match volume {
        Some(volume) => is_patched(settings, volume).await,
        None => false,
    };
    let [restic, rclone, agent] = &PROGRAMS;
    let (restic_is, rclone_is, agent_is) = tokio::join!(
        version(settings, restic.name),
        version(settings, rclone.name),
        version(settings, agent.name)
    );
    let mut findings = Vec::new();
    let mut words = vec![format!("cloud-backup {}", env!("CARGO_PKG_VERSION"))];
    let is_host = Place::here() == Place::Host;
    let mut look_at = |program: &Program, found: Option<String>| {
        let name = program.name;
        let is_beside = is_host && name == "restic";
        let Some(found) = found.as_deref().and_then(number) else {
            if !is_beside {
                findings.push(Finding::ProgramMissing { program: name });
            }
            return;
        };
        words.push(format!("{name} {found}"));
        if is_beside {
            // Nothing of ours runs it there.
        } else if name == "rclone" && is_patched {
            // It tells the version that it was made of.
            findings.push(Finding::PatchedRclone);
        } else {
            findings.extend(judged(program, program.least(is_host), found));
        }
    };
    look_at(restic, restic_is);
    look_at(rclone, rclone_is);
    let is_person = |login: &Login| login.service.is_none();
    if settings.login.as_ref().is_some_and(is_person) {
        look_at(agent, agent_is);
    }
    Look::of(findings, words.join(", "))
}

/// `restic 0.18.0`, `rclone v1.75.2-DEV`, `oidc-agent 4.2.6`: the number.
fn number(words: &str) -> Option<&str> {
    let number = words.split(' ').nth(1)?.trim_start_matches('v');
    number
        .starts_with(|c: char| c.is_ascii_digit())
        .then_some(number)
}

fn judged(program: &Program, least: &'static str, found: &str) -> Option<Finding> {
    let parts = |version: &str| -> Vec<u32> {
        let parts = version.split(['.', '-', '+']);
        parts.map_while(|part| part.parse().ok()).collect()
    };
    let (is, name) = (parts(found), program.name);
    if is < parts(least) {
        return Some(Finding::ProgramOld {
            program: name,
            found: found.to_owned(),
            least,
        });
    }
    (is.first() != parts(program.tested).first()).then(|| Finding::ProgramUntested {
        program: name,
        found: found.to_owned(),
        tested: program.tested,
    })
}

/// Whether the rclone that opens the login's storage is INFN's patched one.
async fn is_patched(settings: &Settings, volume: &Volume) -> bool {
    let nowhere = Supply {
        endpoint: Vec::new(),
        agent: PathBuf::new(),
    };
    let rclone = Rclone::find(settings, volume, Some(&nowhere)).await;
    rclone.is_ok_and(|rclone| rclone.is_patched())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_tested_is_what_the_document_was_found_with() {
        let (head, _) = include_str!("../../../docs/parts.md")
            .split_once("\n\n## ")
            .unwrap();
        for program in PROGRAMS {
            let tested = format!("{} {}", program.name, program.tested);
            assert!(head.contains(&tested), "{tested}");
        }
    }

    #[test]
    fn an_old_one_and_another_generation_are_told_and_a_newer_one_is_not() {
        let [restic, rclone, agent] = &PROGRAMS;
        let id = |program: &Program, found| {
            judged(program, program.least(false), found).map(|finding| finding.id())
        };
        assert!(judged(rclone, rclone.least(true), "1.60.1-DEV").is_none());
        for (program, found, expected) in [
            (restic, "0.18.0", None),
            (restic, "0.19.1", None),
            (restic, "0.16.5", Some("program-old")),
            (restic, "1.0", Some("program-untested")),
            (rclone, "1.66.0", None),
            (rclone, "1.75.2-DEV", None),
            (rclone, "1.60.1", Some("program-old")),
            (agent, "4.2.6", None),
            (agent, "4.10.0", None),
            (agent, "5.1.0", Some("program-untested")),
            (agent, "4.1", Some("program-old")),
        ] {
            assert_eq!(id(program, found), expected, "{found}");
        }
        assert_eq!(number("rclone v1.75.2-DEV"), Some("1.75.2-DEV"));
        assert_eq!(number("restic unknown"), None);
        assert_eq!(number("restic"), None);
    }
}
