//! Confirmations: tokens that are bound to the certificate of their holder (RFC 8705 §3).

use std::sync::Arc;

#[cfg(feature = "server")]
use serde::{Deserialize, Serialize};

use super::certificate::CertificateIdentity;
#[cfg(feature = "mtls")]
use super::certificate_names::identities;
#[cfg(feature = "server")]
use super::error::Error;

/// The part of a certificate that a client's tokens are bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "server", derive(Serialize, Deserialize))]
pub enum BoundTo {
    /// The certificate itself: a renewed one needs new tokens.
    Certificate,
    /// The one name in it, which a renewed certificate keeps.
    Identity,
}

impl BoundTo {
    /// Either.
    pub const ALL: [Self; 2] = [Self::Certificate, Self::Identity];

    /// The name in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Identity => "identity",
        }
    }
}

/// The certificate of a peer, which has proven in a TLS handshake that it has the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate(Arc<[CertificateIdentity]>);

impl From<Arc<[CertificateIdentity]>> for PeerCertificate {
    /// Takes the certificate's SHA-256 and its names.
    fn from(identities: Arc<[CertificateIdentity]>) -> Self {
        Self(identities)
    }
}

impl PeerCertificate {
    /// Reads a certificate in DER: its SHA-256, and the names that can be bound to. It is for the caller that the
    /// peer has the key and, for the names, that a trusted authority has signed it.
    #[cfg(feature = "mtls")]
    pub fn from_der(certificate: &[u8]) -> Self {
        Self(identities(certificate).into())
    }

    /// Returns the certificate's SHA-256 and its names.
    pub fn identities(&self) -> &[CertificateIdentity] {
        &self.0
    }

    /// The one URI, such as a SPIFFE ID, or else the one DNS name. `None` if there are several, or none.
    fn name(&self) -> Option<&CertificateIdentity> {
        let only = |is: fn(&CertificateIdentity) -> bool| {
            let mut names = self.0.iter().filter(|identity| is(identity));
            (names.next(), names.next())
        };
        match only(|identity| matches!(identity, CertificateIdentity::Uri(_))) {
            (Some(uri), None) => Some(uri),
            (Some(_), Some(_)) => None,
            (None, _) => match only(|identity| matches!(identity, CertificateIdentity::Dns(_))) {
                (Some(name), None) => Some(name),
                (Some(_) | None, _) => None,
            },
        }
    }
}

/// The certificate, or the name in one, that the holder of a token must show (`cnf`, RFC 7800).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "server", derive(Serialize, Deserialize))]
pub struct Confirmation(CertificateIdentity);

impl Confirmation {
    /// A token of the holder of this certificate, or of each certificate with this name.
    pub const fn of(identity: CertificateIdentity) -> Self {
        Self(identity)
    }

    /// A confirmation of a kind that this release does not know: no certificate shows it.
    pub fn unknown() -> Self {
        Self(CertificateIdentity::Dns(Box::default()))
    }

    /// Binds to `peer`. `None` if it has nothing to bind to.
    pub fn bind(bound_to: BoundTo, peer: &PeerCertificate) -> Option<Self> {
        let is_hash =
            |identity: &&CertificateIdentity| matches!(identity, CertificateIdentity::Sha256(_));
        let identity = match bound_to {
            BoundTo::Certificate => peer.0.iter().find(is_hash),
            BoundTo::Identity => peer.name(),
        };
        identity.cloned().map(Self)
    }

    /// Binds a token that is issued over a connection whose peer has shown `peer`; `None` for a client whose
    /// tokens are not bound.
    ///
    /// # Errors
    /// `InvalidRequest` without a certificate to bind to.
    #[cfg(feature = "server")]
    pub fn due(
        bound_to: Option<BoundTo>,
        peer: Option<&PeerCertificate>,
    ) -> Result<Option<Self>, Error> {
        let Some(bound_to) = bound_to else { return Ok(None) };
        let problem = match bound_to {
            BoundTo::Certificate => "must be shown on the connection: the tokens are bound to it",
            BoundTo::Identity => {
                "must be shown on the connection, with one URI or else one DNS name: the tokens are bound to it"
            }
        };
        let missing = Error::InvalidRequest { field: "client_certificate", problem };
        peer.and_then(|peer| Self::bind(bound_to, peer)).map(Some).ok_or(missing)
    }

    /// Returns the certificate or the name.
    pub const fn identity(&self) -> &CertificateIdentity {
        &self.0
    }

    /// Returns whether the peer of a connection is the holder. Without a certificate it is not.
    pub fn is_shown_by(&self, peer: Option<&PeerCertificate>) -> bool {
        peer.is_some_and(|peer| peer.0.contains(&self.0))
    }
}

/// Returns whether the peer of a connection may show a token with that confirmation: everybody may show one
/// that has none.
pub fn may_show(confirmation: Option<&Confirmation>, peer: Option<&PeerCertificate>) -> bool {
    confirmation.is_none_or(|confirmation| confirmation.is_shown_by(peer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(texts: &[&str]) -> PeerCertificate {
        let identity = |text: &&str| CertificateIdentity::parse(text).expect("an identity");
        let identities: Vec<_> = texts.iter().map(identity).collect();
        PeerCertificate(identities.into())
    }

    fn hash(byte: &str) -> String {
        format!("sha256:{}", byte.repeat(32))
    }

    fn bound(bound_to: BoundTo, peer: &PeerCertificate) -> Option<String> {
        Confirmation::bind(bound_to, peer).map(|confirmation| confirmation.0.to_string())
    }

    #[test]
    fn a_token_is_bound_to_the_certificate_or_to_its_one_name() {
        const SVID: &str = "uri:spiffe://example/orders";
        let sha256 = hash("0a");
        for (names, name) in [
            (&[][..], None),
            (&[SVID], Some(SVID)),
            (&["dns:orders.example"], Some("dns:orders.example")),
            (&["dns:orders.example", SVID], Some(SVID)),
            (&["dns:orders.example", "dns:a.example", SVID], Some(SVID)),
            (&["dns:orders.example", "dns:a.example"], None),
            (&[SVID, "uri:https://orders.example/", "dns:orders.example"], None),
        ] {
            let peer = peer(&[&[&*sha256], names].concat());
            assert_eq!(bound(BoundTo::Certificate, &peer), Some(sha256.clone()), "{names:?}");
            assert_eq!(bound(BoundTo::Identity, &peer).as_deref(), name, "{names:?}");
        }
    }

    #[test]
    fn a_renewed_certificate_shows_tokens_of_its_name_and_none_of_the_certificate_before() {
        const SVID: &str = "uri:spiffe://example/orders";
        let (before, renewed) = (peer(&[&hash("0a"), SVID]), peer(&[&hash("0b"), SVID]));
        let thief = peer(&[&hash("0c"), "uri:spiffe://example/orders2"]);
        let confirmation = |bound_to| Confirmation::bind(bound_to, &before).expect("bound");
        for (bound_to, renewed_may) in [(BoundTo::Certificate, false), (BoundTo::Identity, true)] {
            let confirmation = confirmation(bound_to);
            assert!(confirmation.is_shown_by(Some(&before)));
            assert_eq!(confirmation.is_shown_by(Some(&renewed)), renewed_may);
            assert!(!confirmation.is_shown_by(Some(&thief)) && !confirmation.is_shown_by(None));
            assert!(!may_show(Some(&confirmation), Some(&thief)) && may_show(None, None));
        }
    }

    #[cfg(feature = "server")]
    #[test]
    fn a_client_whose_tokens_are_bound_gets_none_without_a_certificate_to_bind_to() {
        let nameless = peer(&[&hash("0a")]);
        assert_eq!(Confirmation::due(None, None), Ok(None));
        assert!(matches!(
            Confirmation::due(Some(BoundTo::Certificate), Some(&nameless)),
            Ok(Some(_))
        ));
        for (bound_to, peer) in [
            (BoundTo::Certificate, None),
            (BoundTo::Identity, None),
            (BoundTo::Identity, Some(&nameless)),
        ] {
            let refused = Confirmation::due(Some(bound_to), peer);
            assert!(matches!(refused, Err(Error::InvalidRequest { .. })), "{bound_to:?}");
        }
    }
}
