//! `[tls]`: the certificate of the gRPC and HTTP listeners, and the requirements for clients'
//! certificates.

use std::path::PathBuf;

use crate::config::{
    fields::Fields,
    section::section,
    value::{choice, path},
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

/// Requirement for clients' certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// Clients are not asked for a certificate.
    Off,
    /// Clients are asked for a certificate. A client without one is accepted.
    Optional,
    /// Clients are asked for a certificate. A client without one is refused.
    Required,
}

section! {
    /// TLS 1.3 and 1.2 for gRPC and HTTP. Every file is in PEM, and is read again if it changes. Without
    /// `cert` and `key` there is no TLS.
    pub(in crate::config) struct Tls in "tls" {
        /// The certificate of gRPC and HTTP, and those that lead to its CA: a PEM file.
        cert: Option<PathBuf> = path().optional().flag("tls-cert", "FILE").example("tls/server.pem"),
        /// The certificate's private key: a PEM file.
        key: Option<PathBuf> = path().optional().flag("tls-key", "FILE").example("tls/server.key"),
        /// Client certificates: off, optional or required.
        client_auth: ClientAuth = choice(&[
            ("off", ClientAuth::Off),
            ("optional", ClientAuth::Optional),
            ("required", ClientAuth::Required),
        ])
        .or(ClientAuth::Off)
        .flag("tls-client-auth", "WHETHER")
        .example("optional"),
        /// The CAs of clients' certificates: a PEM file.
        client_ca: Option<PathBuf> =
            path().optional().flag("tls-client-ca", "FILE").example("tls/clients.pem"),
        /// Lists of clients' certificates that were revoked: a PEM file.
        ///
        /// It has a list from each of the CAs, none out of date.
        crl: Option<PathBuf> = path().optional().flag("tls-crl", "FILE").example("tls/clients.crl"),
    }
}

/// Reads the section. Returns `None` for no TLS.
pub(in crate::config) fn read(fields: &mut Fields<'_, '_>) -> Option<TlsSettings> {
    let tls = Tls::read_all(fields);
    let certificate = (fields.spot(&Tls::cert()), fields.spot(&Tls::key()));
    let of_clients = fields.spot(&Tls::client_ca()).or(fields.spot(&Tls::crl()));
    match certificate {
        (Some(_), Some(_)) => {}
        (None, None) => {
            if let Some(spot) = of_clients.or(fields.spot(&Tls::client_auth())) {
                fields.report().fault(spot, "tls: needs cert and key");
            }
        }
        (Some(_), None) => fields.refuse(&Tls::cert(), "needs key beside it"),
        (None, Some(_)) => fields.refuse(&Tls::key(), "needs cert beside it"),
    }
    let (cert, key) = (tls.cert?, tls.key?);
    let clients = match (tls.client_auth, tls.client_ca) {
        (ClientAuth::Off, _) => {
            if let Some(spot) = of_clients {
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
        (auth, Some(ca)) => {
            let required = auth == ClientAuth::Required;
            Some(ClientCertificates { required, ca, crl: tls.crl })
        }
    };
    Some(TlsSettings { cert, key, clients })
}
