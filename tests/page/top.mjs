// top.mjs BINARY DIRECTORY: jeton top in tmux, as a person sees it. Insists on what each screen must show and
// leaves a capture of each in DIRECTORY.

import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { Server, pause } from "./server.mjs";

const [binary, directory] = process.argv.slice(2);
const socket = `jeton-top-${process.pid}`;
const LIMIT = 60_000;

function tmux(...words) {
  const stdio = ["ignore", "pipe", "ignore"];
  return execFileSync("tmux", ["-L", socket, ...words], { encoding: "utf8", stdio });
}

function open(columns, lines, command, environment = {}) {
  const variables = Object.entries(environment).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
  const size = ["-x", String(columns), "-y", String(lines)];
  tmux("new-session", "-d", ...size, ...variables, command);
}

const screen = () => tmux("capture-pane", "-p");

async function until(...wanted) {
  const begun = Date.now();
  for (;;) {
    const text = screen();
    const missing = wanted.filter((part) => !(part instanceof RegExp ? part.test(text) : text.includes(part)));
    if (missing.length === 0) return text;
    if (Date.now() - begun > LIMIT) throw new Error(`${missing.join(", ")} is not in\n${text}`);
    await pause(100);
  }
}

async function keep(name, text) {
  const trimmed = text.split("\n").map((line) => line.trimEnd()).join("\n").trimEnd();
  await writeFile(join(directory, `${name}.txt`), `${trimmed}\n`);
  console.log(`jeton top: ${name}`);
}

function end() {
  tmux("send-keys", "q");
}

async function ended() {
  for (;;) {
    try {
      tmux("list-sessions");
    } catch {
      return;
    }
    await pause(50);
  }
}

await mkdir(directory, { recursive: true });
const first = await Server.start(binary);
let second = await Server.start(binary);
try {
  first.load();
  second.load();
  const command = `${binary} top ${first.ops} ${second.ops} --every 1s`;
  open(80, 24, command);
  const busy = /Token\/Introspect +[1-9]/;
  await until(busy, "Logins", "Store", "q quit", /sync p99 +[0-9]/);
  // Some moments for the sparklines.
  await pause(15_000);
  await keep("top-80x24", await until(busy, /refused +[0-9]/));
  await until(busy);
  const { ops, grpc, http } = second;
  await second.stop();
  tmux("send-keys", "Right");
  await keep("top-down", await until("no answer !!", "nobody listens there"));
  second = await Server.start(binary, `[log]\nfilter = "info"\n`, { ops, grpc, http });
  await keep("top-again", await until(/▸ 127\.0\.0\.1:\d+ +ready/, `${ops}: ready`));
  tmux("send-keys", "?");
  await until("Keys", "colour-blind");
  tmux("send-keys", "Escape");
  tmux("send-keys", "Left");
  end();
  await ended();

  open(200, 50, command, { NO_COLOR: "1" });
  await until(busy, "WATCHERS", "Refusals by cause");
  await pause(15_000);
  await keep("top-200x50", await until(busy));
  const coloured = tmux("capture-pane", "-p", "-e");
  if (/\u001b\[[0-9;]*3[0-7]m|\u001b\[38;/.test(coloured)) throw new Error("NO_COLOR, and there are colours");
  first.drain();
  await keep("top-draining", await until("not ready: draining"));
  end();
  await ended();
} finally {
  await first.stop();
  await second.stop();
  try {
    tmux("kill-server");
  } catch {
    // It has ended with its last session.
  }
}
