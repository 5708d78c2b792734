// top.mjs BINARY DIRECTORY: jeton top in tmux, as a person sees it. Insists on what each screen must show and
// leaves a capture of each in DIRECTORY.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { close, coloured, ended, hasColours, open, press, until } from "./screen.mjs";
import { Server, pause } from "./server.mjs";

const [binary, directory] = process.argv.slice(2);

async function keep(name, text) {
  const trimmed = text.split("\n").map((line) => line.trimEnd()).join("\n").trimEnd();
  await writeFile(join(directory, `${name}.txt`), `${trimmed}\n`);
  console.log(`jeton top: ${name}`);
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
  await until([busy, "Logins", "Store", "q quit", /sync p99 +[0-9]/]);
  // Some moments for the sparklines.
  await pause(15_000);
  await keep("top-80x24", await until([busy, /refused +[0-9]/]));
  await until([busy]);
  const { ops, grpc, http } = second;
  await second.stop();
  press("Right");
  await keep("top-down", await until(["no answer !!", "nobody listens there"]));
  second = await Server.start(binary, `[log]\nfilter = "info"\n`, { ops, grpc, http });
  await keep("top-again", await until([/▸ 127\.0\.0\.1:\d+ +ready/, `${ops}: ready`]));
  press("?");
  await until(["Keys", "colour-blind"]);
  press("Escape");
  press("Left");
  press("q");
  await ended();

  open(200, 50, command, { NO_COLOR: "1" });
  await until([busy, "WATCHERS", "Refusals by cause"]);
  await pause(15_000);
  await keep("top-200x50", await until([busy]));
  if (hasColours(coloured())) throw new Error("NO_COLOR, and there are colours");
  first.drain();
  await keep("top-draining", await until(["not ready: draining"]));
  press("q");
  await ended();
} finally {
  await first.stop();
  await second.stop();
  close();
}
