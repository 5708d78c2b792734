// cost.mjs BINARY SECONDS ROUNDS: the cost of looking. Introspections as fast as they are answered, with nobody
// looking and with jeton top and the page open, in turns: their rates, and the CPU time that the thread of the ops
// listener took, which is all that the server does for those who look. More than 1 % of a core is a failure.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, readdir } from "node:fs/promises";

import { Server } from "./server.mjs";

const [binary, seconds, rounds] = process.argv.slice(2);
const MOST = 0.01;

// Nanoseconds that the threads of the process took, of one name or all.
async function cpu(pid, name) {
  let sum = 0;
  for (const task of await readdir(`/proc/${pid}/task`)) {
    const of = `/proc/${pid}/task/${task}`;
    const comm = (await readFile(`${of}/comm`, "utf8")).trim();
    if (name && comm !== name) continue;
    sum += Number((await readFile(`${of}/schedstat`, "utf8")).split(" ")[0]);
  }
  return sum;
}

async function bench(server) {
  const environment = {
    ...process.env,
    JETON_SERVER: `http://${server.grpc}`,
    JETON_CLIENT_ID: "orders",
    JETON_CLIENT_SECRET: "violet-tram-84-linden",
  };
  const flags = ["--tokens", "1000", "--warm-up", "1s", "--duration", `${seconds}s`, "--output", "json"];
  const running = spawn(binary, ["bench", ...flags], { env: environment, stdio: ["ignore", "pipe", "ignore"] });
  let text = "";
  running.stdout.on("data", (data) => (text += data));
  const begun = [await cpu(server.process.pid, "ops"), process.hrtime.bigint()];
  await once(running, "exit");
  const took = (await cpu(server.process.pid, "ops")) - begun[0];
  return { report: JSON.parse(text), share: took / Number(process.hrtime.bigint() - begun[1]) };
}

// Reads the page's events as a browser does, one stream after the other, until it is asked to end.
function openPage(server) {
  const controller = new AbortController();
  const reading = (async () => {
    for (;;) {
      const answer = await fetch(`http://${server.ops}/events`, { signal: controller.signal });
      for await (const part of answer.body) void part;
    }
  })().catch(() => {});
  return async () => {
    controller.abort();
    await reading;
  };
}

// Without a terminal of its own, jeton top is run by one that script(1) makes.
function openTop(server) {
  const command = `stty rows 24 cols 80; exec ${binary} top ${server.ops}`;
  const top = spawn("script", ["-qec", command, "/dev/null"], { stdio: ["pipe", "ignore", "ignore"] });
  return async () => {
    top.stdin.write("q");
    await once(top, "exit");
  };
}

const rate = (report) => report.calls.introspect.per_second;

const server = await Server.start(binary);
const rows = { nobody: [], "jeton top": [], "the page": [] };
try {
  for (let round = 0; round < Number(rounds); round += 1) {
    rows.nobody.push(await bench(server));
    const endTop = openTop(server);
    rows["jeton top"].push(await bench(server));
    await endTop();
    const endPage = openPage(server);
    rows["the page"].push(await bench(server));
    await endPage();
  }
} finally {
  await server.stop();
}
const median = (values) => values.sort((one, other) => one - other)[Math.floor(values.length / 2)];
let failed = false;
const base = median(rows.nobody.map(({ report }) => rate(report)));
console.log("| looking | introspections a second | of those with nobody | ops thread, of one core |");
console.log("|---|---|---|---|");
for (const [name, runs] of Object.entries(rows)) {
  const rates = median(runs.map(({ report }) => rate(report)));
  const share = median(runs.map((run) => run.share));
  failed ||= share > MOST;
  const parts = [rates.toFixed(0), `${((100 * rates) / base).toFixed(1)} %`, `${(100 * share).toFixed(3)} %`];
  console.log(`| ${name} | ${parts.join(" | ")} |`);
}
if (failed) process.exit(1);
