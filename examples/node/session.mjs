// Issues, introspects and revokes tokens, and hears of revocations, also of those that it missed.
//
// Takes the server's address and the folder of the proto files.

import { promisify } from "node:util";

import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const [address, protos] = process.argv.slice(2);
const options = { includeDirs: [protos], longs: Number, enums: String, defaults: true };
const definition = loader.loadSync("jeton/v1/token_service.proto", options);
const { TokenService } = grpc.loadPackageDefinition(definition).jeton.v1;

const service = new TokenService(address, grpc.credentials.createInsecure());
const client = { clientId: "demo", clientSecret: "demo-secret" };

function call(method, request) {
  const metadata = new grpc.Metadata();
  // The calls with credentials among their fields take them in no other place as well.
  if (!request.clientId) {
    const basic = Buffer.from(`${client.clientId}:${client.clientSecret}`).toString("base64");
    metadata.set("authorization", `Basic ${basic}`);
  }
  const deadline = Date.now() + 10_000;
  if (method === "WatchRevocations") return service[method](request, metadata, { deadline });
  return promisify(service[method]).call(service, request, metadata, { deadline });
}

const logIn = () =>
  call("IssueToken", { ...client, password: { username: "alice", password: "demo-password" } });
const introspect = (token) => call("Introspect", { token });
const revoke = (token) => call("RevokeToken", { ...client, token });

// Reads until the end of a grant is told, and returns where to resume.
async function waitFor(watch, grantId) {
  for await (const { revocations, cursor } of watch) {
    if (revocations.some(({ grantEnded }) => grantEnded?.grantId === grantId)) return cursor;
  }
  throw new Error("the watch ended");
}

const first = await logIn();
const { username, scopes } = await introspect(first.accessToken);
console.log("active:", username, ...scopes);

const end = await call("GetRevocationCursor", {});
const watch = call("WatchRevocations", { cursor: end.cursor });
await revoke(first.accessToken);
const cursor = await waitFor(watch, first.grantId);
console.log("revoked: the watch says so");
watch.cancel();

const second = await logIn();
await revoke(second.accessToken);
const resumed = call("WatchRevocations", { cursor });
await waitFor(resumed, second.grantId);
console.log("resumed: nothing was missed");
resumed.cancel();

const { active } = await introspect(first.accessToken);
console.log("active now:", active);
service.close();
