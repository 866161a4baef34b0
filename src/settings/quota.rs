//! `QUOTA`: how much the storage takes of this user.

use super::Problem;

/// What INFN Cloud gives each user: 200 GB, counted as Ceph counts its quotas (1024^3).
const DEFAULT: u64 = 200 << 30;

/// No storage has less.
const LEAST: u64 = 1 << 20;

/// In bytes. `login`: it is the storage of the login, which has a quota without a word; `None`: it has none, or `0` was set.
///
/// All that comes of it is a warning, so a wrong one is no more than that, and taken for none.
pub(super) fn parse(value: Option<&str>, login: bool, warnings: &mut Vec<Problem>) -> Option<u64> {
    let default = login.then_some(DEFAULT);
    let Some(text) = value else {
        return default;
    };
    let Some(bytes) = bytes(text.trim()) else {
        warnings.push(Problem::new(
            "QUOTA",
            "is not used, it must be a size such as 200G (K, M, G or T; 1G is 1024^3 bytes); 0 is no quota, empty is 200G for \
             the storage of the login",
        ));
        return default;
    };
    Some(bytes).filter(|bytes| *bytes > 0)
}

/// `1.5T`, `200G`, `200GiB`, `200gb`
fn bytes(text: &str) -> Option<u64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "ki" | "kib" => 10,
        "m" | "mb" | "mi" | "mib" => 20,
        "g" | "gb" | "gi" | "gib" => 30,
        "t" | "tb" | "ti" | "tib" => 40,
        _ => return None,
    };
    let unit = 1_u64 << shift;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 3 || fraction.contains('.') {
        return None;
    }
    let part: u64 = format!("{fraction:0<3}").parse().ok()?;
    let whole: u64 = whole.parse().ok()?;
    let bytes = whole.checked_mul(unit)?.checked_add(part * unit / 1000)?;
    // A number alone is one whose unit was forgotten.
    let is_slip = unit == 1 && (1..LEAST).contains(&bytes);
    (!is_slip).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit_of_1024() {
        for (text, expected) in [
            ("0", 0),
            ("5000000", 5_000_000),
            ("5000000B", 5_000_000),
            ("200gb", 200 << 30),
            ("1Ti", 1 << 40),
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
            "200",
            "200BB",
            "200iB",
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
        assert_eq!(parsed(Some("much"), true), (Some(200 << 30), 1));
        assert_eq!(parsed(Some("much"), false), (None, 1));
    }
}
