//! docs/the-30-days.md: the lines that are typed when the login has ended, and after it.

use super::{Typist, lines_of};
use crate::project::Project;
use crate::rig::Rig;

const DOCUMENT: &str = "docs/the-30-days.md";

#[test]
fn the_lines_of_the_thirty_days_work_as_they_stand_there() {
    let realm = Rig::get().realm("{}");
    let project = Project::on_realm(&realm, "tina");
    let typist = Typist {
        project: &project,
        user: project.value("AAI_USER"),
    };
    typist
        .types("docker compose run --rm cloud-backup config")
        .ok();
    realm.control(r#"{"answer": {"reason": "expired"}}"#);
    typist.types("docker compose up -d").ok();
    for line in lines_of(DOCUMENT, "## When it has ended") {
        line.shows(&typist.types(&line.typed).code(77));
    }
    realm.control(r#"{"answer": null}"#);
    typist.types_all(DOCUMENT, "# The 30 days of a login");
    typist.types_all(DOCUMENT, "## After reauth");
}
