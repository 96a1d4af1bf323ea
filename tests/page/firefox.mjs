// A learner's first minute in Firefox, told as JSON. Arguments: the page's file, and Firefox.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.env.NODE_PATH}/`);
const loaded = require("puppeteer-core");
const puppeteer = loaded.default ?? loaded;
const [file, executablePath] = process.argv.slice(2);
const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

const browser = await puppeteer.launch({ browser: "firefox", executablePath, headless: true });
try {
  const page = await browser.newPage();
  await page.setViewport({ width: 1280, height: 800 });
  const errors = [];
  const asked = [];
  page.on("console", (message) => ["error", "warn"].includes(message.type()) && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("request", (request) => asked.push(request.url()));
  await page.goto(pathToFileURL(file).href);
  await page.evaluate("neurosim.ready.then(() => true)");
  const ready = await page.evaluate("performance.getEntriesByName('ready')[0].startTime");
  const press = (name) =>
    page.evaluate(`[...document.querySelectorAll("button")].find((each) => each.textContent === ${JSON.stringify(name)}).click()`);
  await press("No more hints");
  await press("Clear");
  await wait(100);
  const pad = await (await page.$("#pad")).boundingBox();
  const at = (x, y) => [pad.x + x * pad.width, pad.y + y * pad.height];
  await page.mouse.move(...at(0.25, 0.2));
  await page.mouse.down();
  for (let k = 0; k < 10; k++) await page.mouse.move(...at(0.25 + 0.05 * k, 0.2));
  for (let k = 0; k < 14; k++) await page.mouse.move(...at(0.72 - 0.025 * k, 0.2 + 0.045 * k));
  await page.mouse.up();
  await wait(300);
  const verdict = await page.evaluate("document.getElementById('verdict').innerText");
  const before = await page.evaluate("neurosim.state().step");
  await press("Play");
  await wait(900);
  await press("Pause");
  await wait(400);
  const after = await page.evaluate("neurosim.state().step");
  await page.evaluate("neurosim.goto({ layer: 2, neuron: 3, sample: undefined, stage: 'weighted_sum' })");
  await wait(200);
  console.log(JSON.stringify({ ready, verdict, trained: after - before, hash: await page.evaluate("location.hash"), errors, asked }));
} finally {
  await browser.close();
}
