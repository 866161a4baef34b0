//! The JSON is what restic 0.18 printed, at the shortest.

use super::*;

fn policy() -> Vec<String> {
    ["--keep-last", "2"].map(str::to_owned).to_vec()
}

fn snapshots(hosts: &[&str]) -> String {
    let all: Vec<String> = hosts
        .iter()
        .map(|host| {
            format!(
                r#"{{"time":"2026-01-02T03:04:05Z","paths":["/backup/dir1"],"hostname":"{host}","id":"3a5c"}}"#
            )
        })
        .collect();
    format!("[{}]", all.join(","))
}

fn group(keep: &[&str], remove: &[&str]) -> String {
    let or_null = |hosts: &[&str]| match hosts {
        [] => "null".to_owned(),
        hosts => snapshots(hosts),
    };
    format!(
        r#"{{"tags":null,"host":"","paths":["/backup/dir1"],"keep":{},"remove":{},"reasons":[{{"snapshot":{{}},"matches":["last snapshot"]}}]}}"#,
        or_null(keep),
        or_null(remove)
    )
}

/// This many to keep, and to remove of each host.
fn count(keep: usize, remove: &[(&str, usize)]) -> Count {
    Count {
        keep,
        remove: remove
            .iter()
            .map(|(host, count)| ((*host).to_owned(), *count))
            .collect(),
    }
}

#[test]
fn all_groups_are_counted() {
    let json = format!(
        "[{},{},{}]\n",
        group(&["a", "b"], &["a", "c", "c"]),
        group(&["a"], &[]),
        group(&[], &["c"])
    );
    let expected = count(3, &[("a", 1), ("c", 3)]);
    assert_eq!(Count::read(&json).as_ref(), Some(&expected));
    let remarks = format!(
        "[0:00] 100.00%  3 / 3 index files loaded\n[1,2] Load(<snapshot/3a5c>) failed\n{json}[]\nmore\n"
    );
    assert_eq!(Count::read(&remarks), Some(expected));
}

#[test]
fn without_a_snapshot_restic_prints_nothing() {
    for empty in ["", "\n", "[]\n"] {
        assert_eq!(Count::read(empty), Some(Count::default()), "{empty:?}");
    }
}

#[test]
fn an_output_that_is_cut_or_something_else_is_no_answer() {
    let json = format!("[{}]", group(&["a"], &["b"]));
    for text in [
        &json[..json.len() - 1],
        "no snapshots\n",
        "{}",
        "[1]",
        "[0:00]",
    ] {
        assert_eq!(Count::read(text), None, "{text}");
    }
}

#[test]
fn a_few_removable_snapshots_are_tolerated_and_half_of_many() {
    for (keep, removable, too_many) in [
        (2, 10, false),
        (2, 11, true),
        (0, 11, true),
        (20, 10, false),
        (20, 11, true),
        (100, 50, false),
        (100, 51, true),
        (101, 50, false),
        (101, 51, true),
        (0, 0, false),
    ] {
        let count = count(keep, &[("a", removable)]);
        let surplus = Surplus::of(SnapshotBound::ByRetention, &policy(), &count);
        assert_eq!(surplus.is_some(), too_many, "{keep}, {removable}");
    }
}

#[test]
fn the_bound_decides_in_the_place_of_that_rule() {
    for (most, removable, too_many) in [(5, 3, false), (5, 4, true), (200, 150, false)] {
        let count = count(2, &[("a", removable)]);
        let surplus = Surplus::of(SnapshotBound::AtMost(most), &policy(), &count);
        assert_eq!(surplus.is_some(), too_many, "{most}, {removable}");
    }
    let count = count(2, &[("a", 100)]);
    assert_eq!(Surplus::of(SnapshotBound::Off, &policy(), &count), None);
}

#[test]
fn it_says_how_many_there_are_and_names_the_hosts_with_the_most() {
    let told = |bound, count| {
        Surplus::of(bound, &policy(), &count)
            .expect("too many")
            .to_string()
    };
    let by_retention = SnapshotBound::ByRetention;
    assert_eq!(
        told(by_retention, count(2, &[("my-VM", 40)])),
        "42 snapshots are in the repository, and this retention should leave 2; the others are of the host my-VM (40)"
    );
    assert_eq!(
        told(by_retention, count(2, &[("a", 5), ("b", 7)])),
        "14 snapshots are in the repository, and this retention should leave 2; the others are of the hosts b (7) and a \
         (5)"
    );
    let four = [("a", 2), ("b", 2), ("c", 9), ("d", 2)];
    assert_eq!(
        told(by_retention, count(2, &four)),
        "17 snapshots are in the repository, and this retention should leave 2; the others are of the hosts c (9), a (2), \
         b (2) and 1 more host"
    );
    let odd = [
        ("", 4),
        ("two\nlines\u{1b}[2K", 4),
        ("a", 2),
        ("b", 1),
        ("c", 1),
    ];
    assert_eq!(
        told(SnapshotBound::AtMost(8), count(3, &odd)),
        "15 snapshots are in the repository, more than MAX_SNAPSHOTS=8, and this retention should leave 3; the others are \
         of the hosts without a name (4), two?lines?[2K (4), a (2) and 2 more hosts"
    );
    assert_eq!(
        told(SnapshotBound::AtMost(8), count(9, &[])),
        "9 snapshots are in the repository, more than MAX_SNAPSHOTS=8"
    );
    let long = "x".repeat(1000);
    assert!(told(by_retention, count(2, &[(&long, 40)])).len() < 200);
}

#[test]
fn the_line_to_type_is_told_only_where_it_is_enough() {
    let line = "docker compose run --rm -e RESTIC_HOST= cloud-backup restic forget --group-by paths --keep-last 2 --prune";
    for (bound, count, mends) in [
        (SnapshotBound::ByRetention, count(2, &[("a", 40)]), true),
        (SnapshotBound::AtMost(2), count(2, &[("a", 1)]), true),
        (SnapshotBound::AtMost(1), count(2, &[("a", 1)]), false),
        (SnapshotBound::AtMost(1), count(2, &[]), false),
    ] {
        let surplus = Surplus::of(bound, &policy(), &count).expect("too many");
        let remedy = surplus.remedy();
        assert_eq!(remedy.ends_with(line), mends, "{remedy}");
        assert_eq!(
            remedy.contains("set MAX_SNAPSHOTS higher"),
            !mends,
            "{remedy}"
        );
        assert_eq!(remedy.lines().count(), 1);
    }
}
