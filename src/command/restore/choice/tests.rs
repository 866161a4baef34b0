//! Which snapshot is taken of a repository with several hosts and several sets of directories.

use jiff::tz::TimeZone;

use super::*;
use crate::settings::Settings;

const JSON: &str = r#"[
    {"time":"2026-11-26T02:00:00Z","paths":["/backup/dir1"],"hostname":"vm","id":"1111aaaa","short_id":"1111aaaa"},
    {"time":"2026-11-27T02:00:00Z","paths":["/backup/dir1"],"hostname":"vm","id":"1111bbbb","short_id":"1111bbbb"},
    {"time":"2026-11-27T03:00:00Z","paths":["/backup/dir2"],"hostname":"vm","id":"2222aaaa","short_id":"2222aaaa"},
    {"time":"2026-11-27T04:00:00Z","paths":["/backup/dir1"],"hostname":"other","id":"3333aaaa","short_id":"3333aaaa"}
]"#;

fn settings() -> Settings {
    let vars = [("RESTIC_PASSWORD", "x"), ("BACKUP_REMOTE", "/storage")];
    Settings::from_vars(vars.map(|(name, value)| (name.into(), value.into()))).unwrap()
}

fn wish(snapshot: &str, host: Option<&str>, paths: &[&str]) -> Restore {
    Restore {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        snapshot: snapshot.to_owned(),
        host: host.map(str::to_owned),
        target: None,
        in_place: false,
        overwrite: None,
        dry_run: false,
    }
}

/// The ID of the snapshot that the host `own` takes, or the refusal.
fn chosen(own: &str, wish: &Restore) -> Result<String, Refusal> {
    let settings = settings();
    let place = Place {
        settings: &settings,
        zone: TimeZone::UTC,
        now: "2026-11-28T02:00:00Z".parse().unwrap(),
        host: own.to_owned(),
    };
    let all: Vec<Snapshot> = serde_json::from_str(JSON).unwrap();
    choose(&all, wish, &place).map(|choice| choice.snapshot.id.clone())
}

#[test]
fn the_newest_of_the_host_that_has_the_paths_is_taken() {
    for (wish, id) in [
        (wish("latest", None, &[]), "2222aaaa"),
        (wish("latest", None, &["/"]), "2222aaaa"),
        (wish("latest", None, &["/backup"]), "2222aaaa"),
        (wish("latest", None, &["/backup/dir1/file"]), "1111bbbb"),
        // As a backup of the relative path dir1 has it.
        (wish("latest", None, &["/dir1/file"]), "1111bbbb"),
        (wish("latest", Some("other"), &[]), "3333aaaa"),
        (wish("1111a", None, &[]), "1111aaaa"),
        (wish("3333", None, &["/backup/dir1"]), "3333aaaa"),
    ] {
        assert_eq!(chosen("vm", &wish).unwrap(), id, "{wish:?}");
    }
}

#[test]
fn a_directory_whose_name_begins_alike_is_another_one() {
    let error = chosen("vm", &wish("latest", None, &["/backup/dir11"])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a backup of vm (/backup/dir1 /backup/dir2) does not have /backup/dir11"
    );
}

#[test]
fn paths_of_several_snapshots_are_restored_one_by_one() {
    let error = chosen(
        "vm",
        &wish("latest", None, &["/backup/dir1", "/backup/dir2"]),
    )
    .unwrap_err();
    assert!(error.to_string().contains("one by one"), "{error}");
}

#[test]
fn a_host_without_snapshots_hears_who_has_some_and_what_to_type() {
    let error = chosen("new-VM", &wish("latest", None, &["/backup/dir1"])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the host new-VM has no snapshots here; these have:\n  \
         other: 1 snapshot, the newest Fri 27 Nov 04:00 (22 hours ago)\n  \
         vm: 3 snapshots, the newest Fri 27 Nov 03:00 (23 hours ago)"
    );
    assert_eq!(
        error.remedy(),
        "docker compose run --rm cloud-backup restore --host other /backup/dir1"
    );
}

#[test]
fn an_id_is_of_one_snapshot() {
    for (id, text) in [
        ("1111", "more than one snapshot has the ID 1111"),
        ("9999", "no snapshot has the ID 9999"),
    ] {
        let error = chosen("vm", &wish(id, None, &[])).unwrap_err();
        assert_eq!(error.to_string(), text);
    }
}

/// The only one with both is older than those of each.
const WITH_AN_OLD_SET: &str = r#"[
    {"time":"2026-11-25T02:00:00Z","paths":["/backup/dir1","/backup/dir2"],"hostname":"vm","id":"0000aaaa","short_id":"0000aaaa"},
    {"time":"2026-11-26T02:00:00Z","paths":["/backup/dir1"],"hostname":"vm","id":"1111aaaa","short_id":"1111aaaa"},
    {"time":"2026-11-27T02:00:00Z","paths":["/backup/dir2/sub"],"hostname":"vm","id":"2222aaaa","short_id":"2222aaaa"}
]"#;

#[test]
fn in_place_no_older_state_comes_over_a_newer_one_unless_it_was_named() {
    let both: &[&str] = &["/backup/dir1", "/backup/dir2"];
    let settings = settings();
    let place = Place {
        settings: &settings,
        zone: TimeZone::UTC,
        now: "2026-11-28T02:00:00Z".parse().unwrap(),
        host: "vm".to_owned(),
    };
    let all: Vec<Snapshot> = serde_json::from_str(WITH_AN_OLD_SET).unwrap();
    let in_place = |snapshot: &str, paths: &[&str]| Restore {
        in_place: true,
        overwrite: Some(crate::repository::Overwrite::IfChanged),
        ..wish(snapshot, None, paths)
    };
    let old = choose(&all, &in_place("latest", both), &place).unwrap();
    assert_eq!(old.snapshot.id, "0000aaaa");
    let newer: Vec<_> = old
        .newer_elsewhere
        .iter()
        .map(|group| group.newest_id.as_str())
        .collect();
    assert_eq!(newer, ["1111aaaa", "2222aaaa"]);
    let error = old.require_newest(&in_place("latest", both)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "newer snapshots than 0000aaaa have /backup/dir1 /backup/dir2: nothing was restored"
    );
    assert_eq!(
        error.remedy(),
        "For the newest of each, one after the other:\n     \
         docker compose run --rm cloud-backup restore --snapshot 0000aaaa --in-place --overwrite if-changed /backup/dir2\n     \
         docker compose run --rm cloud-backup restore --in-place --overwrite if-changed /backup/dir1\n     \
         docker compose run --rm cloud-backup restore --in-place --overwrite if-changed /backup/dir2/sub\n     \
         This older state all the same: docker compose run --rm cloud-backup restore --snapshot 0000aaaa --in-place \
         --overwrite if-changed /backup/dir1 /backup/dir2"
    );
    // To a new folder, by its ID, and of each path alone.
    for fine in [
        wish("latest", None, both),
        in_place("0000", both),
        in_place("latest", &[]),
    ] {
        let choice = choose(&all, &fine, &place).unwrap();
        choice.require_newest(&fine).unwrap();
    }
    let alone = choose(&all, &wish("latest", None, &["/backup/dir1"]), &place).unwrap();
    assert_eq!(alone.snapshot.id, "1111aaaa");
    assert!(alone.newer_elsewhere.is_empty());
}
