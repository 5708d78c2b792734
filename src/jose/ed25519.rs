//! Private keys of Ed25519: signed with in a quarter of ring's time where the processor allows it.

use ring::signature::{Ed25519KeyPair, KeyPair as _};

/// A private key. Each implementation makes the same signatures (RFC 8032 §5.1.6), so that a repeated
/// answer is the same on another processor.
pub(super) enum Ed25519Key {
    /// Vector instructions of x86-64.
    #[cfg(target_arch = "x86_64")]
    Graviola(Box<graviola::signing::eddsa::Ed25519SigningKey>),
    /// Any processor.
    Ring(Box<Ed25519KeyPair>),
}

impl Ed25519Key {
    /// Reads a key in PKCS#8 (RFC 8410 §7); `None` for bytes that are no such key.
    pub(super) fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let key = Self::portable(der)?;
        #[cfg(target_arch = "x86_64")]
        if let Some(fast) = vector::key(der)
            && fast.public_key().as_bytes() == key.public()?
        {
            return Some(Self::Graviola(Box::new(fast)));
        }
        Some(key)
    }

    fn portable(der: &[u8]) -> Option<Self> {
        let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?;
        Some(Self::Ring(Box::new(key)))
    }

    /// Returns the public half. `None` never happens: the library would have to have one of another length.
    pub(super) fn public(&self) -> Option<[u8; 32]> {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Graviola(key) => Some(key.public_key().as_bytes()),
            Self::Ring(key) => key.public_key().as_ref().try_into().ok(),
        }
    }

    /// Signs a message.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Graviola(key) => key.sign(message).to_vec(),
            Self::Ring(key) => key.sign(message).as_ref().to_vec(),
        }
    }
}

/// The implementation for processors of x86-64 since about 2014. It panics on others, as some virtual machines
/// have them.
#[cfg(target_arch = "x86_64")]
mod vector {
    use std::arch::is_x86_feature_detected;

    use graviola::signing::eddsa::Ed25519SigningKey;

    /// Reads a key, if the processor has the instructions.
    pub(super) fn key(der: &[u8]) -> Option<Ed25519SigningKey> {
        is_supported().then(|| Ed25519SigningKey::from_pkcs8_der(der).ok()).flatten()
    }

    /// Returns whether the processor has what graviola needs: its README, "Architectures".
    fn is_supported() -> bool {
        is_x86_feature_detected!("aes")
            && is_x86_feature_detected!("ssse3")
            && is_x86_feature_detected!("pclmulqdq")
            && is_x86_feature_detected!("adx")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("avx")
            && is_x86_feature_detected!("avx2")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Start of a PKCS#8 key of Ed25519; the seed follows.
    const PREFIX: &str = "302e020100300506032b657004220420";

    fn der(seed: &[u8; 32]) -> Vec<u8> {
        let prefix = base16ct::lower::decode_vec(PREFIX).expect("hexadecimal");
        [&prefix, &seed[..]].concat()
    }

    proptest! {
        #[test]
        fn every_processor_makes_the_same_signature(
            seed: [u8; 32],
            message in prop::collection::vec(any::<u8>(), 0..600),
        ) {
            let here = Ed25519Key::from_pkcs8(&der(&seed)).expect("a key");
            let anywhere = Ed25519Key::portable(&der(&seed)).expect("a key");
            prop_assert_eq!(here.public(), anywhere.public());
            prop_assert_eq!(here.sign(&message), anywhere.sign(&message));
        }
    }

    /// The vector "TEST 3" of RFC 8032 §7.1.
    #[test]
    fn it_signs_as_rfc_8032_has_it() {
        const SEED: &str = "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7";
        const SIGNATURE: &str = "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
            18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a";
        let mut seed = [0; 32];
        base16ct::lower::decode(SEED, &mut seed).expect("hexadecimal");
        let expected = base16ct::lower::decode_vec(SIGNATURE).expect("hexadecimal");
        for key in [Ed25519Key::from_pkcs8(&der(&seed)), Ed25519Key::portable(&der(&seed))] {
            assert_eq!(key.expect("a key").sign(&[0xaf, 0x82]), expected);
        }
    }
}
