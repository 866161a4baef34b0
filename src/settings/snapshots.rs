//! `MAX_SNAPSHOTS`: when `forget` calls the snapshots that are left too many.

use super::Problem;

/// How many snapshots the whole repository may have after a `forget`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SnapshotBound {
    /// About as many as the retention of that `forget` leaves in all.
    #[default]
    ByRetention,
    /// This many.
    AtMost(u32),
    /// Any number: nobody counts them.
    Off,
}

pub(super) fn parse(value: Option<&str>, problems: &mut Vec<Problem>) -> SnapshotBound {
    match value.map(|text| text.trim().parse()) {
        None => SnapshotBound::ByRetention,
        Some(Ok(0)) => SnapshotBound::Off,
        Some(Ok(most)) => SnapshotBound::AtMost(most),
        Some(Err(_)) => {
            problems.push(Problem::new(
                "MAX_SNAPSHOTS",
                "must be a whole number of snapshots, such as 100; 0 never counts them, empty goes by the retention of \
                 forget",
            ));
            SnapshotBound::ByRetention
        }
    }
}
