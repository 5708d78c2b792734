// A terminal in tmux: commands are run in it, keys are pressed, and what is seen is read.

import { execFileSync } from "node:child_process";

import { pause } from "./server.mjs";

const socket = `jeton-screen-${process.pid}`;
const LIMIT = 60_000;

export function tmux(...words) {
  const stdio = ["ignore", "pipe", "ignore"];
  return execFileSync("tmux", ["-L", socket, ...words], { encoding: "utf8", stdio });
}

// A terminal of this size with a command of the shell in it.
export function open(columns, lines, command, environment = {}) {
  const variables = Object.entries(environment).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
  const size = ["-x", String(columns), "-y", String(lines)];
  tmux("new-session", "-d", ...size, ...variables, command);
}

export const text = () => tmux("capture-pane", "-p");

// The same with the sequences of its colours.
export const coloured = () => tmux("capture-pane", "-p", "-e");

export const hasColours = (screen) => /\u001b\[([0-9;]*;)?(3[0-7]|9[0-7]|38;[25];[0-9;]+)m/.test(screen);

// Whether a text, a pattern or a judgement of one's own fits what is seen.
function fits(part, seen) {
  if (part instanceof RegExp) return part.test(seen);
  return typeof part === "function" ? part(seen) : seen.includes(part);
}

// Waits until all of it is seen, by `look`, and returns what is.
export async function until(wanted, look = text) {
  const begun = Date.now();
  for (;;) {
    const seen = look();
    const missing = wanted.filter((part) => !fits(part, seen));
    if (missing.length === 0) return seen;
    if (Date.now() - begun > LIMIT) throw new Error(`${missing.join(", ")} is not in\n${JSON.stringify(seen)}`);
    await pause(100);
  }
}

export function press(...keys) {
  tmux("send-keys", ...keys);
}

// Waits until the command has ended, and the terminal with it.
export async function ended() {
  for (;;) {
    try {
      tmux("list-sessions");
    } catch {
      return;
    }
    await pause(50);
  }
}

export function close() {
  try {
    tmux("kill-server");
  } catch {
    // It has ended with its last session.
  }
}
