// A real jeton with a directory of its own, under a load that every scene shares.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import http2 from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ANYWHERE = { grpc: "127.0.0.1:0", http: "127.0.0.1:0", ops: "127.0.0.1:0" };

const settings = ({ grpc, http, ops }) => `
[grpc]
listen = "${grpc}"
[http]
listen = "${http}"
[ops]
listen = "${ops}"
[audit]
target = "off"
[passwords]
max_wait = "30s"
memory = "1MiB"
[serve]
drain_delay = "20s"
drain_timeout = "1s"
[[client]]
id = "orders"
secret = "violet-tram-84-linden"
introspect = "any"
grants = ["client_credentials"]
`;

const CREDENTIALS = "orders:violet-tram-84-linden";
// Streams of one HTTP/2 connection.
const STREAMS = 100;

export class Server {
  static async start(binary, more = "", addresses = ANYWHERE) {
    const home = await mkdtemp(join(tmpdir(), "jeton-page-"));
    await writeFile(join(home, "jeton.toml"), settings(addresses) + more, { mode: 0o600 });
    const server = new Server();
    Object.assign(server, { binary, home });
    server.helpers = [];
    server.sessions = [];
    const log = await open(join(home, "log"), "w");
    server.log = log;
    const arguments_ = ["serve", "--config", "jeton.toml"];
    server.process = spawn(binary, arguments_, { cwd: home, stdio: ["ignore", log.fd, log.fd] });
    server.ended = once(server.process, "exit");
    for (;;) {
      const lines = (await readFile(join(home, "log"), "utf8")).split("\n");
      const line = lines.find((text) => text.includes('"message":"serving"'));
      if (line) {
        Object.assign(server, pick(JSON.parse(line)));
        return server;
      }
      if (server.process.exitCode !== null) throw new Error(lines.join("\n"));
      await pause(20);
    }
  }

  // Calls of every kind, and refusals of some.
  load() {
    const environment = {
      ...process.env,
      JETON_SERVER: `http://${this.grpc}`,
      JETON_CLIENT_ID: "orders",
      JETON_CLIENT_SECRET: "violet-tram-84-linden",
    };
    const flags = ["--mix", "introspect=90,issue=6,revoke=4", "--rate", "400", "--tokens", "200"];
    const bench = ["bench", ...flags, "--connections", "2", "--duration", "10m", "--output", "json"];
    const again = () => {
      const running = spawn(this.binary, bench, { env: environment, stdio: "ignore" });
      this.helpers.push(running);
      // On a busy machine it may be turned away at its start.
      running.on("exit", (code) => code === 1 && !this.stopping && setTimeout(again, 500));
    };
    again();
    this.refused = setInterval(() => this.refuse().catch(() => {}), 400);
  }

  async refuse() {
    const asked = { client_id: "orders", grant_type: "client_credentials" };
    await this.post({ ...asked, client_secret: "wrong" });
    await this.post({ ...asked, client_secret: "violet-tram-84-linden", scope: "root" });
  }

  async post(form) {
    const body = new URLSearchParams(form);
    await (await fetch(`http://${this.http}/oauth/token`, { method: "POST", body })).text();
  }

  // Opens watches of revocations and keeps them.
  async watch(count) {
    const headers = {
      ":method": "POST",
      ":path": "/jeton.v1.TokenService/WatchRevocations",
      "content-type": "application/grpc",
      te: "trailers",
      authorization: `Basic ${Buffer.from(CREDENTIALS).toString("base64")}`,
    };
    for (let opened = 0; opened < count; opened += STREAMS) {
      const session = http2.connect(`http://${this.grpc}`);
      session.on("error", () => {});
      this.sessions.push(session);
      for (let stream = 0; stream < STREAMS; stream += 1) {
        const watch = session.request(headers);
        watch.on("error", () => {}).resume();
        watch.end(Buffer.alloc(5));
      }
      await pause(50);
    }
  }

  // From now on every sync of the store fails.
  failSyncs() {
    const flags = ["-f", "-q", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO"];
    const tracer = spawn("strace", [...flags, "-o", "/dev/null", "-p", String(this.process.pid)]);
    this.helpers.push(tracer);
  }

  drain() {
    this.process.kill("SIGTERM");
  }

  async stop() {
    this.stopping = true;
    clearInterval(this.refused);
    for (const session of this.sessions) session.destroy();
    for (const helper of this.helpers) helper.kill("SIGKILL");
    this.process.kill("SIGKILL");
    await this.ended;
    await this.log.close();
    await rm(this.home, { recursive: true });
  }
}

function pick({ grpc, http, ops }) {
  return { grpc, http, ops };
}

export function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
