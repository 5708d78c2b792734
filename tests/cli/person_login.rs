//! `jeton login --issuer`: a person logs in at an identity provider, and commands administer for them.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Child,
    sync::{Arc, Mutex},
    thread,
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    common::{
        admin::with_admin,
        issuer::{SigningKey, jwks},
        now::seconds,
        server::Server,
        settings::Table,
    },
    jeton::{Jeton, Ran},
};

/// The one thing that a provider does otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trick {
    None,
    /// Its metadata are another issuer's.
    OtherIssuer,
    /// It knows no S256.
    NoPkce,
    /// It refuses.
    Denies,
    /// It answers another login.
    OtherState,
    /// Its answers do not name it, which its metadata promise.
    Nameless,
    /// Its ID token is another login's.
    OtherNonce,
    /// Its ID token is another client's.
    OtherAudience,
}

/// An identity provider whose person is logged in already: its page redirects at once.
struct Provider {
    key: SigningKey,
    url: String,
    trick: Trick,
    groups: Mutex<Value>,
    /// The request for each code.
    asked: Mutex<HashMap<String, HashMap<String, String>>>,
}

impl Provider {
    fn start(trick: Trick) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let provider = Arc::new(Self {
            key: SigningKey::p256("corp-1"),
            url,
            trick,
            groups: Mutex::new(json!(["jeton-admins"])),
            asked: Mutex::default(),
        });
        let serving = Arc::clone(&provider);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serving.answer(stream);
            }
        });
        provider
    }

    fn answer(&self, mut stream: TcpStream) {
        let (target, body) = request(&mut stream);
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let answer = match path {
            "/.well-known/openid-configuration" => json_answer(200, &self.metadata()),
            "/keys" => json_answer(200, &serde_json::from_str(&jwks([&self.key])).expect("JSON")),
            "/auth" => self.redirect(&pairs(query)),
            "/token" => self.token(&pairs(&body)),
            _ => json_answer(404, &json!({})),
        };
        drop(stream.write_all(answer.as_bytes()));
    }

    fn metadata(&self) -> Value {
        let other = self.trick == Trick::OtherIssuer;
        let issuer = if other { "https://login.example" } else { self.url.as_str() };
        let methods = if self.trick == Trick::NoPkce { json!(["plain"]) } else { json!(["S256"]) };
        json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{}/auth", self.url),
            "token_endpoint": format!("{}/token", self.url),
            "jwks_uri": format!("{}/keys", self.url),
            "code_challenge_methods_supported": methods,
            "authorization_response_iss_parameter_supported": self.trick == Trick::Nameless,
        })
    }

    fn redirect(&self, asked: &HashMap<String, String>) -> String {
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["scope"], "openid groups");
        assert_eq!(asked["code_challenge_method"], "S256");
        let code = format!("code-{}", asked["nonce"]);
        let state = if self.trick == Trick::OtherState { "guessed" } else { &asked["state"] };
        let answer = if self.trick == Trick::Denies {
            "error=access_denied".to_owned()
        } else {
            format!("code={code}")
        };
        let query = format!("{answer}&state={state}");
        let location = format!("{}?{query}", asked["redirect_uri"]);
        self.asked.lock().expect("a lock").insert(code, asked.clone());
        format!(
            "HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
    }

    fn token(&self, form: &HashMap<String, String>) -> String {
        let asked = self.asked.lock().expect("a lock").remove(&form["code"]);
        let Some(asked) = asked else {
            return json_answer(400, &json!({ "error": "invalid_grant" }));
        };
        let challenge = Sha256::digest(form["code_verifier"].as_bytes());
        assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(challenge), asked["code_challenge"]);
        assert_eq!(form["redirect_uri"], asked["redirect_uri"]);
        assert_eq!(form["client_id"], asked["client_id"]);
        let nonce = if self.trick == Trick::OtherNonce { "other" } else { &asked["nonce"] };
        let other = self.trick == Trick::OtherAudience;
        let audience = if other { "web-app" } else { asked["client_id"].as_str() };
        let (now, groups) = (seconds(), self.groups.lock().expect("a lock").clone());
        let claims = json!({
            "iss": self.url, "sub": "8f2c", "aud": audience, "iat": now, "exp": now + 300,
            "nonce": nonce, "preferred_username": "ada", "groups": groups,
        });
        let id_token = self.key.token(&claims);
        json_answer(
            200,
            &json!({ "access_token": "x", "token_type": "Bearer", "id_token": id_token }),
        )
    }
}

fn request(stream: &mut TcpStream) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).expect("a request");
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header");
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(text) = line.strip_prefix("content-length: ") {
            length = text.parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let target = first.split(' ').nth(1).unwrap_or("/").to_owned();
    (target, String::from_utf8(body).expect("UTF-8"))
}

fn pairs(text: &str) -> HashMap<String, String> {
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

fn json_answer(status: u16, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "HTTP/1.1 {status} Any\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Gets a page as a browser does, without following anything. Returns head and body.
fn get(url: &str) -> (String, String) {
    let rest = url.strip_prefix("http://").expect("plain HTTP");
    let (host, path) = rest.split_once('/').expect("a path");
    let mut stream = TcpStream::connect(host).expect("a connection");
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
    (head.to_owned(), body.to_owned())
}

fn location(head: &str) -> String {
    let line = head.lines().find_map(|line| line.strip_prefix("location: "));
    line.expect("a redirect").to_owned()
}

/// A server that takes the provider's ID tokens, and a home directory.
struct World {
    provider: Arc<Provider>,
    server: Server,
    home: tempfile::TempDir,
}

impl World {
    async fn start(trick: Trick) -> Self {
        let provider = Provider::start(trick);
        let users = r#"{ audiences = [{ id = "jeton-cli", clients = ["cli"] }], create = true, permissions = [{ claim = "groups", value = "jeton-admins", allow = ["admin"] }] }"#;
        let issuer = Table::issuer("corp").text("issuer", &provider.url).toml("users", users);
        let cli =
            Table::public("cli").toml("audience", r#"["jeton"]"#).text("access_token_ttl", "30s");
        let settings = with_admin()
            .set("http", "issuer", "https://tokens.example")
            .and(issuer.text("jwks_url", &format!("{}/keys", provider.url)))
            .and(cli.toml("grants", r#"["jwt_bearer", "refresh_token"]"#));
        let server = Server::start(&settings).await;
        server.logs("the keys of the issuer were read").await;
        Self { provider, server, home: tempfile::tempdir().expect("a directory") }
    }

    fn jeton(&self, line: &str) -> Jeton {
        Jeton::new(line).with("HOME", self.home.path().to_str().expect("UTF-8"))
    }

    fn login(&self, more: &str) -> Jeton {
        let line = format!(
            "login ada --issuer {} --issuer-client-id jeton-cli --issuer-scope groups --client-id cli --server {} {more}",
            self.provider.url,
            self.server.url()
        );
        self.jeton(&line)
    }

    /// Starts the login, and returns it with the address that it prints.
    fn begin(&self, more: &str) -> (Child, BufReader<std::process::ChildStderr>, String) {
        let mut child = self.login(more).command().spawn().expect("jeton starts");
        let mut said = BufReader::new(child.stderr.take().expect("its standard error is piped"));
        let mut line = String::new();
        said.read_line(&mut line).expect("a line");
        assert_eq!(line, "Log in here, on this machine:\n");
        line.clear();
        said.read_line(&mut line).expect("the address");
        let url = line.trim().to_owned();
        (child, said, url)
    }

    /// Logs in as a browser does.
    fn log_in(&self) -> (Ran, String) {
        let (child, mut said, url) = self.begin("");
        let back = location(&get(&url).0);
        // Another page can neither bring in a code of its own nor end the login.
        let stranger = back.split_once('?').expect("a query").0;
        for query in ["code=stolen&state=guessed", "code=stolen", "error=access_denied"] {
            assert!(get(&format!("{stranger}?{query}")).0.starts_with("HTTP/1.1 400"));
        }
        assert!(get(&stranger.replace("callback", "favicon.ico")).0.starts_with("HTTP/1.1 404"));
        let (head, page) = get(&back);
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("no-store"), "{head}");
        let output = child.wait_with_output().expect("its output");
        let mut rest = String::new();
        said.read_to_string(&mut rest).expect("the rest");
        let mut ran = Ran::new(&output);
        ran.err = rest;
        (ran, page)
    }

    fn profiles(&self) -> std::path::PathBuf {
        self.home.path().join(".config/jeton/profiles.toml")
    }
}

fn tokens(profiles: &Path) -> Vec<String> {
    let text = fs::read_to_string(profiles).expect("profiles");
    let tokens = text.lines().filter(|line| line.contains("_token = "));
    tokens.map(str::to_owned).collect()
}

#[tokio::test]
async fn a_person_logs_in_by_a_browser_and_administers_without_any_secret() {
    let world = World::start(Trick::None).await;
    let (ran, page) = world.log_in();
    let out = ran.succeeded().out;
    assert!(page.starts_with("Go back to the terminal"), "{page}");
    assert!(out.contains("administers") && !out.contains("jat_") && !out.contains("eyJ"), "{out}");
    let kept = tokens(&world.profiles());
    assert_eq!(kept.len(), 2, "an access token and a refresh token");
    // Each command renews tokens that end within a minute, and keeps them.
    assert!(world.jeton("client list --profile ada").text().contains("shop"));
    let renewed = tokens(&world.profiles());
    assert!(renewed.len() == 2 && renewed != kept);
    world.jeton("user create eve --identity issuer=corp,subject=77 --profile ada").text();
    assert_eq!(world.jeton("user get ada --profile ada --field permissions").text(), "admin\n");

    // The group is gone at the next login, and so is the administrator of before.
    *world.provider.groups.lock().expect("a lock") = json!([]);
    fs::copy(world.profiles(), world.home.path().join("kept")).expect("copied");
    let (ran, _) = world.log_in();
    assert!(ran.succeeded().out.contains("false"));
    fs::copy(world.home.path().join("kept"), world.profiles()).expect("copied");
    world.jeton("client list --profile ada").run().failed(1, &["INVALID_TOKEN"]);

    // A login that was ended is begun again by its person.
    let root = || ("JETON_CLIENT_ID", "root", "JETON_CLIENT_SECRET", "root-secret");
    let (id, name, variable, secret) = root();
    let revoke = world.jeton("grant revoke-all --user ada --yes --server").and(&world.server.url());
    revoke.with(id, name).with(variable, secret).text();
    let ended = world.jeton("client list --profile ada").run();
    ended.failed(1, &["the login of profile ada has ended", "jeton login ada --issuer"]);
    world.server.stop().await;
}

#[tokio::test]
async fn a_provider_that_is_another_or_answers_another_login_logs_nobody_in() {
    for (trick, said) in [
        (Trick::OtherIssuer, "its metadata are another issuer's"),
        (Trick::NoPkce, "it does not support PKCE with S256"),
    ] {
        let world = World::start(trick).await;
        world.login("").run().failed(1, &[said]);
        assert!(!world.profiles().exists());
        world.server.stop().await;
    }
    for (trick, said) in [
        (Trick::Denies, "the identity provider refuses: access_denied"),
        (Trick::Nameless, "the answer does not name its issuer"),
        (Trick::OtherNonce, "the ID token is another login's: its nonce differs"),
        (Trick::OtherAudience, "the ID token is for another client"),
    ] {
        let world = World::start(trick).await;
        let (child, mut rest, url) = world.begin("");
        get(&location(&get(&url).0));
        assert_eq!(child.wait_with_output().expect("its output").status.code(), Some(1));
        let mut text = String::new();
        rest.read_to_string(&mut text).expect("the rest");
        assert!(text.contains(said), "{text}");
        assert!(!world.profiles().exists());
        world.server.stop().await;
    }
    let world = World::start(Trick::OtherState).await;
    let (child, mut rest, url) = world.begin("--timeout 1s");
    let (head, _) = get(&location(&get(&url).0));
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
    assert_eq!(child.wait_with_output().expect("its output").status.code(), Some(1));
    let mut text = String::new();
    rest.read_to_string(&mut text).expect("the rest");
    assert!(text.contains("nobody logged in"), "{text}");
    world.server.stop().await;
}
