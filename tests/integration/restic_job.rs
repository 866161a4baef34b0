//! `restic ARGUMENTS` with a check of its own: a job as `backup` is one.

use crate::harness::Installation;
use crate::healthchecks::Healthchecks;

#[test]
fn a_command_of_restic_with_a_check_reports_its_end() {
    let healthchecks = Healthchecks::start();
    let installation =
        Installation::new().env("RESTIC_CHECK_URL", &healthchecks.url_for_containers());
    installation.run(["restic", "init"]).ok();
    installation.write("a", "one");
    installation.run(["backup", "/backup/dir1"]).ok();
    assert_eq!(
        healthchecks.signals(),
        [""; 0],
        "what a person does, and backup"
    );

    installation
        .run(["restic", "check", "--read-data"])
        .ok()
        .says("no errors were found")
        .says("cloud-backup: Successful restic check --read-data");
    assert_eq!(healthchecks.signals(), ["start", "0"]);
    let body = healthchecks.last_body();
    assert!(
        body.starts_with("Successful restic check --read-data\n"),
        "{body}"
    );
    assert!(body.contains("no errors were found"), "{body}");

    installation.shell("rm -r storage/data/*/*").ok();
    installation
        .run(["restic", "check", "--read-data"])
        .code(1)
        .says("cloud-backup: restic check --read-data failed: ");
    assert_eq!(healthchecks.signals()[2..], ["start", "1"]);
}
