//! README.md and docs/setup.md, from the empty folder on: the real provider, real storage, and the shipped files.

use super::account::{ASKS, IN_SENTENCES};
use super::{Typist, lines_of};
use crate::harness::docker;
use crate::project::Project;
use crate::rig::Rig;

const SETUP: &str = "docs/setup.md";
const README: &str = "README.md";

fn typist(project: &Project) -> Typist<'_> {
    Typist {
        project,
        user: project.value("AAI_USER"),
    }
}

#[test]
fn the_lines_of_the_set_up_from_zero_work_as_they_stand_there() {
    // The screens are those of a login at INDIGO IAM.
    let realm = Rig::get().realm("{}");
    let project = Project::on_realm(&realm, "erin");
    let typist = typist(&project);

    let password = format!("\nOIDC_PASSWORD={}\n", project.value("OIDC_PASSWORD"));
    let bucket = format!("\nBACKUP_BUCKET={}\n", project.value("BACKUP_BUCKET"));
    project.edit(".env", &password, "\nOIDC_PASSWORD=\n");
    project.edit(".env", &bucket, "\nBACKUP_BUCKET=backup/../VM1\n");
    for line in lines_of(SETUP, "## 1. The files") {
        line.shows(&typist.types(&line.typed).code(78));
    }
    project.edit(".env", "\nOIDC_PASSWORD=\n", &password);
    project.edit(".env", "\nBACKUP_BUCKET=backup/../VM1\n", &bucket);

    typist.types_all(SETUP, "## 2. The login");
    for line in lines_of(SETUP, "## 3. Start") {
        if line.typed.contains(" logs ") {
            wait_until_ready(&project);
        }
        line.shows(&typist.types(&line.typed).ok());
    }
    typist.types_all(SETUP, "## 4. The first check and the first backup");
    typist.types_all(SETUP, "## 5. Once a month: reauth");
    typist.types_all(SETUP, "## Other tools on the same login");
    typist.types_all(SETUP, "## From the older image");
    let doctor = [
        lines_of(SETUP, "## When something fails"),
        lines_of("docs/doctor.md", "# doctor: what is wrong, before you ask"),
    ];
    for line in doctor.concat() {
        // Nobody has put the UUIDs of his checks into the shipped file.
        let end = typist.types(&line.typed).code(1);
        let all = end.all();
        assert_eq!(all.matches("[check-wrong]").count(), 4, "{all}");
        assert!(all.contains("\n4 warnings.\n"), "{all}");
    }
    project.edit(
        "compose.yaml",
        "    # cap_add: [DAC_READ_SEARCH]",
        "    cap_add: [DAC_READ_SEARCH]",
    );
    typist.types_all(SETUP, "## Files that only root can read");
    let added = docker([
        "inspect",
        "--format",
        "{{.HostConfig.CapAdd}}",
        project.container(),
    ]);
    added.ok().says("DAC_READ_SEARCH");
    wait_until_ready(&project);
    let old = format!("\nRESTIC_PASSWORD={}\n", project.value("RESTIC_PASSWORD"));
    let new = "planted-new-password-2e7c";
    for line in lines_of(SETUP, "## A new password") {
        if line.typed.ends_with(" key passwd") {
            let asked = format!("echo {new} | {}", line.typed);
            line.shows(&typist.types(&asked).ok());
            project.edit(".env", &old, &format!("\nRESTIC_PASSWORD={new}\n"));
        } else {
            line.shows(&typist.types(&line.typed).ok());
        }
    }
    wait_until_ready(&project);
    let snapshots = "docker compose exec cloud-backup restic snapshots";
    typist.types(snapshots).ok().says("/backup/dir1");
    typist.types(&format!("echo q | {ASKS}")).ok();
    for line in IN_SENTENCES {
        typist.types(&line.replace("NAME", "infncloud")).ok();
    }
}

fn wait_until_ready(project: &Project) {
    let container = crate::harness::Container {
        id: project.container().to_owned(),
    };
    container.wait_for("the server is ready", |container| {
        container.logs().contains(" ready: serving ")
    });
}

#[test]
fn the_lines_of_the_readme_work_as_they_stand_there() {
    let project = Project::on_provider(&Rig::get(), "nora");
    let typist = typist(&project);
    // Nobody's check is here to be pinged.
    let schedule = project.read("ofelia-config.ini");
    let lines = schedule.lines().filter(|line| !line.contains("<uuid>"));
    let schedule = lines.collect::<Vec<_>>().join("\n");
    project.write("ofelia-config.ini", &schedule);
    let mut lines = lines_of(README, "## Set it up").into_iter();
    let mut types_up_to = |end: &str| {
        for line in lines.by_ref() {
            line.shows(&typist.types(&line.typed).ok());
            if line.typed.ends_with(end) {
                return;
            }
        }
        panic!("no line ends with {end:?}");
    };
    types_up_to(" up -d");
    wait_until_ready(&project);
    types_up_to(" reauth");
    // The night passes.
    for job in ["check-refresh-token", "backup", "forget", "verify"] {
        project.job(job).ok();
    }
    types_up_to(" restore /backup/dir1/file");
}

#[test]
fn the_readmes_screen_is_what_one_sees_on_local_storage() {
    let project = Project::beside_others();
    project.edit_sources();
    project.set("BACKUP_REMOTE", "/home/user/storage");
    project.set("RESTIC_PASSWORD", crate::harness::RESTIC_PASSWORD);
    Typist {
        project: &project,
        user: String::new(),
    }
    .types_all(README, "## What it looks like");
}
