//! What the refusals say.

use super::*;

#[test]
fn no_name_has_anything_for_a_terminal_to_obey() {
    let odd = || "a\x1b[2J".to_owned();
    let refusals = [
        Refusal::HostHasNone {
            host: odd(),
            others: vec![Host {
                name: odd(),
                count: 1,
                newest: String::new(),
            }],
            line: format!("{LINE} restore --host {}", quoted(&odd())),
        },
        Refusal::NoSuchPath {
            paths: vec![odd()],
            snapshot: format!("a backup of {}", odd()),
            holds: vec![odd()],
        },
        Refusal::NotNewest {
            snapshot: "1111aaaa".to_owned(),
            paths: vec![odd()],
            lines: vec![odd()],
            line: odd(),
        },
        Refusal::Relative {
            snapshot: "1111aaaa".to_owned(),
            path: odd(),
            line: odd(),
            older: Some(odd()),
        },
        Refusal::InContainer {
            place: odd().into(),
            in_place: true,
            line: Some(odd()),
        },
    ];
    for refusal in refusals {
        let said = format!("{refusal}{}", refusal.remedy());
        assert!(said.contains("a?[2J") && !said.contains('\x1b'), "{said:?}");
    }
}
