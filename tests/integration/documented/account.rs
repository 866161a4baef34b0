//! Which test types the lines of which section.

use std::collections::BTreeSet;

use super::{lines, read, sections};

/// The file of the test that types the lines, the document, and the headings (or the title, for what stands before the first
/// heading).
const TYPED: &[(&str, &str, &[&str])] = &[
    ("scripts/test", "README.md", &["## Two commands"]),
    (
        "documented/guide.rs",
        "README.md",
        &["## Set it up", "## What it looks like"],
    ),
    (
        "documented/guide.rs",
        "docs/setup.md",
        &[
            "## 1. The files",
            "## 2. The login",
            "## 3. Start",
            "## 4. The first check and the first backup",
            "## 5. Once a month: reauth",
            "## Other tools on the same login",
            "## Files that only root can read",
            "## A new password",
            "## From the older image",
            "## When something fails",
        ],
    ),
    (
        "documented/thirty_days.rs",
        "docs/the-30-days.md",
        &[
            "# The 30 days of a login",
            "## When it has ended",
            "## After reauth",
        ],
    ),
    (
        "compose.rs",
        "docs/scheduling.md",
        &["## Without the Docker socket", "## The file", "## Status"],
    ),
    (
        "copy/documented.rs",
        "docs/second-destination.md",
        &["## Set it up", "## Any command on the second destination"],
    ),
    (
        "login_service.rs",
        "docs/service-client.md",
        &["## Set it up", "## What the commands of the login do"],
    ),
    (
        "rig_storages.rs",
        "docs/other-storage.md",
        &["# Other storage"],
    ),
    (
        "documented/guide.rs",
        "docs/doctor.md",
        &["# doctor: what is wrong, before you ask"],
    ),
    (
        "external_clients/documented.rs",
        "docs/external-clients.md",
        &[
            "## restic in a container",
            "## restic on the VM",
            "## rustic",
        ],
    ),
    (
        "login_host/manual.rs",
        "docs/manual.md",
        &[
            "## The programs",
            "## The login",
            "## restic",
            "## duplicity",
            "## Every night",
        ],
    ),
    (
        "restore/documented.rs",
        "docs/restore.md",
        &[
            "## A single file",
            "## A directory",
            "## Everything back in place",
            "## The day the VM is gone",
            "## The day our image is gone",
        ],
    ),
];

/// Document, heading and the file of the test of each section with lines.
pub fn typed() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let of_one =
        |(file, document, headings): &(&'static str, &'static str, &'static [&'static str])| {
            let (file, document) = (*file, *document);
            headings
                .iter()
                .map(move |heading| (document, *heading, file))
        };
    TYPED.iter().flat_map(of_one)
}

/// All documents for users.
fn documents() -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("docs/")
        .map(|entry| {
            entry
                .expect("a file")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .map(|name| format!("docs/{name}"))
        .collect();
    names.push("README.md".to_owned());
    names
}

#[test]
fn every_section_with_command_lines_has_a_test_that_types_them() {
    let mut there = BTreeSet::new();
    for document in documents() {
        let text = read(&document);
        for (heading, section) in sections(&text) {
            if !lines(section).is_empty() {
                there.insert((document.clone(), heading.to_owned()));
            }
        }
    }
    let accounted: BTreeSet<(String, String)> = typed()
        .map(|(document, heading, _)| (document.to_owned(), heading.to_owned()))
        .collect();
    assert_eq!(there, accounted);
}

#[test]
fn no_line_is_written_as_this_lookup_does_not_read_it() {
    for document in documents() {
        let text = read(&document);
        for line in text.lines() {
            let begin = line.trim_start();
            let is_shallow = begin.starts_with("$ ") && !line.starts_with("    ");
            let is_other = line.starts_with('\t') || begin.starts_with("~~~");
            assert!(!is_shallow && !is_other, "{document}: {line:?}");
        }
        for line in sections(&text)
            .iter()
            .flat_map(|(_, section)| lines(section))
        {
            assert!(
                !line.typed.ends_with('\\'),
                "{document}: goes on: {}",
                line.typed
            );
        }
    }
}

#[test]
fn each_of_these_tests_names_the_document() {
    for (document, heading, file) in typed().filter(|(_, _, file)| !file.starts_with("scripts/")) {
        let source = read(&format!("tests/integration/{file}"));
        let name = document.strip_prefix("docs/").unwrap_or(document);
        assert!(
            source.contains(name),
            "{file} types no line of {document}, {heading}"
        );
    }
}

/// A line in a sentence is one of those that stand in a block somewhere, or one of these, which `guide.rs` types in this order
/// when the set-up is done.
pub const IN_SENTENCES: &[&str] = &[
    "docker compose run --rm cloud-backup recovery-kit",
    "docker compose run --rm cloud-backup rclone config show NAME",
    "docker exec -u user cloud-backup backup /backup/dir1",
    "docker compose exec cloud-backup forget --keep-within 14d --prune",
    "docker compose run --rm cloud-backup config --force",
    "docker compose run --rm --user root --entrypoint chown cloud-backup -R user /home/user",
    "docker compose restart cloud-backup",
    "docker compose up -d --force-recreate",
    "docker compose ps --all",
    "docker compose logs",
    "docker compose restart",
    "docker compose logs cloud-backup",
    "docker compose ps",
    "docker compose run --rm cloud-backup reauth --force",
    "docker system df -v",
    "docker compose down",
];

/// Asks its questions: `guide.rs` answers that there is nothing to do.
pub const ASKS: &str = "docker compose run --rm cloud-backup rclone config";

/// What no test types: the one is spoken of in docs/performance.md, which a script has measured, and typed it would not come
/// back; the other asks a registry on the internet for the image.
const NOT_TYPED: [&str; 2] = ["docker compose up", "docker compose pull"];

/// The same for these, which `compose.rs` types.
pub const IN_SENTENCES_OF_SCHEDULING: &[&str] = &[
    "docker exec -u user cloud-backup status",
    "docker compose -f compose.no-socket.yaml run --rm cloud-backup reauth",
];

#[test]
fn lines_in_sentences_are_typed_too() {
    let mut known: BTreeSet<String> = [
        IN_SENTENCES,
        IN_SENTENCES_OF_SCHEDULING,
        &[ASKS],
        &NOT_TYPED,
    ]
    .concat()
    .into_iter()
    .map(str::to_owned)
    .collect();
    let texts: Vec<(String, String)> = documents()
        .into_iter()
        .map(|name| (name.clone(), read(&name)))
        .collect();
    for (_, text) in &texts {
        known.extend(
            sections(text)
                .iter()
                .flat_map(|(_, section)| lines(section))
                .map(|line| line.typed),
        );
    }
    let unknown: Vec<String> = texts
        .iter()
        .flat_map(|(document, text)| {
            let found = in_sentences(text).into_iter().chain(of_findings(text));
            found.map(move |line| (document, line))
        })
        .filter(|(_, line)| !known.contains(line))
        .map(|(document, line)| format!("{document}: {line}"))
        .collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
}

/// The lines that stand in a text between backquotes.
fn in_sentences(text: &str) -> Vec<String> {
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_line = |span: &&str| {
        span.starts_with("docker compose ")
            || span.starts_with("docker ") && span.contains(" cloud-backup")
    };
    let spans = joined.split('`').skip(1).step_by(2);
    spans.filter(is_line).map(str::to_owned).collect()
}

/// The lines in a table of findings, which tells them as the program does: up to the end of the sentence.
fn of_findings(text: &str) -> Vec<String> {
    let what_to_do = text
        .lines()
        .filter(|line| line.starts_with("| `") && line.matches(" | ").count() == 4)
        .filter_map(|line| line.rsplit(" | ").next());
    what_to_do
        .flat_map(|cell| {
            cell.match_indices("docker ")
                .map(|(at, _)| &cell[at..])
                .filter_map(|line| line.split([';', '.', ',', '(', ')', '|']).next())
        })
        .map(|line| line.trim().to_owned())
        .collect()
}

#[test]
fn lines_in_sentences_and_in_cells_are_found() {
    assert_eq!(
        in_sentences("a `docker compose\nps` b `restic` `docker exec cloud-backup status`"),
        ["docker compose ps", "docker exec cloud-backup status"]
    );
    let table = "| Id | Severity |\n| `a` | error | b | c | Do (docker compose ps), then: docker compose up -d |\n";
    assert_eq!(
        of_findings(table),
        ["docker compose ps", "docker compose up -d"]
    );
}
