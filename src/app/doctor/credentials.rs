//! The declared credentials: who may show passwords, and which are known to everybody.

use std::sync::Arc;

use super::super::{SystemEntropy, start::Findings};
use crate::{
    config::{DeclaredClient, DeclaredPassword, DeclaredSecret, Settings},
    domain::{
        client_secret::{SecretHash, StoredSecret},
        grant_type::GrantType,
        secret::Secret,
        user::PasswordHash,
    },
    service::HashPool,
};

/// The client secrets of `serve --dev` and of the examples.
const SECRETS: [&str; 5] =
    ["demo-secret", "admin-secret", "test_client_secret", "937it3ow87i4ery69876wqire", "string"];
/// The passwords of `serve --dev` and of the examples.
const PASSWORDS: [&str; 5] =
    ["demo-password", "test_api_user", "mypassword123", "password_example", "string"];

/// Clients that may use the password grant.
pub(super) fn password_grant(settings: &Settings, findings: &mut Findings) {
    let may = |client: &&DeclaredClient| {
        client.patch.grant_types.is_some_and(|grants| grants.contains(GrantType::Password))
    };
    let clients: Vec<_> = settings.clients.iter().filter(may).map(|c| c.id.as_str()).collect();
    if clients.is_empty() {
        findings.good("password grant", "no declared client may use it");
        return;
    }
    let found = format!("{} may use it, which RFC 9700 §2.4 forbids", clients.join(", "));
    findings.warn("password grant", found, "move them to another grant, and take it out of grants");
}

/// Clients and users whose secret or password stands in jeton's source. Takes as long as a hash for
/// each of those, for each declared hash.
pub(super) async fn known_to_all(settings: &Settings, findings: &mut Findings) {
    let entropy = Arc::new(SystemEntropy);
    // The step of a start that makes the pool reports that there can be none.
    let Ok(hashes) = HashPool::start(1, settings.passwords.cost, entropy) else { return };
    let mut known = Vec::new();
    for client in &settings.clients {
        let credential = match &client.secret {
            Some(DeclaredSecret::Clear(secret)) => Credential::Clear(secret),
            Some(DeclaredSecret::Hash(StoredSecret::Generated(hash))) => {
                Credential::Generated(hash)
            }
            Some(DeclaredSecret::Hash(StoredSecret::Chosen(phc))) => Credential::Chosen(phc),
            None => continue,
        };
        if credential.is_one_of(&SECRETS, &hashes).await {
            known.push(format!("client {}", client.id));
        }
    }
    for user in &settings.users {
        let credential = match &user.password {
            DeclaredPassword::Clear(password) => Credential::Clear(password),
            DeclaredPassword::Hash(PasswordHash(phc)) => Credential::Chosen(phc),
            DeclaredPassword::Nothing => continue,
        };
        if credential.is_one_of(&PASSWORDS, &hashes).await {
            known.push(format!("user {}", user.name));
        }
    }
    if known.is_empty() {
        findings.good("credentials", "none of those that are declared is an example's");
    } else {
        let found = format!("everybody knows those of {}: they are an example's", known.join(", "));
        findings.error("credentials", found, "change them");
    }
}

enum Credential<'a> {
    Clear(&'a Secret),
    Generated(&'a SecretHash),
    Chosen(&'a str),
}

impl Credential<'_> {
    async fn is_one_of(&self, known: &[&str], hashes: &HashPool) -> bool {
        for secret in known.iter().copied().map(Secret::new) {
            let same = match self {
                Self::Clear(own) => **own == secret,
                Self::Generated(hash) => **hash == SecretHash::of(&secret),
                // A start reports a hash that cannot be checked in time.
                Self::Chosen(phc) => hashes.verify(&secret, phc).await == Ok(true),
            };
            if same {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{super::super::Finding, *};
    use crate::config::{Overrides, ProcessEnvironment};

    async fn said(example: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(example);
        let loaded = Settings::load(Some(&path), &Overrides::default(), &ProcessEnvironment);
        let mut findings = Findings::default();
        known_to_all(&loaded.expect("an example").settings, &mut findings).await;
        let findings: Vec<Finding> = findings.into();
        findings.iter().map(ToString::to_string).collect()
    }

    /// A change of an example needs a change of the lists above.
    #[tokio::test]
    async fn every_credential_of_the_examples_is_known() {
        let dev = said("dev.toml").await;
        assert!(dev.contains("those of client demo, client admin, user alice:"), "{dev}");
        let seeds = said("seeds.toml").await;
        let clients = "client test_client_id, client 332269999912132097, client string";
        let users = "user test_api_user, user john@doe.com, user username_example, user string";
        assert!(seeds.contains(&format!("{clients}, {users}:")), "{seeds}");
    }
}
