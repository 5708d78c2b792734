// provider.mjs PORT TOKENS: node-oidc-provider with everything in memory. Prints access tokens and refresh tokens of a
// user, as JSON on one line, when it serves.

import Provider from "oidc-provider";

const [port, tokens] = process.argv.slice(2).map(Number);
const HOUR = 3600;

// The adapter that it brings keeps a thousand records, and forgets grants that are in use.
const records = new Map();
class Memory {
  constructor(kind) {
    this.kind = kind;
  }
  async upsert(id, payload) {
    records.set(`${this.kind}:${id}`, payload);
  }
  async find(id) {
    return records.get(`${this.kind}:${id}`);
  }
  async consume(id) {
    records.get(`${this.kind}:${id}`).consumed = Math.floor(Date.now() / 1000);
  }
  async destroy(id) {
    records.delete(`${this.kind}:${id}`);
  }
  // Only after a replay, which the load has none of.
  async revokeByGrantId(id) {
    throw new Error(`a replay within the grant ${id}`);
  }
}

const client = (id, grants) => ({
  client_id: id,
  client_secret: "gateway-secret",
  grant_types: grants,
  redirect_uris: grants.includes("authorization_code") ? ["http://127.0.0.1/"] : [],
  response_types: grants.includes("authorization_code") ? ["code"] : [],
});
const provider = new Provider(`http://127.0.0.1:${port}`, {
  adapter: Memory,
  clients: [client("gateway", ["client_credentials"]), client("shop", ["authorization_code", "refresh_token"])],
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    devInteractions: { enabled: false },
  },
  rotateRefreshToken: true,
  scopes: ["openid", "offline_access", "read", "write"],
  ttl: { AccessToken: HOUR, ClientCredentials: HOUR, RefreshToken: 24 * HOUR, Grant: 24 * HOUR, Session: 24 * HOUR },
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
});

const shop = await provider.Client.find("shop");
const made = { access: [], refresh: [] };
for (let number = 0; number < tokens; number += 1) {
  const grant = new provider.Grant({ clientId: "shop", accountId: "alice" });
  grant.addOIDCScope("offline_access read write");
  const grantId = await grant.save();
  const shared = { accountId: "alice", client: shop, grantId, scope: "offline_access read write", gty: "authorization_code" };
  made.access.push(await new provider.AccessToken(shared).save());
  made.refresh.push(await new provider.RefreshToken(shared).save());
}
provider.listen(port, "127.0.0.1", () => console.log(JSON.stringify(made)));
