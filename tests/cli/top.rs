//! `jeton top --once`: figures for scripts; without a terminal there is nothing else.

use crate::{
    common::{caller::client_credentials, server::Server, settings::Settings},
    jeton::Jeton,
};

#[tokio::test]
async fn the_figures_of_an_interval_are_one_object_and_a_table() {
    let server = Server::start(&Settings::standard()).await;
    let address = server.ops().await.address;
    server.caller("shop").await.issue(client_credentials()).await.expect("a token");
    let found = Jeton::new("top --once --every 500ms").and(&address).json();
    let shown = &found["servers"][0];
    assert_eq!((&shown["server"], &shown["state"]), (&address.clone().into(), &"ready".into()));
    assert_eq!(shown["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(shown["figures"]["grants"], 1.0, "{found}");
    assert_eq!(shown["calls"][0]["name"], "Token/IssueToken");
    let text = Jeton::new("top --once --every 500ms").and(&address).text();
    assert!(text.contains("grants") && text.contains("call  Token/IssueToken"), "{text}");
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_fails_and_the_others_are_printed() {
    let server = Server::start(&Settings::standard()).await;
    let address = server.ops().await.address;
    let both = Jeton::new("top --once --every 500ms --output json").and(&address);
    let ran = both.and("127.0.0.1:1").run();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let found: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(found["servers"][0]["ready"], true);
    assert_eq!(found["servers"][1]["state"], "no answer");
    Jeton::new("top --once --every 500ms 127.0.0.1:1").run().failed(1, &["nobody listens there"]);
    server.stop().await;
}

#[test]
fn without_a_terminal_it_asks_for_once_and_other_addresses_are_refused() {
    let refused = [
        ("top", "--once"),
        ("top --every 1ms", "500ms at least"),
        ("top https://a.example:1", "no TLS"),
        ("top nowhere", "must be a URL"),
        ("top --output json", "--once"),
    ];
    for (line, why) in refused {
        let ran = Jeton::new(line).run();
        assert_eq!(ran.code, Some(2), "{line}: {ran:?}");
        assert!(format!("{ran:?}").contains(why), "{line}: {ran:?}");
    }
}
