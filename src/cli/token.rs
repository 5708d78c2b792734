//! Runs `jeton token`: issues, refreshes, introspects and revokes tokens.

use clap::{Args, Subcommand};
use tonic::{Response, Status};

use super::{
    CliError, attributes,
    connection::{Caller, Session},
    explain::Explain,
    input, meant,
    output::{self, Fields, Format},
    presentation::Presentation,
    proof::ProofFields,
    refusal::Refusal,
    time,
    watch::Watch,
    words::Word as _,
};
use crate::{
    bearer::CertificateIdentity,
    proto::v1::{
        self, admin_service_client::AdminServiceClient, explain_token_request::What,
        issue_token_request::Grant, token_service_client::TokenServiceClient,
    },
};

#[derive(Args, Debug)]
pub(super) struct Token {
    #[command(flatten)]
    caller: Caller,

    /// The client is public: it has no secret
    #[arg(long, global = true)]
    public: bool,

    /// Format of the answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "table", global = true)]
    output: Format,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    #[command(flatten)]
    Ask(Ask),
    /// Prints revocations as they happen, until Ctrl-C
    Watch(Watch),
    /// Shows an administrator the state of a token, read from standard input, or of a grant, and
    /// its causes
    Explain(Explain),
}

/// Commands that have one answer.
#[derive(Debug, Subcommand)]
enum Ask {
    /// Issues tokens, for the client itself or for a user
    Issue(Issue),
    /// Exchanges an access token of a user, read from standard input, for one with which the client calls
    /// other services for that user
    Exchange(Narrowing),
    /// Exchanges a refresh token, read from standard input, for the next pair
    Refresh {
        /// Narrows the new access token; may be repeated
        #[arg(long = "scope", value_name = "SCOPE", value_parser = meant::given)]
        scopes: Vec<String>,
    },
    /// Revokes a token, read from standard input
    Revoke {
        /// Leaves the refresh token alive
        #[arg(long)]
        access_token_only: bool,
    },
    /// Shows whether a token, read from standard input, is good
    Introspect {
        /// Expects a refresh token
        #[arg(long)]
        refresh_token: bool,
    },
}

#[derive(Args, Debug)]
struct Issue {
    /// The user, by login name, since a login takes no user id; the password is read from the variable
    /// `JETON_PASSWORD`, asked for, or read from standard input. Left out: tokens for the client itself
    #[arg(long = "user", alias = "username", value_name = "NAME", value_parser = meant::login_name)]
    username: Option<String>,

    #[command(flatten)]
    narrowing: Narrowing,
}

/// Content of the new token.
#[derive(Args, Debug)]
struct Narrowing {
    /// A scope to ask for; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", value_parser = meant::given)]
    scopes: Vec<String>,

    /// A service that the token is meant for; may be repeated
    #[arg(long, value_name = "NAME", value_parser = meant::given)]
    audience: Vec<String>,

    /// Shortens the access token's life, for example 5m
    #[arg(long, value_name = "DURATION", value_parser = time::parse)]
    ttl: Option<prost_types::Duration>,

    /// Makes the call repeatable
    #[arg(long, value_name = "ID", value_parser = meant::given)]
    request_id: Option<String>,
}

impl Token {
    pub(super) async fn run(self) -> Result<(), CliError> {
        match self.action {
            Action::Ask(ask) => {
                let session = self.caller.connect(self.public).await?;
                ask.run(session, self.output).await
            }
            Action::Watch(watch) => {
                let session = self.caller.connect(self.public).await?;
                watch.run(&self.caller, session, self.output).await
            }
            Action::Explain(explain) => explain.run(&self.caller, self.output).await,
        }
    }
}

impl Ask {
    async fn run(self, session: Session, output: Format) -> Result<(), CliError> {
        let Session { channel, client_id, proof } = session;
        let client_id = client_id.as_str();
        let mut fields = Fields::default();
        let mut service = TokenServiceClient::new(channel.clone());
        match self {
            Self::Issue(issue) => {
                let request = issue.request(proof.fields(client_id).await?)?;
                issued(&mut fields, service.issue_token(request).await?.into_inner());
            }
            Self::Exchange(narrowing) => {
                let subject_token = input::token()?.expose().to_owned();
                let shown = v1::TokenExchangeGrant { subject_token, ..Default::default() };
                let grant = Grant::TokenExchange(shown);
                let request = narrowing.request(proof.fields(client_id).await?, grant);
                issued(&mut fields, service.issue_token(request).await?.into_inner());
            }
            Self::Refresh { scopes } => {
                let refresh_token = input::refresh_token()?.expose().to_owned();
                let ProofFields {
                    client_id,
                    client_secret,
                    client_assertion,
                    client_assertion_type,
                } = proof.fields(client_id).await?;
                let request = v1::RefreshTokenRequest {
                    client_id,
                    client_secret,
                    client_assertion,
                    client_assertion_type,
                    refresh_token,
                    scopes,
                };
                refreshed(&mut fields, service.refresh_token(request).await?.into_inner());
            }
            Self::Revoke { access_token_only } => {
                let revoke_scope = if access_token_only {
                    v1::RevokeScope::AccessTokenOnly
                } else {
                    v1::RevokeScope::Unspecified
                };
                let token = input::token()?.expose().to_owned();
                let ProofFields {
                    client_id,
                    client_secret,
                    client_assertion,
                    client_assertion_type,
                } = proof.fields(client_id).await?;
                let request = v1::RevokeTokenRequest {
                    client_id,
                    client_secret,
                    client_assertion,
                    client_assertion_type,
                    token,
                    token_type_hint: v1::TokenTypeHint::Unspecified.into(),
                    revoke_scope: revoke_scope.into(),
                };
                let answer = service.revoke_token(request).await?.into_inner();
                revoked(&mut fields, answer.outcome())?;
            }
            Self::Introspect { refresh_token } => {
                let kind =
                    if refresh_token { v1::TokenKind::Refresh } else { v1::TokenKind::Access };
                let token = input::token()?;
                let message = v1::IntrospectRequest {
                    token: token.expose().to_owned(),
                    token_type_hint: v1::TokenTypeHint::Unspecified.into(),
                    expected_kind: kind.into(),
                };
                let known = async || Ok(channel.clone());
                let authorization = proof.authorization(client_id, known).await?;
                let found = service.introspect(authorization.on(message)).await?.into_inner();
                let ask = !found.active && Presentation::current().verbose;
                introspected(&mut fields, found);
                if ask {
                    let what = Some(What::Token(token.expose().to_owned()));
                    let request = authorization.on(v1::ExplainTokenRequest { what });
                    let explained = AdminServiceClient::new(channel).explain_token(request).await;
                    add_cause(&mut fields, explained.map(Response::into_inner));
                }
            }
        }
        fields.print(output)
    }
}

impl Issue {
    fn request(self, proof: ProofFields) -> Result<v1::IssueTokenRequest, CliError> {
        let grant = match self.username {
            None => Grant::ClientCredentials(v1::ClientCredentialsGrant {}),
            Some(username) => {
                let password = input::password()?.expose().to_owned();
                Grant::Password(v1::PasswordGrant { username, password })
            }
        };
        Ok(self.narrowing.request(proof, grant))
    }
}

impl Narrowing {
    fn request(self, proof: ProofFields, grant: Grant) -> v1::IssueTokenRequest {
        let ProofFields { client_id, client_secret, client_assertion, client_assertion_type } =
            proof;
        v1::IssueTokenRequest {
            client_id,
            client_secret,
            client_assertion,
            client_assertion_type,
            grant: Some(grant),
            scopes: self.scopes,
            audience: self.audience,
            ttl: self.ttl,
            request_id: self.request_id.unwrap_or_default(),
        }
    }
}

fn issued(fields: &mut Fields, tokens: v1::IssueTokenResponse) {
    fields.add("access_token", tokens.access_token);
    fields.add("token_type", tokens.token_type);
    fields.add("expires_in", tokens.expires_in);
    fields.add("expire_time", time::moment(tokens.expire_time));
    fields.add("refresh_token", given(tokens.refresh_token));
    fields.add("refresh_expire_time", time::moment(tokens.refresh_expire_time));
    fields.add("scopes", tokens.scopes);
    fields.add("grant_id", tokens.grant_id);
    fields.add("issued_token_type", given(tokens.issued_token_type));
}

/// A refresh answers what an issue does.
fn refreshed(fields: &mut Fields, tokens: v1::RefreshTokenResponse) {
    issued(
        fields,
        v1::IssueTokenResponse {
            access_token: tokens.access_token,
            token_type: tokens.token_type,
            expires_in: tokens.expires_in,
            expire_time: tokens.expire_time,
            refresh_token: tokens.refresh_token,
            refresh_expire_time: tokens.refresh_expire_time,
            scopes: tokens.scopes,
            grant_id: tokens.grant_id,
            issued_token_type: String::new(),
        },
    );
}

/// Prints the outcome, which is nothing if the token is dead already.
fn revoked(fields: &mut Fields, outcome: v1::RevokeOutcome) -> Result<(), CliError> {
    match outcome {
        v1::RevokeOutcome::Revoked => fields.add("revoked", true),
        v1::RevokeOutcome::AlreadyRevoked => {
            fields.add("revoked", false);
            fields.add("reason", "already_revoked");
        }
        v1::RevokeOutcome::Unknown => return Err(CliError::UnknownToken),
        // An older server takes what it does not know without a word.
        v1::RevokeOutcome::Unspecified => fields.add("accepted", true),
    }
    Ok(())
}

fn introspected(fields: &mut Fields, found: v1::IntrospectResponse) {
    fields.add("active", found.active);
    if !found.active {
        fields.add("inactive_reason", v1::InactiveReason::word(found.inactive_reason));
        return;
    }
    fields.add("kind", v1::TokenKind::word(found.kind));
    fields.add("client_id", found.client_id);
    fields.add("subject", found.subject);
    fields.add("username", given(found.username));
    fields.add("scopes", found.scopes);
    fields.add("audience", found.audience);
    fields.add("issue_time", time::moment(found.issue_time));
    fields.add("expire_time", time::moment(found.expire_time));
    fields.add("grant_id", found.grant_id);
    if !found.actors.is_empty() {
        fields.add("actors", found.actors);
        let ancestors = found.ancestors.into_iter().map(|ancestor| ancestor.grant_id);
        fields.add("ancestor_grant_ids", ancestors.collect::<Vec<_>>());
    }
    if let Some(cnf) = found.cnf {
        fields.add("bound_to", bound_to(cnf));
    }
    fields.add("attributes", attributes::object(found.attributes));
    fields.add("cache_ttl_seconds", found.cache_ttl.map(|ttl| ttl.seconds));
}

/// The certificate that the bearer must show, as a client record has it, or the name in one.
fn bound_to(
    v1::Confirmation { certificate_sha256, certificate_identity }: v1::Confirmation,
) -> String {
    let hash: Option<[u8; 32]> = certificate_sha256.try_into().ok();
    hash.map_or(certificate_identity, |hash| CertificateIdentity::Sha256(hash).to_string())
}

/// Adds the cause for which a token is no good, if the caller may know it: an administrator, or a
/// client that may read the same.
fn add_cause(fields: &mut Fields, explained: Result<v1::ExplainTokenResponse, Status>) {
    match explained {
        Ok(found) if found.active => output::note(
            "The token itself is good: this client may not see it, or it is of the other kind \
             (--refresh-token).",
        ),
        Ok(found) => fields.add("cause", found.cause),
        Err(refused) => output::note(&format!("The cause: {}", Refusal::from(refused))),
    }
}

/// There is no refresh token for a client's own grant, and no user's name.
fn given(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
