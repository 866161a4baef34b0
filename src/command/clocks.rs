//! This machine's clock beside those of the login service and the storage, which tell the time with each answer.

use jiff::Timestamp;

use crate::credentials::sts::CLOCKS;
use crate::settings::Login;
use crate::trouble::Trouble;

/// How far our clock is ahead of another one, in seconds; negative: behind. `None` where that one was not told.
pub(super) type Ahead = Option<i64>;

/// A moment ago it was this time there.
pub(super) fn ahead(date: Option<Timestamp>) -> Ahead {
    date.map(|date| Timestamp::now().duration_since(date).as_secs())
}

/// Our clock beside both.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Clocks {
    /// Beside that of the login service.
    pub service: Ahead,
    /// Beside that of the storage.
    pub storage: Ahead,
}

impl Clocks {
    /// The largest difference, in seconds; `None` where neither has told the time.
    pub(super) fn most(self) -> Option<u64> {
        let all = [self.service, self.storage].into_iter().flatten();
        all.map(i64::unsigned_abs).max()
    }

    /// From which clocks ours differs by more than clocks may.
    pub(super) fn troubles(self, login: &Login) -> Vec<Trouble> {
        let others = [
            (format!("the login service {}", login.issuer), self.service),
            (
                format!("the storage {}", login.storage.endpoint),
                self.storage,
            ),
        ];
        others
            .into_iter()
            .filter_map(|(other, ahead)| Some((other, ahead?)))
            .filter(|(_, ahead)| ahead.unsigned_abs() > CLOCKS.as_secs().unsigned_abs())
            .map(|(other, ahead)| Trouble::Clock { ahead, other })
            .collect()
    }
}
