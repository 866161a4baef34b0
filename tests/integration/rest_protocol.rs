//! The conformance run: restic's REST protocol against our server, request by request, beside the table of
//! docs/rest-protocol.md. A cell that is no longer true, as after a change of rclone, fails the test.
//!
//! The protocol: restic's documentation, "REST Backend". `login_rest_protocol.rs` does the same on object storage.

use std::fmt::Write as _;

use crate::harness::{Container, Installation};

mod beyond;
mod requests;
mod scene;
pub mod wire;

pub use scene::{Place, Scene};

const DOCS: &str = include_str!("../../docs/rest-protocol.md");
/// In a cell: just what the second column says.
const HOLDS: &str = "yes";
/// In a cell: it would say nothing here.
const NOT_RUN: &str = "not run";

/// A row of the table.
pub struct Case {
    pub request: &'static str,
    /// What conformity, or a server that is careful, would give.
    pub expected: &'static str,
    /// Does it and tells what happened, in the words of `expected` if that is what happened.
    pub run: fn(&Scene) -> String,
}

/// The rows of the documented table under this heading, cell by cell.
fn documented(heading: &str) -> Vec<Vec<String>> {
    let (_, after) = DOCS.split_once(&format!("\n{heading}\n")).expect(heading);
    let section = after.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| "));
    let cells = |line: &str| {
        let line = line.trim_matches('|').replace("\\|", "\0");
        let cells = line.split('|').map(|cell| cell.trim().replace('\0', "|"));
        cells.collect()
    };
    // Without the head and the line under it.
    rows.map(cells).skip(2).collect()
}

/// Runs all cases and compares the column of this place with the documented one.
pub fn compare(scene: &Scene) {
    let column = match scene.place() {
        Place::Directory => 2,
        Place::Objects { .. } => 3,
    };
    let tables = [
        ("## What the protocol asks for", requests::CASES),
        ("## What it does not say", beyond::CASES),
    ];
    let mut differences = String::new();
    for (heading, cases) in tables {
        let documented = documented(heading);
        let told: Vec<&str> = documented.iter().map(|row| &*row[0]).collect();
        let known: Vec<&str> = cases.iter().map(|case| case.request).collect();
        assert_eq!(told, known, "the rows of {heading}");
        for (case, row) in cases.iter().zip(&documented) {
            assert_eq!(row[1], case.expected, "{}", case.request);
            let seen = match (case.run)(scene) {
                seen if seen == case.expected => HOLDS.to_owned(),
                seen => seen,
            };
            if seen != row[column] {
                let documented = &row[column];
                let request = case.request;
                let _ = writeln!(
                    differences,
                    "{request}\n  documented: {documented}\n  seen: {seen}"
                );
            }
            scene.still_serves(case.request);
        }
    }
    assert!(differences.is_empty(), "\n{differences}");
}

/// Settings that open the port to who knows them.
pub fn opened(installation: Installation) -> Installation {
    installation
        .env("RESTIC_REST_USERNAME", wire::USERNAME)
        .env("RESTIC_REST_PASSWORD", wire::PASSWORD)
        .with(["--publish=127.0.0.1::8080"])
}

/// Where the port is found on this machine.
pub fn published(server: &Container) -> std::net::SocketAddr {
    let told = crate::harness::docker(["port", &server.id, "8080"]).ok();
    let address = told.stdout.lines().next().expect("a published port");
    address.trim().parse().expect("an address")
}

#[test]
fn on_a_directory_each_request_ends_as_the_table_says() {
    let installation = opened(Installation::new()).env("BACKUP_REMOTE", "/home/user/base/VM1");
    let server = installation.server();
    compare(&Scene::new(server, Place::Directory));
}
