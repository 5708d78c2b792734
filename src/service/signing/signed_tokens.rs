//! Signs the access tokens of clients that are to have signed ones (RFC 9068), and reads them back.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::task::yield_now;

use super::{Signing, signature_pool::Signer, signing_leases::SigningLeases};
use crate::{
    domain::{
        act_claim::ActClaim,
        client::Client,
        client_id::ClientId,
        cnf_claim::CnfClaim,
        delegation::Delegation,
        error::Error,
        grant::Grant,
        presented_token::{JwtId, PresentedToken, TokenText},
        secret::Secret,
        signing_times::DueSignature,
        subject::Subject,
        user::User,
    },
    jose::{self, SigningKey, Unsigned},
    service::{Caller, audit::stranger_audit::StrangerAudit},
    store::Store,
};

/// `typ` of an answer to introspection (RFC 9701 §5).
const INTROSPECTION_TYPE: &str = "token-introspection+jwt";

/// Claims of an access token (RFC 9068 §2.2).
#[derive(Serialize)]
struct AccessClaims<'a> {
    iss: &'a str,
    sub: String,
    aud: &'a str,
    exp: u64,
    iat: u64,
    jti: String,
    client_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
    /// The grant of the login: the claim of a session (`OpenID` Connect Front-Channel Logout 1.0 §3).
    sid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<ActClaim>,
    /// The certificate that the bearer must show (RFC 8705 §3.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<CnfClaim>,
    jeton: OwnClaims,
    /// Attributes of the client and the user, by their names.
    #[serde(flatten)]
    attributes: Map<String, Value>,
}

/// Claims for validators of this service.
#[derive(Serialize)]
struct OwnClaims {
    /// The grant, if it is not the one of the login.
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<String>,
    /// Number of the grant's rotations before the token.
    generation: u32,
    /// Short form of the client's epoch.
    client_epoch: String,
    /// Short form of the user's epoch, for tokens that speak for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_epoch: Option<String>,
}

/// Signer and reader of access tokens.
pub struct TokenSigner<S> {
    signing: Arc<Signing>,
    leases: Arc<SigningLeases<S>>,
    strangers: Arc<StrangerAudit>,
}

impl<S> TokenSigner<S> {
    pub(in crate::service) fn new(
        signing: Arc<Signing>,
        leases: Arc<SigningLeases<S>>,
        strangers: Arc<StrangerAudit>,
    ) -> Self {
        Self { signing, leases, strangers }
    }
}

impl<S: Store> TokenSigner<S> {
    /// Returns the signer of the next access token of a grant; `None` for an opaque one. `client` is the
    /// record by which that is decided.
    ///
    /// # Errors
    /// `Unavailable` if no key signs now; `Overloaded` if too many wait for their signature.
    pub(in crate::service) async fn next_signer(
        &self,
        caller: &Caller,
        client: &Client,
        signs: bool,
    ) -> Result<Option<Signer>, Error> {
        if !signs {
            return Ok(None);
        }
        let key = self.leases.signing_key().await;
        self.signer(caller, client, key).await.map(Some)
    }

    /// Returns the signer of the current access token of a grant, once more.
    ///
    /// # Errors
    /// As [`Self::next_signer`].
    pub(in crate::service) async fn same_signer(
        &self,
        caller: &Caller,
        grant: &Grant,
    ) -> Result<Option<Signer>, Error> {
        let Some(id) = grant.signed_by.as_deref() else { return Ok(None) };
        let key = self.signing.load().get(*id).cloned();
        self.signer(caller, caller.client(), key).await.map(Some)
    }

    /// Returns the signature that `signer` is to make.
    pub(in crate::service) fn due(&self, signer: &Signer) -> DueSignature {
        DueSignature { key: signer.key_id(), longest: self.leases.longest() }
    }

    async fn signer(
        &self,
        caller: &Caller,
        client: &Client,
        key: Option<Arc<SigningKey>>,
    ) -> Result<Signer, Error> {
        let Some(key) = key else {
            self.signing.note_missing();
            if self.strangers.may_tell() {
                tracing::error!(
                    client_id = %client.id,
                    "no key signs access tokens: jeton key add --signing, and a copy for each instance"
                );
            }
            return Err(Error::UNAVAILABLE);
        };
        self.signing.pool.signer(caller.id(), key).await
    }

    /// Returns the current access token of `grant`, yet to be signed. `client` and `user` have the
    /// attributes that it shows.
    pub(in crate::service) fn unsigned(
        &self,
        signer: &Signer,
        grant: &Grant,
        client: &Client,
        user: Option<&User>,
    ) -> Unsigned {
        let (current, delegation) = (&grant.current, grant.delegation.as_deref());
        let encoded = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let jti = current.access.hash.as_ref().map(JwtId::of);
        let user_epoch = match &grant.subject {
            Subject::Client => None,
            Subject::User { epoch, .. } => Some(encoded(&epoch.short_form())),
        };
        let claims = AccessClaims {
            iss: self.signing.issuer(),
            sub: grant.subject.text(&grant.client_id),
            aud: grant.audience.names().next().unwrap_or_default(),
            exp: current.access.expire_time.as_secs(),
            iat: current.issue_time.as_secs(),
            jti: jti.map(|jti| encoded(jti.as_bytes())).unwrap_or_default(),
            client_id: grant.client_id.as_str(),
            scope: grant.scopes_of(&current.access).as_str(),
            sid: delegation
                .and_then(Delegation::root)
                .map_or(grant.id, |root| root.grant_id)
                .to_string(),
            act: delegation.and_then(|delegation| {
                ActClaim::of(delegation.actors.iter().map(ClientId::as_str))
            }),
            cnf: grant.bindings.current().map(CnfClaim::of),
            jeton: OwnClaims {
                grant: delegation.map(|_| grant.id.to_string()),
                generation: current.number,
                client_epoch: encoded(&grant.client_epoch.short_form()),
                user_epoch,
            },
            attributes: shown(client, user),
        };
        signer.unsigned(jose::ACCESS_TYPE, &claims)
    }

    /// Signs the access token of an answer, whose record is durable, if one is due.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be signed.
    pub(in crate::service) async fn sign(
        &self,
        due: Option<(Signer, Unsigned)>,
    ) -> Result<Option<Secret>, Error> {
        let Some((signer, unsigned)) = due else { return Ok(None) };
        let access_token = self.signing.pool.sign(signer, unsigned).await?;
        self.signing.note_signed();
        Ok(Some(access_token))
    }

    /// Signs the claims of an introspection for `caller` (RFC 9701).
    ///
    /// # Errors
    /// `Unavailable` without a signing key, and `Overloaded` if the pool is full.
    pub async fn sign_introspection(
        &self,
        caller: &Caller,
        claims: &impl Serialize,
    ) -> Result<Secret, Error> {
        let key = self.leases.signing_key().await;
        let signer = self.signer(caller, caller.client(), key).await?;
        let unsigned = signer.unsigned(INTROSPECTION_TYPE, claims);
        self.signing.pool.sign(signer, unsigned).await
    }

    /// Reads a token that somebody presents; `None` for what no key of ours can have made.
    ///
    /// # Errors
    /// `Unavailable` for a signed token whose key this ring lacks and that may be good.
    pub(in crate::service) async fn presented(
        &self,
        text: &Secret,
    ) -> Result<Option<PresentedToken>, Error> {
        match TokenText::parse(text.expose()) {
            Some(text) => self.presented_text(&text).await,
            None => Ok(None),
        }
    }

    /// Reads several tokens. The signatures of those that were not seen before take their time: others have
    /// their turn in between.
    ///
    /// # Errors
    /// As [`Self::presented`], for any of them.
    pub(in crate::service) async fn all_presented(
        &self,
        texts: impl ExactSizeIterator<Item = Option<TokenText>>,
    ) -> Result<Vec<Option<PresentedToken>>, Error> {
        let mut presented = Vec::with_capacity(texts.len());
        for text in texts {
            if let Some(TokenText::Jwt(_)) = text {
                yield_now().await;
            }
            presented.push(match text {
                Some(text) => self.presented_text(&text).await?,
                None => None,
            });
        }
        Ok(presented)
    }

    async fn presented_text(&self, text: &TokenText) -> Result<Option<PresentedToken>, Error> {
        let jwt = match text {
            TokenText::Opaque(token) => return Ok(Some(PresentedToken::Opaque(token.clone()))),
            TokenText::Jwt(jwt) => jwt.expose(),
        };
        let read = self.signing.read(jwt).map(PresentedToken::Signed);
        if read.is_none() {
            self.leases.refuse_unverified(jwt).await?;
        }
        Ok(read)
    }
}

/// The attributes that the client's tokens show: where both have one, it is the user's.
fn shown(client: &Client, user: Option<&User>) -> Map<String, Value> {
    let of_user = user.into_iter().flat_map(|user| user.attributes.entries());
    let all = client.attributes.entries().chain(of_user);
    let listed = all.filter(|(name, _)| client.jwt_attributes.has(name));
    listed.map(|(name, value)| (name.to_owned(), value.into())).collect()
}
