// scenes.mjs BINARY CHROMIUM DIRECTORY: the page of the ops listener in a browser, in every state that an operator
// meets. Each scene waits for what the page must say, has axe-core look at it in light and dark, insists that
// nothing came from elsewhere and that the policy was never met, and leaves a picture in DIRECTORY.

import { mkdir, readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

import { chromium } from "playwright-core";

import { Server, pause } from "./server.mjs";

const [binary, executablePath, directory] = process.argv.slice(2);
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const MOST_BYTES = 60 * 1024;
const WIDE = { width: 900, height: 600 };
const NARROW = { width: 360, height: 740 };
const LIMIT = 60_000;

let failures = 0;

function insist(holds, text) {
  if (holds) return;
  failures += 1;
  console.log(`  FAILED: ${text}`);
}

// The page of a server, with everything noted that it must not do.
async function visit(browser, server, options = {}) {
  const context = await browser.newContext({ viewport: WIDE, ...options });
  const page = await context.newPage();
  const faults = [];
  const origin = `http://${server.ops}`;
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !url.startsWith("data:")) faults.push(`asked for ${url}`);
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => {
    const text = message.text();
    // A server that ends is a failed request, and no fault of the page.
    if (message.type() === "error" && !text.includes("ERR_")) faults.push(text);
  });
  await page.goto(`${origin}/`);
  return { page, context, faults };
}

async function says(page, selector, text) {
  const wanted = page.locator(selector).filter({ hasText: text }).first();
  await wanted.waitFor({ timeout: LIMIT });
}

// axe-core is evaluated from outside, which the page's policy does not keep off.
async function accessible(page, name) {
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(axe);
    const found = await page.evaluate(() => window.axe.run(document));
    for (const { id, help, nodes } of found.violations) {
      insist(false, `${name}, ${colorScheme}: ${id}: ${help}: ${nodes[0].html.slice(0, 200)}`);
    }
    console.log(`  axe-core, ${colorScheme}: ${found.passes.length} passes, ${found.violations.length} violations`);
  }
}

async function picture(page, name) {
  const path = join(directory, `${name}.png`);
  await page.screenshot({ path });
  const { size } = await stat(path);
  insist(size <= MOST_BYTES, `${path} has ${size} bytes`);
}

// A scene: `prepare` brings the server there, `wait` waits for the page to say so.
async function scene(browser, name, { settings = "", load = true, prepare, wait, options = {} }) {
  console.log(name);
  const server = await Server.start(binary, settings);
  try {
    if (load) server.load();
    const { page, context, faults } = await visit(browser, server, options);
    await prepare?.(server, page);
    await wait(page, server);
    await picture(page, name);
    await accessible(page, name);
    for (const fault of faults) insist(false, `${name}: ${fault}`);
    await context.close();
  } finally {
    await server.stop();
  }
}

const rates = (page) => says(page, "[data-live=calls] tr", /Token\/Introspect\s*[1-9]/);
const refused = (page) => says(page, "[data-live=refusals] th", "wrong_secret");

async function keyboard(page) {
  await page.keyboard.press("Tab");
  const focused = () => page.evaluate(() => document.activeElement.textContent.trim());
  insist((await focused()) === "Skip to the figures", "the first stop is the skip link");
  await page.keyboard.press("Enter");
  const main = await page.evaluate(() => document.activeElement.id);
  insist(main === "figures", `the skip link leads to ${main}`);
  const pause_ = page.getByRole("button", { name: "Pause" });
  await pause_.focus();
  await page.keyboard.press("Enter");
  await says(page, "#updates", "Paused.");
  await page.keyboard.press("Enter");
  await says(page, "#updates", "Live");
}

async function withoutScripts(browser, server) {
  const { page, context } = await visit(browser, server, { javaScriptEnabled: false });
  const text = await page.locator("body").innerText();
  for (const part of ["Ready", "Token/Introspect", "wrong_secret", "/metrics", "Load the page again"]) {
    insist(text.includes(part), `without scripts: ${part}`);
  }
  insist((await page.locator("button").count()) === 0, "without scripts there is no button");
  await context.close();
}

await mkdir(directory, { recursive: true });
const flags = ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"];
const browser = await chromium.launch({ executablePath, args: flags });
try {
  await scene(browser, "ready", {
    wait: async (page, server) => {
      await rates(page);
      await refused(page);
      await says(page, "#updates", "Live");
      await page.waitForFunction(
        () => document.querySelector("polyline")?.points.numberOfItems > 4,
        undefined,
        { timeout: LIMIT },
      );
      await keyboard(page);
      await withoutScripts(browser, server);
      await page.evaluate(() => {
        document.activeElement.blur();
        window.scrollTo(0, 0);
      });
    },
  });
  await scene(browser, "dark", {
    options: { colorScheme: "dark" },
    wait: async (page) => {
      await rates(page);
      await refused(page);
    },
  });
  await scene(browser, "draining", {
    prepare: async (server, page) => {
      await rates(page);
      server.drain();
    },
    wait: (page) => says(page, ".state", "Not ready: draining"),
  });
  await scene(browser, "low-space", {
    settings: '[store]\nmin_free_space = "1TiB"\n',
    load: false,
    wait: (page) => says(page, ".state", "Not ready: low on space"),
  });
  await scene(browser, "store-failed", {
    prepare: async (server, page) => {
      await rates(page);
      await server.failSyncs();
    },
    wait: async (page) => {
      await says(page, ".state", "Not ready: the store cannot commit");
      await says(page, "#updates", "does not answer");
    },
  });
  await scene(browser, "watchers", {
    prepare: (server) => server.watch(1_000),
    wait: async (page) => {
      await rates(page);
      await page.waitForFunction(
        () => [...document.querySelectorAll("dt")].some(
          (name) => name.textContent === "watchers" && name.nextElementSibling.textContent === "1,000"),
        undefined,
        { timeout: LIMIT },
      );
    },
  });
  await scene(browser, "narrow", {
    options: { viewport: NARROW },
    wait: async (page) => {
      await rates(page);
      await refused(page);
      const wider = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
      insist(!wider, "a narrow screen is not scrolled sideways");
    },
  });
} finally {
  await browser.close();
}
await pause(0);
if (failures > 0) process.exit(1);
console.log("the page: every scene is as it must be");
