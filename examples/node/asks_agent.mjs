// A service that asks the agent beside it about each token that it is shown: one a line, on standard input.
//
// Takes where the agent listens, such as unix:/run/jeton-agent/agent.sock, and the folder of the proto files.

import { createInterface } from "node:readline";
import { promisify } from "node:util";

import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const [address, protos] = process.argv.slice(2);
const definition = loader.loadSync("jeton/v1/token_service.proto", { includeDirs: [protos], defaults: true });
const { TokenService } = grpc.loadPackageDefinition(definition).jeton.v1;
const agent = new TokenService(address, grpc.credentials.createInsecure());
const introspect = promisify(agent.Introspect).bind(agent);

async function decide(token) {
  try {
    const known = await introspect({ token }, new grpc.Metadata(), { deadline: Date.now() + 5_000 });
    const good = known.active && known.audience.includes("billing");
    return good ? `welcome, ${known.username}` : "refused";
  } catch {
    return "not now"; // Not known to be bad: 503, never 401.
  }
}

for await (const token of createInterface({ input: process.stdin })) console.log(await decide(token));
agent.close();
