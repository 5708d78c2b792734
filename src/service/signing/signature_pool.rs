//! Signatures: those that take long have places and cores of their own, so that many of them starve nobody.

use std::{sync::Arc, thread};

use serde::Serialize;
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::{
    domain::{
        algorithm::Algorithm, client_id::ClientId, error::Error, secret::Secret,
        signing_key_id::SigningKeyId,
    },
    jose::{SigningKey, Unsigned},
    service::{
        fair_queue::{FairQueue, Permit},
        holder::{Account, Holder},
    },
};

/// Requests under way whose signature takes long. Others wait, and clients take turns.
const MOST_SIGNING: usize = 64;
/// Requests that wait for that. More are refused.
const MOST_WAITING: usize = 512;

/// Places and cores for signatures that take long.
pub(in crate::service) struct SignaturePool {
    turns: Arc<FairQueue>,
    /// All cores but one.
    cores: Arc<Semaphore>,
}

/// A key, with the place of its caller where its signatures take long.
pub(in crate::service) struct Signer {
    key: Arc<SigningKey>,
    place: Option<Permit>,
}

impl Signer {
    /// The key's name.
    pub(in crate::service) fn key_id(&self) -> SigningKeyId {
        self.key.id()
    }

    /// A token of the media type `typ` with these claims, yet to be signed.
    pub(in crate::service) fn unsigned(&self, typ: &str, claims: &impl Serialize) -> Unsigned {
        Unsigned::new(typ, &self.key, claims)
    }
}

impl SignaturePool {
    pub(in crate::service) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let cores = Arc::new(Semaphore::new(cores.saturating_sub(1).max(1)));
        Self { turns: FairQueue::new(MOST_SIGNING, MOST_WAITING), cores }
    }

    /// Waits for a place where the key's signatures take long.
    ///
    /// # Errors
    /// `Overloaded` if too many wait, of all or of `client`.
    pub(in crate::service) async fn signer(
        &self,
        client: &ClientId,
        key: Arc<SigningKey>,
    ) -> Result<Signer, Error> {
        let place = if is_slow(key.algorithm()) {
            let client = Holder::client(client);
            let account = Account { party: client, member: client };
            Some(self.turns.permit(account).await?)
        } else {
            None
        };
        Ok(Signer { key, place })
    }

    /// Signs what the signer's key is named in.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be signed.
    pub(in crate::service) async fn sign(
        &self,
        signer: Signer,
        unsigned: Unsigned,
    ) -> Result<Secret, Error> {
        let Signer { key, place } = signer;
        let made = if is_slow(key.algorithm()) {
            let core = Arc::clone(&self.cores).acquire_owned().await;
            let core = core.map_err(|_| Error::UNAVAILABLE)?;
            // A caller that goes away frees neither before the signature is made.
            let signing = spawn_blocking(move || {
                let _held = (place, core);
                unsigned.sign(&key)
            });
            signing.await.map_err(|_| Error::UNAVAILABLE)?
        } else {
            unsigned.sign(&key)
        };
        made.map_err(|_| Error::UNAVAILABLE)
    }
}

/// Returns whether a signature takes about a millisecond, and others some hundredths of it.
const fn is_slow(algorithm: Algorithm) -> bool {
    match algorithm {
        Algorithm::Es256 | Algorithm::EdDsa => false,
        Algorithm::Rs256
        | Algorithm::Rs384
        | Algorithm::Rs512
        | Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512
        | Algorithm::Es384 => true,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use futures_util::FutureExt as _;
    use serde_json::json;
    use tokio::task::{JoinSet, yield_now};

    use super::*;
    use crate::domain::entropy::Entropy;

    /// Calls of the client that storms: all that have places, and most of those that have room to wait.
    const STORM: usize = 220;

    struct Repeated(u8);

    impl Entropy for Repeated {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    fn slow() -> Arc<SigningKey> {
        let text = include_str!("../../../tests/common/issuer_rsa.txt");
        let text: String = text.split_whitespace().collect();
        let key = SigningKey::from_pkcs8(&BASE64_STANDARD.decode(text).expect("base64"));
        Arc::new(key.expect("a key"))
    }

    fn quick() -> Arc<SigningKey> {
        let made = SigningKey::generate(Algorithm::Es256, &Repeated(7)).expect("bytes");
        Arc::new(SigningKey::from_pkcs8(&made).expect("a key"))
    }

    fn client(name: &str) -> ClientId {
        ClientId::parse(name).expect("an id")
    }

    async fn sign(pool: &SignaturePool, name: &str, key: Arc<SigningKey>) -> Result<Secret, Error> {
        let signer = pool.signer(&client(name), key).await?;
        let unsigned = signer.unsigned("at+jwt", &json!({ "sub": name }));
        pool.sign(signer, unsigned).await
    }

    #[tokio::test]
    async fn a_storm_of_slow_signatures_for_one_client_keeps_no_other_waiting_for_its_end() {
        let (pool, key) = (Arc::new(SignaturePool::new()), slow());
        let (begun, signed) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let mut storm = JoinSet::new();
        for _ in 0..STORM {
            let (pool, key) = (Arc::clone(&pool), Arc::clone(&key));
            let (begun, signed) = (Arc::clone(&begun), Arc::clone(&signed));
            storm.spawn(async move {
                begun.fetch_add(1, Ordering::Relaxed);
                sign(&pool, "storm", key).await.expect("a signature");
                signed.lock().expect("the list").push("storm");
            });
        }
        while begun.load(Ordering::Relaxed) < STORM {
            yield_now().await;
        }
        assert_eq!(pool.turns.free(), 0, "the storm has every place");
        // A signature that takes no time needs none.
        let at_once = sign(&pool, "storm", quick()).now_or_never();
        assert!(at_once.is_some_and(|made| made.is_ok()));

        let before = signed.lock().expect("the list").len();
        sign(&pool, "other", Arc::clone(&key)).await.expect("a signature");
        let passed = signed.lock().expect("the list").len() - before;
        // Those that had places, one that had the turn, and those that ended at the same moment.
        let most = 2 * MOST_SIGNING;
        assert!(passed <= most, "{passed} of the storm came before");
        storm.join_all().await;
        assert_eq!(signed.lock().expect("the list").len(), STORM);
        assert_eq!((pool.turns.free(), pool.turns.waiting()), (MOST_SIGNING, 0));
    }

    #[tokio::test]
    async fn a_storm_is_refused_while_there_is_room_for_others() {
        let (pool, key) = (SignaturePool::new(), slow());
        let mut places = Vec::new();
        for _ in 0..MOST_SIGNING {
            places.push(pool.signer(&client("storm"), Arc::clone(&key)).await.expect("a place"));
        }
        let storm = client("storm");
        let mut waiting = Vec::new();
        let refused = loop {
            let mut asked = Box::pin(pool.signer(&storm, Arc::clone(&key)));
            match asked.as_mut().now_or_never() {
                None => waiting.push(asked),
                Some(answer) => break answer.err(),
            }
        };
        assert_eq!(refused, Some(Error::OVERLOADED));
        assert!(waiting.len() < MOST_WAITING, "{} wait", waiting.len());
        let other = client("other");
        let mut asked = Box::pin(pool.signer(&other, key));
        assert!(asked.as_mut().now_or_never().is_none(), "it waits for its turn");
        // The second place that is left is the other's: the storm had its turn.
        places.truncate(MOST_SIGNING - 2);
        assert!(asked.now_or_never().is_some_and(|answer| answer.is_ok()));
    }
}
