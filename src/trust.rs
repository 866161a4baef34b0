//! Whom we trust: the system's certificate authorities, and those of `EXTRA_CA_FILE` beside them.
//!
//! Our own clients take them from here, oidc-agent by a file in the volume (`--cp`), rclone and restic by the same file
//! as `SSL_CERT_FILE`. Nothing here leaves a certificate unverified.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::error::{Error, Result};
use crate::volume::{Volume, write_whole};

/// Debian's bundle of the system's certificate authorities (ca-certificates).
const SYSTEM: &str = "/etc/ssl/certs/ca-certificates.crt";
/// So many characters of a fingerprint tell two files apart.
const SHORT: usize = 8;
/// Where Go programs and ours look for another bundle in its place.
const SSL_CERT_FILE: &str = "SSL_CERT_FILE";

/// The certificate authorities to trust beside the system's.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// The system's bundle, where it is not Debian's.
    system: Option<PathBuf>,
    extra: Option<Extra>,
}

#[derive(Debug, Clone)]
struct Extra {
    certificates: Vec<reqwest::Certificate>,
    pem: Vec<u8>,
    fingerprint: String,
}

impl Trust {
    /// What `SSL_CERT_FILE` and `EXTRA_CA_FILE` say; an error is a sentence that fits after the latter's name.
    pub fn new(system: Option<&str>, extra: Option<&str>) -> Result<Self, String> {
        Ok(Self {
            system: system.map(PathBuf::from),
            extra: extra.map(|path| Extra::read(Path::new(path))).transpose()?,
        })
    }

    /// A client that trusts them; the caller gives it its deadlines.
    pub fn client(&self) -> reqwest::ClientBuilder {
        // Fails only where a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .user_agent(concat!("cloud-user-backup/", env!("CARGO_PKG_VERSION")));
        match &self.extra {
            Some(extra) => builder.tls_certs_merge(extra.certificates.iter().cloned()),
            None => builder,
        }
    }

    /// SHA-256 of the content of `EXTRA_CA_FILE` in hexadecimal; `None` where there are no extra ones.
    #[must_use]
    pub fn fingerprint(&self) -> Option<&str> {
        self.extra.as_ref().map(|extra| extra.fingerprint.as_str())
    }

    /// The file in the volume with all of them, for oidc-agent, which takes a bundle only; written where it differs.
    ///
    /// Its path is saved in the account (`--cp`), so there is one for all of the volume, also without extra ones: only
    /// who keeps the login, or makes one, may write it.
    pub fn agent_bundle(&self, volume: &Volume) -> Result<PathBuf> {
        self.write_bundle(volume.ca_bundle())
    }

    /// The variables that make a Go program (rclone, restic) trust them too; none where there are no extra ones.
    pub fn variables(&self, volume: &Volume) -> Result<Vec<(String, String)>> {
        let Some(fingerprint) = self.fingerprint() else {
            return Ok(Vec::new());
        };
        // Two containers with different ones may stand on one volume.
        let bundle = self.write_bundle(volume.ca_bundle_with(&fingerprint[..SHORT]))?;
        let bundle = bundle.to_string_lossy().into_owned();
        Ok(vec![(SSL_CERT_FILE.to_owned(), bundle)])
    }

    fn write_bundle(&self, path: PathBuf) -> Result<PathBuf> {
        let content = self.pem()?;
        if !fs::read(&path).is_ok_and(|present| present == content) {
            write_whole(&path, &content).map_err(|source| Error::Volume {
                path: path.clone(),
                source,
            })?;
        }
        Ok(path)
    }

    /// The system's, then the extra ones.
    fn pem(&self) -> Result<Vec<u8>> {
        let system = self.system.as_deref().unwrap_or(Path::new(SYSTEM));
        let mut pem = fs::read(system).map_err(|source| Error::System {
            what: "reading the system's certificate authorities (ca-certificates, or SSL_CERT_FILE)",
            source,
        })?;
        if let Some(extra) = &self.extra {
            if !pem.ends_with(b"\n") {
                pem.push(b'\n');
            }
            pem.extend_from_slice(&extra.pem);
        }
        Ok(pem)
    }
}

impl Extra {
    fn read(path: &Path) -> Result<Self, String> {
        let pem = std::fs::read(path).map_err(|error| {
            format!(
                "names {}, which cannot be read ({}): mount it readable for uid 1000",
                path.display(),
                error.kind()
            )
        })?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem)
            .ok()
            .filter(|certificates| !certificates.is_empty())
            // A certificate is looked into only when a client is made of it.
            .filter(|certificates| {
                let trust = Trust {
                    system: None,
                    extra: Some(Self {
                        certificates: certificates.clone(),
                        pem: Vec::new(),
                        fingerprint: String::new(),
                    }),
                };
                trust.client().build().is_ok()
            })
            .ok_or_else(|| {
                format!(
                    "names {}, which holds no certificate in PEM form",
                    path.display()
                )
            })?;
        Ok(Self {
            certificates,
            fingerprint: fingerprint(&pem),
            pem,
        })
    }
}

/// SHA-256 in hexadecimal.
fn fingerprint(content: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, content);
    digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    /// A self-signed CA of nobody: `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 36500`.
    const PEM: &str = include_str!("../tests/doubles/ca.pem");

    struct Place {
        home: tempfile::TempDir,
        volume: Volume,
    }

    impl Place {
        fn new() -> Self {
            let home = tempfile::tempdir().unwrap();
            let volume = Volume::open(home.path()).unwrap();
            Self { home, volume }
        }

        fn write(&self, name: &str, content: &str) -> String {
            let path = self.home.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.to_str().unwrap().to_owned()
        }

        fn bundle(&self, trust: &Trust) -> String {
            std::fs::read_to_string(trust.agent_bundle(&self.volume).unwrap()).unwrap()
        }
    }

    #[test]
    fn the_bundle_holds_the_systems_and_the_extra_ones() {
        let place = Place::new();
        let system = place.write("system.pem", "the system's");
        let extra = place.write("extra.pem", PEM);
        let without = Trust::new(Some(&system), None).unwrap();
        assert_eq!(place.bundle(&without), "the system's");
        let with = Trust::new(Some(&system), Some(&extra)).unwrap();
        assert_eq!(place.bundle(&with), format!("the system's\n{PEM}"));
        assert_eq!(place.bundle(&without), "the system's", "and back");
        let bundle = place.volume.ca_bundle();
        assert_eq!(
            bundle,
            place.home.path().join(".cloud-backup/ca-bundle.pem")
        );
        let mode = std::fs::metadata(bundle).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn the_bundle_is_written_only_where_it_differs() {
        let place = Place::new();
        let system = place.write("system.pem", "the system's\n");
        let trust = Trust::new(Some(&system), None).unwrap();
        let inode = || {
            std::fs::metadata(trust.agent_bundle(&place.volume).unwrap())
                .unwrap()
                .ino()
        };
        let first = inode();
        assert_eq!(inode(), first);
        std::fs::write(place.volume.ca_bundle(), "somebody else's").unwrap();
        assert_ne!(inode(), first);
        assert_eq!(place.bundle(&trust), "the system's\n");
    }

    #[test]
    fn go_programs_are_told_only_of_extra_ones() {
        let place = Place::new();
        let system = place.write("system.pem", "the system's\n");
        let extra = place.write("extra.pem", PEM);
        let variables = |extra| {
            let trust = Trust::new(Some(&system), extra).unwrap();
            trust.variables(&place.volume).unwrap()
        };
        assert_eq!(variables(None), []);
        let set = variables(Some(&extra));
        let [(name, bundle)] = set.as_slice() else {
            panic!("one variable: {set:?}");
        };
        assert_eq!(name, "SSL_CERT_FILE");
        let content = std::fs::read_to_string(bundle).unwrap();
        assert_eq!(content, format!("the system's\n{PEM}"));
        assert!(
            !place.volume.ca_bundle().exists(),
            "the agent's is not touched"
        );
    }

    #[test]
    fn a_fingerprint_is_that_of_the_standard() {
        // FIPS 180-4, the example of one block.
        assert_eq!(
            fingerprint(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_system_without_certificate_authorities_is_told() {
        let place = Place::new();
        let trust = Trust::new(Some("/nowhere/system.pem"), None).unwrap();
        let error = trust.agent_bundle(&place.volume).unwrap_err().to_string();
        assert!(
            error.contains("SSL_CERT_FILE") && error.contains("/nowhere/system.pem"),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let place = Place::new();
        let begun = "-----BEGIN CERTIFICATE-----\n";
        for (content, what) in [
            ("", "empty"),
            ("nonsense", "no PEM"),
            (begun, "broken off"),
            (
                &*format!("{begun}aGVsbG8=\n-----END CERTIFICATE-----\n"),
                "no certificate inside",
            ),
        ] {
            let file = place.write("wrong.pem", content);
            let said = Trust::new(None, Some(&file)).unwrap_err();
            assert_eq!(
                said,
                format!("names {file}, which holds no certificate in PEM form"),
                "{what}"
            );
        }
        let said = Trust::new(None, Some("/nowhere/ca.pem")).unwrap_err();
        assert!(
            said.starts_with("names /nowhere/ca.pem, which cannot be read (entity not found)"),
            "{said}"
        );
        assert!(Trust::new(None, Some(&place.write("two.pem", &PEM.repeat(2)))).is_ok());
    }
}
