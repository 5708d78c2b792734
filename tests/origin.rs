//! A grant's record says where it was issued to, over either wire.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use jeton::{
    app::SystemEntropy,
    domain::{client_id::ClientId, grant::Origin},
    store::{
        GrantOwner, Records as _, Store as _,
        sled::{SledOptions, SledStore},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::transport::Endpoint;

use crate::common::{
    caller::{Caller, client_credentials},
    server::Server,
    settings::Settings,
    wait::within,
};

async fn issue_over_http(address: &str, user_agent: &str) {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let body = "grant_type=client_credentials&client_id=shop&client_secret=shop-secret";
    let request = format!(
        "POST /oauth/token HTTP/1.1\r\nhost: jeton\r\nconnection: close\r\nuser-agent: {user_agent}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    within("to answer", stream.read_to_string(&mut answer)).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_remembers_the_address_and_the_user_agent_it_was_issued_to() {
    let server = Server::start(&Settings::standard()).await;
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address())).expect("a URL");
    let endpoint = endpoint.user_agent("till/7").expect("a user agent");
    let channel = within("to connect", endpoint.connect()).await.expect("a connection");
    let shop = Caller::new(channel, "shop");
    shop.issue(client_credentials()).await.expect("a token");
    issue_over_http(&server.http(), "curl/8.5").await;
    issue_over_http(&server.http(), &"a".repeat(100)).await;
    let home = server.stop().await;

    let options = SledOptions::new(home.data(), 1 << 20);
    let store = SledStore::open(&options, &SystemEntropy).expect("the store opens");
    let owner = GrantOwner::Client(ClientId::parse("shop").expect("a client id"));
    let mut origins = Vec::new();
    for id in store.grant_ids(&owner, None, 10).await.expect("a page") {
        let grant = store.grants().get(&id).await.expect("a read").expect("a grant");
        origins.push(Origin::clone(&grant.origin));
    }
    let from = |user_agent: &str| {
        let peer = Some("127.0.0.1".into());
        Origin { peer, user_agent: Some(user_agent.into()) }
    };
    // Ids of one millisecond come in any order.
    origins.sort_by(|one, other| one.user_agent.cmp(&other.user_agent));
    let last = origins.last().and_then(|origin| origin.user_agent.clone()).unwrap_or_default();
    assert!(last.starts_with("till/7 tonic/"), "{last}");
    assert_eq!(origins, [from(&"a".repeat(64)), from("curl/8.5"), from(&last)]);
    store.close().await.expect("it closes");
}
