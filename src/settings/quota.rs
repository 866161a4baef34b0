//! `QUOTA`: how much the storage takes of this user.

use super::Problem;

/// What INFN Cloud gives each user: 200 GB, counted as Ceph counts its quotas (1024^3).
const DEFAULT: u64 = 200 << 30;

/// In bytes. `login`: it is the storage of the login, which has a quota without a word; `None`: it has none, or `0` was set.
pub(super) fn parse(value: Option<&str>, login: bool, problems: &mut Vec<Problem>) -> Option<u64> {
    let Some(text) = value else {
        return login.then_some(DEFAULT);
    };
    let Some(bytes) = bytes(text.trim()) else {
        problems.push(Problem::new(
            "QUOTA",
            "must be a size such as 200G (K, M, G or T; 1G is 1024^3 bytes); 0 is no quota, empty is 200G for the storage of \
             the login",
        ));
        return None;
    };
    Some(bytes).filter(|bytes| *bytes > 0)
}

/// `1.5T`, `200G`, `200GiB`, `1000`
fn bytes(text: &str) -> Option<u64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let shift = match unit.trim().trim_end_matches("iB").trim_end_matches('B') {
        "" => 0,
        "K" | "k" => 10,
        "M" | "m" => 20,
        "G" | "g" => 30,
        "T" | "t" => 40,
        _ => return None,
    };
    let unit = 1_u64 << shift;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 3 || fraction.contains('.') {
        return None;
    }
    let part: u64 = format!("{fraction:0<3}").parse().ok()?;
    let whole: u64 = whole.parse().ok()?;
    whole.checked_mul(unit)?.checked_add(part * unit / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit_of_1024() {
        for (text, expected) in [
            ("0", 0),
            ("1000", 1000),
            ("1000B", 1000),
            ("4K", 4096),
            ("1.5M", 3 << 19),
            ("200G", 200 << 30),
            ("200 GiB", 200 << 30),
            ("200GB", 200 << 30),
            ("2t", 2 << 40),
            ("0.25G", 1 << 28),
        ] {
            assert_eq!(bytes(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "G",
            "1.G",
            ".5G",
            "-1",
            "1e3",
            "1,5G",
            "200X",
            "1.2.3G",
            "1.2345G",
            "99999999999T",
        ] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }

    #[test]
    fn the_storage_of_the_login_has_one_without_a_word() {
        let parsed = |value, login| {
            let mut problems = Vec::new();
            let quota = parse(value, login, &mut problems);
            (quota, problems.len())
        };
        assert_eq!(parsed(None, true), (Some(200 << 30), 0));
        assert_eq!(parsed(None, false), (None, 0));
        assert_eq!(parsed(Some("1G"), false), (Some(1 << 30), 0));
        assert_eq!(parsed(Some("0"), true), (None, 0));
        assert_eq!(parsed(Some("much"), true), (None, 1));
    }
}
