//! The commented example shows every setting and changes none.

use std::path::Path;

use jeton::{
    config::{AgentOverrides, AgentSettings, Settings, sections},
    domain::client::IntrospectReach,
};

use super::fake::{FILE, Fake};

pub(crate) const EXAMPLE: &str = include_str!("../../examples/jeton.toml");

pub(crate) fn with_example_variables(text: &str) -> Fake {
    Fake::with_settings(text)
        .variable("ORDERS_SECRET", "kx7vqzmw2nfd9tr")
        .variable("ALICE_PASSWORD", "p")
}

#[test]
fn the_example_loads_and_changes_no_default() {
    let settings = with_example_variables(EXAMPLE).settings();
    let ([client], [user]) = (&*settings.clients, &*settings.users) else { panic!("one of each") };
    assert_eq!((client.id.as_str(), user.name.as_str()), ("orders", "alice"));
    assert_eq!(Settings { clients: vec![], users: vec![], ..settings }, Settings::default());
}

/// An agent can share the file of a server.
#[test]
fn an_agent_reads_the_example_beside_every_section_of_a_server() {
    let fake = Fake::with_settings(EXAMPLE);
    let file = Settings::agent(Some(Path::new(FILE)), &AgentOverrides::default(), &fake);
    assert_eq!(file.map(|file| file.settings), Ok(AgentSettings::default()));
}

#[test]
fn the_example_shows_the_real_defaults() {
    let uncommented: String = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if setting.starts_with(|first: char| first.is_ascii_lowercase()) => {
                setting
            }
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut settings = with_example_variables(&uncommented).settings();
    let [client] = &*settings.clients else { panic!("one client") };
    let lifetimes = jeton::domain::client::Lifetimes::default();
    assert_eq!(client.patch.access_token_ttl, Some(lifetimes.access));
    assert_eq!(client.patch.refresh_token_ttl, Some(lifetimes.refresh));
    assert_eq!(client.patch.grant_ttl, Some(lifetimes.grant));
    assert_eq!(client.patch.introspect, Some(IntrospectReach::default()));
    assert_eq!(
        client.patch.permissions.map(|some| some.admin || some.inactive_reason),
        Some(false)
    );
    assert_eq!(client.patch.disabled, Some(false));

    // Settings without a default are shown with a value.
    assert!(settings.http.issuer.take().is_some());
    assert!(settings.store.url.take().is_some() && settings.store.tls_ca.take().is_some());
    assert!(settings.tls.take().is_some_and(|tls| tls.clients.is_some()));
    assert!(settings.passwords.threads.take().is_some());
    assert!(settings.traces.endpoint.take().is_some());
    assert!(settings.check.client.take().is_some());
    assert!(settings.check.certificate_header.take().is_some());
    assert!(settings.agent.client_id.is_some() && settings.agent.tls().is_some());
    settings.agent = AgentSettings::default();
    assert_eq!(Settings { clients: vec![], users: vec![], ..settings }, Settings::default());
}

/// A key that the example lacks would not be there to uncomment: an unknown
/// key names those that exist.
#[test]
fn the_example_names_every_key() {
    for section in sections().into_iter().map(|section| section.name) {
        let faults = Fake::with_settings(&format!("[{section}]\n' ' = 1")).faults();
        let (_, keys) = faults.split_once("here may be ").expect("the keys");
        let shown = EXAMPLE.split_once(&format!("\n[{section}]\n")).expect(section).1;
        let shown = shown.split("\n[").next().unwrap_or_default();
        for key in keys.split(", ") {
            assert!(shown.contains(&format!("\n#{key} = ")), "{section}.{key}");
        }
    }
}
