//! `[tls]`: the certificate of the gRPC and HTTP listeners, and the requirements for clients'
//! certificates.

use std::path::PathBuf;

use super::{
    choice::{self, ClientAuth},
    fields::{Fields, Placed},
    overrides::Overrides,
    path::path,
    report::Spot,
};

/// `[tls]`: TLS for gRPC and HTTP. Every file is in PEM, and is read again if it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The certificate, followed by the intermediate certificates up to its CA.
    pub cert: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
    /// Clients' certificates. `None` if clients are not asked for one.
    pub clients: Option<ClientCertificates>,
}

/// Requirements for clients' certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificates {
    /// `true` if connections without a certificate are refused.
    pub required: bool,
    /// The CAs of clients' certificates.
    pub ca: PathBuf,
    /// Revocation lists. `None` for no check.
    pub crl: Option<PathBuf>,
}

/// A path from the file, or from its override, with its place.
type Said = Option<(Spot, PathBuf)>;

/// Reads the section. Returns `None` for no TLS.
pub(super) fn read(fields: &mut Fields<'_, '_>, overrides: &Overrides) -> Option<TlsSettings> {
    const AUTH: &str = r#""off", "optional" or "required""#;
    let file = |fields: &mut Fields<'_, '_>, key, flag, overriding: &Option<PathBuf>| -> Said {
        let declared = fields.text(key, "a path", path);
        let declared = declared.map(|Placed { at, value }| (Spot::Byte(at), value));
        overriding.clone().map(|path| (Spot::Flag(flag), path)).or(declared)
    };
    let cert = file(fields, "cert", "--tls-cert (JETON_TLS_CERT)", &overrides.tls_cert);
    let key = file(fields, "key", "--tls-key (JETON_TLS_KEY)", &overrides.tls_key);
    let declared = fields.text("client_auth", AUTH, choice::client_auth);
    let auth = overrides.tls_client_auth.or(declared.map(|auth| auth.value)).unwrap_or_default();
    let flag = "--tls-client-ca (JETON_TLS_CLIENT_CA)";
    let ca = file(fields, "client_ca", flag, &overrides.tls_client_ca);
    let crl = file(fields, "crl", "--tls-crl (JETON_TLS_CRL)", &overrides.tls_crl);

    let (cert, key) = match (cert, key) {
        (Some((_, cert)), Some((_, key))) => (cert, key),
        (None, None) => {
            let idle = ca.or(crl).map(|(spot, _)| spot);
            let idle = idle.or(declared.map(|auth| Spot::Byte(auth.at)));
            if let Some(spot) = idle {
                fields.report().fault(spot, "tls: needs cert and key");
            }
            return None;
        }
        (Some((spot, _)), None) => {
            fields.report().fault(spot, "tls.cert: needs key beside it");
            return None;
        }
        (None, Some((spot, _))) => {
            fields.report().fault(spot, "tls.key: needs cert beside it");
            return None;
        }
    };
    let clients = clients(fields, auth, ca, crl);
    Some(TlsSettings { cert, key, clients })
}

fn clients(
    fields: &mut Fields<'_, '_>,
    auth: ClientAuth,
    ca: Said,
    crl: Said,
) -> Option<ClientCertificates> {
    match (auth, ca) {
        (ClientAuth::Off, ca) => {
            if let Some((spot, _)) = ca.or(crl) {
                let problem =
                    r#"tls.client_auth: must be "optional" or "required" beside client_ca and crl"#;
                fields.report().fault(spot, problem);
            }
            None
        }
        (ClientAuth::Optional | ClientAuth::Required, None) => {
            fields.fault_of_all("client_auth needs client_ca");
            None
        }
        (ClientAuth::Optional | ClientAuth::Required, Some((_, ca))) => Some(ClientCertificates {
            required: auth == ClientAuth::Required,
            ca,
            crl: crl.map(|(_, crl)| crl),
        }),
    }
}
