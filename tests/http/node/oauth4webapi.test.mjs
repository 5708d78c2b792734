// oauth4webapi against jeton: everything it knows of the server, it reads from the metadata.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as oauth from "oauth4webapi";
import {
  accessToken, application, confidential, exchange, exchanging, issuer, machine, open, privateKey, signing, user,
} from "./settings.mjs";

const plain = { [oauth.allowInsecureRequests]: true };
let server;

before(async () => {
  const url = new URL(issuer);
  const answer = await oauth.discoveryRequest(url, { algorithm: "oauth2", ...plain });
  server = await oauth.processDiscoveryResponse(url, answer);
});

async function login(client, authentication, extra = {}) {
  const asked = { username: user.name, password: user.password, ...extra };
  const answer = await oauth.genericTokenEndpointRequest(
    server, client, authentication, "password", new URLSearchParams(asked), plain,
  );
  return oauth.processGenericTokenEndpointResponse(server, client, answer);
}

async function refresh(client, authentication, token) {
  const answer = await oauth.refreshTokenGrantRequest(server, client, authentication, token, plain);
  return oauth.processRefreshTokenResponse(server, client, answer);
}

async function revoke(client, authentication, token) {
  const answer = await oauth.revocationRequest(server, client, authentication, token, plain);
  return oauth.processRevocationResponse(answer);
}

async function introspect(client, authentication, token, hint) {
  const options = { ...plain, additionalParameters: hint ? { token_type_hint: hint } : {} };
  const answer = await oauth.introspectionRequest(server, client, authentication, token, options);
  return oauth.processIntrospectionResponse(server, client, answer);
}

const ways = [
  ["basic", confidential, oauth.ClientSecretBasic(confidential.secret)],
  ["post", confidential, oauth.ClientSecretPost(confidential.secret)],
  ["none", open, oauth.None()],
  ["private_key_jwt", signing, oauth.PrivateKeyJwt(await privateKey())],
];

for (const [way, { id }, authentication] of ways) {
  const client = { client_id: id };

  test(`${way}: a login is refreshed and revoked`, async () => {
    const first = await login(client, authentication);
    assert.equal(first.token_type, "bearer");
    assert.equal(first.scope, "read write");
    const second = await refresh(client, authentication, first.refresh_token);
    assert.notEqual(second.access_token, first.access_token);
    await revoke(client, authentication, second.refresh_token);
    await assert.rejects(
      refresh(client, authentication, second.refresh_token),
      { name: "ResponseBodyError", error: "invalid_grant", status: 400 },
    );
  });

  test(`${way}: a wrong password is an invalid_grant`, async () => {
    await assert.rejects(
      login(client, authentication, { password: "wrong" }),
      { name: "ResponseBodyError", error: "invalid_grant", status: 400 },
    );
  });
}

for (const [way, { id }, authentication] of ways.filter(([way]) => way !== "none")) {
  const client = { client_id: id };

  test(`${way}: introspection follows the life of a token`, async () => {
    const pair = await login(client, authentication);
    const access = await introspect(client, authentication, pair.access_token);
    assert.equal(access.active, true);
    assert.equal(access.client_id, id);
    assert.equal(access.username, user.name);
    assert.equal(access.iss, issuer);
    const token = [pair.refresh_token, "refresh_token"];
    assert.equal((await introspect(client, authentication, ...token)).active, true);
    await revoke(client, authentication, pair.access_token);
    assert.deepEqual(await introspect(client, authentication, pair.access_token), { active: false });
    assert.deepEqual(await introspect(client, authentication, ...token), { active: false });
  });
}

test("client credentials give an access token and no refresh token", async () => {
  const client = { client_id: machine.id };
  const answer = await oauth.clientCredentialsGrantRequest(
    server, client, oauth.ClientSecretBasic(machine.secret), new URLSearchParams(), plain,
  );
  const token = await oauth.processClientCredentialsResponse(server, client, answer);
  assert.equal(token.refresh_token, undefined);
  assert.equal(token.scope, "read write");
});

test("a wrong secret is a challenge for Basic", async () => {
  const client = { client_id: confidential.id };
  await assert.rejects(login(client, oauth.ClientSecretBasic("wrong")), (error) => {
    assert.equal(error.name, "WWWAuthenticateChallengeError");
    assert.equal(error.status, 401);
    assert.deepEqual(error.cause.map(({ scheme }) => scheme), ["basic"]);
    return true;
  });
});

test("a token is exchanged for the next service", async () => {
  const from = [{ client_id: application.id }, oauth.ClientSecretPost(application.secret)];
  const shown = await login(...from);
  const service = [{ client_id: exchanging.id }, oauth.ClientSecretPost(exchanging.secret)];
  const exchanged = async (subject_token, audience) => {
    const asked = new URLSearchParams({ subject_token, subject_token_type: accessToken, audience });
    const answer = await oauth.genericTokenEndpointRequest(server, ...service, exchange, asked, plain);
    return oauth.processGenericTokenEndpointResponse(server, service[0], answer);
  };
  const token = await exchanged(shown.access_token, exchanging.next);
  assert.equal(token.issued_token_type, accessToken);
  assert.equal(token.scope, "read");
  assert.equal(token.refresh_token, undefined);
  const found = await introspect(...service, token.access_token);
  assert.equal(found.username, user.name);
  assert.equal(found.aud, exchanging.next);
  assert.deepEqual(found.act, { sub: exchanging.id });
  for (const [subject, audience, error] of [
    [shown.access_token, "shipping", "invalid_target"],
    ["x", exchanging.next, "invalid_request"],
  ]) {
    await assert.rejects(exchanged(subject, audience), { name: "ResponseBodyError", error, status: 400 });
  }
  await revoke(...from, shown.access_token);
  assert.deepEqual(await introspect(...service, token.access_token), { active: false });
});
