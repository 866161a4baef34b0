//! Where one check is pinged. The path of the URL is a capability: who knows it can silence an alert, so it is never shown.

use std::borrow::Cow;
use std::fmt;

use url::Url;

/// The ping URL of one check, as a variable such as `BACKUP_CHECK_URL` gives it.
#[derive(Clone)]
pub struct CheckUrl {
    variable: &'static str,
    url: Url,
}

/// Why a value is no check URL.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidCheckUrl {
    /// The guide's placeholder was left in.
    #[error(
        "it still holds the guide's placeholder, or its < and >: put your check's own UUID there, without them"
    )]
    Placeholder,
    /// Not an absolute URL of the web.
    #[error("it must be a URL such as https://hc.cloud.infn.it/ping/<the check's UUID>")]
    NotHttp,
}

impl CheckUrl {
    /// Reads a URL such as `https://host/ping/<uuid>` or `https://host/ping/<key>/<slug>?create=1`.
    pub fn parse(variable: &'static str, value: &str) -> Result<Self, InvalidCheckUrl> {
        if value.contains(['<', '>']) {
            return Err(InvalidCheckUrl::Placeholder);
        }
        let url = Url::parse(value).map_err(|_| InvalidCheckUrl::NotHttp)?;
        let usable = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && !url.path().trim_matches('/').is_empty();
        if usable {
            Ok(Self { variable, url })
        } else {
            Err(InvalidCheckUrl::NotHttp)
        }
    }

    /// The variable that gave it.
    #[must_use]
    pub fn variable(&self) -> &'static str {
        self.variable
    }

    /// The same without `create=1`, which has the server make a check that is missing; and whether it had that.
    #[must_use]
    pub fn without_creation(mut self) -> (Self, bool) {
        let is_creation = |(name, _): &(Cow<'_, str>, Cow<'_, str>)| name == "create";
        let had = self.url.query_pairs().any(|pair| is_creation(&pair));
        if had {
            let pairs = self.url.query_pairs();
            let rest: Vec<(String, String)> = pairs
                .filter(|pair| !is_creation(pair))
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect();
            self.url.set_query(None);
            if !rest.is_empty() {
                self.url.query_pairs_mut().extend_pairs(rest);
            }
        }
        (self, had)
    }

    /// Whether the other one is the same check, whichever variable gave it.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.url == other.url
    }

    /// The URL of one signal (`start`, `log`, or an exit code) of one run.
    pub(super) fn signal(&self, signal: &str, run: &str) -> Url {
        let mut url = self.url.clone();
        let path = format!("{}/{signal}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url.query_pairs_mut().append_pair("rid", run);
        url
    }

    /// A text of others without what of the path may be the UUID, the ping key or the slug.
    pub(super) fn hide_path(&self, text: &str) -> String {
        let parts = self.url.path_segments().into_iter().flatten();
        parts
            .filter(|part| part.len() > "ping".len())
            .fold(text.to_owned(), |text, part| text.replace(part, "..."))
    }
}

impl fmt::Display for CheckUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}://{}/...)",
            self.variable,
            self.url.scheme(),
            self.url.host_str().unwrap_or_default()
        )
    }
}

impl fmt::Debug for CheckUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CheckUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(value: &str) -> String {
        CheckUrl::parse("BACKUP_CHECK_URL", value)
            .unwrap()
            .signal("start", "r")
            .to_string()
    }

    #[test]
    fn signals_are_added_to_the_path_and_a_query_is_kept() {
        assert_eq!(
            signal("https://hc.test/ping/u"),
            "https://hc.test/ping/u/start?rid=r"
        );
        assert_eq!(
            signal("https://hc.test/ping/u/"),
            "https://hc.test/ping/u/start?rid=r"
        );
        assert_eq!(
            signal("https://hc.test/ping/k/slug?create=1"),
            "https://hc.test/ping/k/slug/start?create=1&rid=r"
        );
    }

    #[test]
    fn a_look_makes_no_check() {
        let parse = |value| CheckUrl::parse("BACKUP_CHECK_URL", value).unwrap();
        for (value, expected, had) in [
            (
                "https://hc.test/ping/k/slug?create=1",
                "https://hc.test/ping/k/slug/log?rid=r",
                true,
            ),
            (
                "https://hc.test/ping/k/slug?a=b&create=1",
                "https://hc.test/ping/k/slug/log?a=b&rid=r",
                true,
            ),
            (
                "https://hc.test/ping/u?a=b",
                "https://hc.test/ping/u/log?a=b&rid=r",
                false,
            ),
        ] {
            let (check, was) = parse(value).without_creation();
            assert_eq!((check.signal("log", "r").as_str(), was), (expected, had));
        }
        assert!(parse("https://hc.test/ping/u").is_same(&parse("https://hc.test/ping/u")));
    }

    #[test]
    fn what_is_no_check_is_refused() {
        let refused = |value| CheckUrl::parse("BACKUP_CHECK_URL", value).unwrap_err();
        for value in ["<uuid>", "<secret-uuid>", "<secret-uuid"] {
            let url = format!("https://hc.cloud.infn.it/ping/{value}");
            let placeholder = CheckUrl::parse("BACKUP_CHECK_URL", &url).unwrap_err();
            assert_eq!(placeholder, InvalidCheckUrl::Placeholder, "{value}");
            assert!(!placeholder.to_string().contains("secret-uuid"));
        }
        for value in [
            "hc.test/ping/u",
            "ftp://hc.test/ping/u",
            "https://hc.test/",
            "https://",
        ] {
            assert_eq!(refused(value), InvalidCheckUrl::NotHttp, "{value}");
        }
    }

    #[test]
    fn the_capability_is_never_shown() {
        let check = CheckUrl::parse(
            "BACKUP_CHECK_URL",
            "https://user:pw@hc.test/ping/secret-uuid",
        )
        .unwrap();
        assert_eq!(
            format!("{check} {check:?}").matches("secret-uuid").count(),
            0
        );
        assert_eq!(check.to_string(), "BACKUP_CHECK_URL (https://hc.test/...)");
        assert_eq!(
            check.hide_path("no secret-uuid here, ping again"),
            "no ... here, ping again"
        );
    }
}
