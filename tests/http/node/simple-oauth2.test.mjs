// simple-oauth2 against jeton: it reads every answer as JSON, the empty one of a revocation too.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ClientCredentials, ResourceOwnerPassword } from "simple-oauth2";
import { confidential, issuer, machine, user } from "./settings.mjs";

const configuration = ({ id, secret }, authorizationMethod) => ({
  client: { id, secret },
  auth: { tokenHost: issuer, tokenPath: "/oauth/token", revokePath: "/oauth/revoke" },
  options: { authorizationMethod },
});

for (const method of ["header", "body"]) {
  test(`${method}: a login is refreshed and revoked`, async () => {
    const client = new ResourceOwnerPassword(configuration(confidential, method));
    const first = await client.getToken({ username: user.name, password: user.password });
    assert.ok(first.token.expires_in > 0);
    const second = await first.refresh();
    assert.notEqual(second.token.access_token, first.token.access_token);
    await second.revoke("access_token");
    await assert.rejects(second.refresh(), (error) => error.data.payload.error === "invalid_grant");
  });
}

test("both tokens of a login are revoked in one call", async () => {
  const client = new ResourceOwnerPassword(configuration(confidential, "header"));
  const login = await client.getToken({ username: user.name, password: user.password });
  await login.revokeAll();
});

test("client credentials give an access token", async () => {
  const client = new ClientCredentials(configuration(machine, "body"));
  const { token } = await client.getToken({});
  assert.ok(token.access_token);
  assert.equal(token.refresh_token, undefined);
});
