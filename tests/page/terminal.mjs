// terminal.mjs BINARY: what commands show on a terminal and not elsewhere: colours of jeton token watch and of
// jeton top, and how far a long command is.

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { close, coloured, ended, hasColours, open, press, text, until } from "./screen.mjs";
import { Server } from "./server.mjs";

const [binary] = process.argv.slice(2);
const ROOT = `
[[client]]
id = "root"
secret = "violet-tram-84-linden-root"
permissions = ["admin"]
[[client]]
id = "billing"
secret = "violet-tram-84-linden-billing"
grants = ["client_credentials"]
`;
const YELLOW = "33";
const BLUE = "34";
const MAGENTA = "(1;)?35";

function insist(holds, what) {
  if (!holds) throw new Error(what);
}

function shown(what) {
  console.log(`on a terminal: ${what}`);
}

const as = (server, id) => ({
  JETON_SERVER: `http://${server.grpc}`,
  JETON_CLIENT_ID: id,
  JETON_CLIENT_SECRET: id === "orders" ? "violet-tram-84-linden" : `violet-tram-84-linden-${id}`,
});

async function jeton(server, id, words, input = "") {
  const environment = { PATH: process.env.PATH, ...as(server, id) };
  const running = promisify(execFile)(binary, words, { env: environment });
  running.child.stdin.end(input);
  return (await running).stdout.trim();
}

// One of each kind: a token that ends, a client that is refused and one that is not.
async function happen(server) {
  const token = await jeton(server, "orders", ["token", "issue", "--field", "access_token"]);
  await jeton(server, "orders", ["token", "revoke"], token);
  await jeton(server, "root", ["client", "disable", "billing", "--yes"]);
  await jeton(server, "root", ["client", "enable", "billing"]);
}

const events = [/grant_ended/, /client_epoch_moved +billing refused/, /client_changed +billing\s*$/m];

// Runs a watch, has everything happen once it is up, and returns what is seen, with colours.
async function watched(server, command, environment = {}) {
  open(120, 20, command, { ...as(server, "orders"), ...environment });
  await until(["TIME"]);
  // The heading comes before the watch is up: an event of the first moments may be missed.
  for (;;) {
    await happen(server);
    if (events.every((event) => event.test(text()))) break;
  }
  const seen = coloured();
  press("C-c");
  await ended();
  return seen;
}

async function colours(server) {
  const watch = `${binary} token watch`;
  const seen = await watched(server, watch);
  const line = (colour, words) => new RegExp(`\\u001b\\[${colour}m[^\\n]*${words}`);
  insist(line(YELLOW, "grant_ended").test(seen), `a grant that ended in yellow: ${JSON.stringify(seen)}`);
  insist(line(MAGENTA, "client_epoch_moved +billing refused").test(seen), `a refused client in magenta: ${JSON.stringify(seen)}`);
  insist(line(BLUE, "client_changed +billing").test(seen), `a client that is let in again in blue: ${JSON.stringify(seen)}`);
  shown("token watch: yellow, magenta and blue");
  for (const [what, command, environment] of [
    ["NO_COLOR", watch, { NO_COLOR: "1" }],
    ["a dumb terminal", `TERM=dumb ${watch}`, {}],
    ["a pipe", `${watch} | cat`, {}],
  ]) {
    const plain = await watched(server, command, environment);
    insist(!hasColours(plain), `${what}: no colours in ${JSON.stringify(plain)}`);
    shown(`token watch: ${what} has the same words and no colours`);
  }
}

async function palettes(server) {
  open(100, 30, `${binary} top ${server.ops} --every 1s`);
  await until([/\u001b\[(32|38;5;2)mready/], coloured);
  shown("top: the default palette has green for a server that is ready");
  press("c");
  await until([/\u001b\[38;5;39mready/], coloured);
  const other = coloured();
  insist(!/\u001b\[([0-9;]*;)?(3[12]|9[12]|38;5;([12]|9|10))m/.test(other), `neither red nor green: ${JSON.stringify(other)}`);
  shown("top: the colour-blind palette has blue for it, and neither red nor green");
  press("c");
  await until(["ready", (seen) => !hasColours(seen)], coloured);
  shown("top: the third palette has no colours");
  press("q");
  await ended();
}

async function progress(server) {
  const directory = await mkdtemp(join(tmpdir(), "jeton-terminal-"));
  const [file, noise] = [join(directory, "backup"), join(directory, "noise")];
  open(100, 10, `${binary} bench --mix issue --warm-up 3s --duration 6s`, as(server, "orders"));
  await until([/warm-up .*[0-9]s/]);
  await until([/counting .*[0-9]s/]);
  await ended();
  shown("bench: the phase and what is left of it");
  // A reader that takes its time holds the backup up.
  const slow = `{ for part in $(seq 25); do dd bs=8k count=1 iflag=fullblock status=none; sleep 0.2; done; cat; } >${file}`;
  const backup = `${binary} backup --to -`;
  const root = as(server, "root");
  open(100, 10, `${backup} | ${slow}; echo is over; cat`, root);
  const seen = await until([/[0-9]+\/[0-9]+ records, .* left|how many are left is not known/]);
  shown(`backup: ${seen.trim().replace(/\s*[█░]+\s*/g, " ")}`);
  await until(["is over"]);
  insist(!text().includes("records"), `what is over is cleared: ${text()}`);
  press("C-c");
  await ended();
  open(100, 10, `{ head -c 20000 ${file}; sleep 3; tail -c +20001 ${file}; } | ${binary} backup inspect -; cat`);
  await until(["reading a pipe", "how much is left is not known"]);
  await until([/grants +[0-9]/]);
  insist(!text().includes("reading a pipe"), `what is over is cleared: ${text()}`);
  press("C-c");
  await ended();
  shown("backup inspect: a pipe is read, and what is left is not known");
  open(100, 10, `${backup} 2>${noise} | ${slow}; echo is over; cat`, root);
  await until(["is over"]);
  insist((await readFile(noise, "utf8")) === "", "without a terminal there is no progress");
  press("C-c");
  await ended();
  shown("backup: nothing of it where standard error is no terminal");
  await rm(directory, { recursive: true });
}

const server = await Server.start(binary, ROOT);
try {
  await colours(server);
  await palettes(server);
  await progress(server);
} finally {
  await server.stop();
  close();
}
console.log("on a terminal: colours and progress, and neither elsewhere");
