// A learner's journey in Firefox, told as JSON. Arguments: the page's file, Firefox, a folder for what is saved, a
// file of cases [{source, place}] for the hook, and an image file.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.env.NODE_PATH}/`);
const loaded = require("puppeteer-core");
const puppeteer = loaded.default ?? loaded;
const [file, executablePath, folder, casesFile, picture] = process.argv.slice(2);
const address = pathToFileURL(file).href;
const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const told = { errors: [], asked: [] };

const launch = (prefs) =>
  puppeteer.launch({
    browser: "firefox", executablePath, headless: true,
    extraPrefsFirefox: { "browser.download.folderList": 2, "browser.download.dir": folder, ...prefs },
  });

/** A page of the learner, with the network switched off, and the hands to use it. */
class Reader {
  static async open(browser, where, width = 1280, height = 800) {
    const page = await browser.newPage();
    await page.setViewport({ width, height });
    await page.setOfflineMode(true);
    page.on("console", (message) => ["error", "warn"].includes(message.type()) && told.errors.push(message.text()));
    page.on("pageerror", (error) => told.errors.push(String(error)));
    page.on("request", (request) => told.asked.push(request.url()));
    await page.goto(where);
    await page.evaluate("neurosim.ready.then(() => true)");
    return new Reader(page);
  }

  constructor(page) {
    this.page = page;
  }

  do(code) {
    return this.page.evaluate(code);
  }

  settle() {
    return this.do("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))");
  }

  text(selector) {
    return this.do(`document.querySelector(${JSON.stringify(selector)}).innerText`);
  }

  state() {
    return this.do("neurosim.state()");
  }

  async goto(place) {
    await this.do(`neurosim.goto(${JSON.stringify(place)})`);
    await this.settle();
  }

  trace(place) {
    return this.do(`neurosim.trace(${JSON.stringify(place)})`);
  }

  /** The visible element of that kind that is called so: by its text, its label, or the label around it. */
  async find(kinds, name) {
    const handle = await this.page.evaluateHandle(
      (selector, wanted) =>
        [...document.querySelectorAll(selector)].find((each) => {
          const label = each.labels?.[0];
          const words = label ? [...label.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE) : [each];
          const called = each.getAttribute("aria-label") ?? words.map((node) => node.textContent).join("");
          return called.trim() === wanted && each.checkVisibility();
        }),
      kinds,
      name,
    );
    const element = handle.asElement();
    if (!element) throw new Error(`There is no ${kinds} "${name}".`);
    return element;
  }

  async press(name, selector = "button") {
    await (await this.find(selector, name)).click();
    await this.settle();
  }

  async type(name, value) {
    const field = await this.find("input", name);
    await field.evaluate((each) => each.select());
    await field.type(value);
    await field.press("Enter");
    await this.settle();
  }

  async key(...names) {
    for (const name of names) await this.page.keyboard.press(name);
    await this.settle();
  }

  async focus(selector) {
    await this.page.focus(selector);
  }

  async changeNeuron() {
    await this.do("document.querySelector('.tools').open = true");
    await this.settle();
  }
}

async function draws(reader) {
  await reader.press("No more hints");
  await reader.press("Clear");
  const empty = await reader.text("#verdict");
  const pad = await (await reader.page.$("#pad")).boundingBox();
  const at = (x, y) => [pad.x + x * pad.width, pad.y + y * pad.height];
  const { mouse } = reader.page;
  await mouse.move(...at(0.25, 0.2));
  await mouse.down();
  for (let k = 0; k < 10; k++) await mouse.move(...at(0.25 + 0.05 * k, 0.2));
  for (let k = 0; k < 14; k++) await mouse.move(...at(0.72 - 0.025 * k, 0.2 + 0.045 * k));
  await mouse.up();
  await reader.settle();
  const dots = () => reader.do("document.querySelectorAll('.dots button').length");
  const drawing = { empty, verdict: await reader.text("#verdict"), stages: await dots() };
  await reader.press("7", "#input .classes button");
  return { ...drawing, label: (await reader.state()).label, labelled: await dots() };
}

async function looks(reader) {
  await reader.do("document.querySelector('#thumbs button').click()");
  await reader.settle();
  await reader.page.hover("#neuron-2-3");
  await reader.settle();
  const { sample } = await reader.state();
  const hovered = await reader.text("#hovered");
  await reader.page.click("#neuron-2-3");
  await reader.settle();
  return { sample, hovered, title: await reader.text("#microscope-title") };
}

async function walks(reader) {
  const { sample } = await reader.state();
  await reader.goto({ layer: 2, neuron: 4, stage: "inputs" });
  await reader.focus("#walk");
  const texts = [];
  for (let k = 0; k < 11; k++) {
    texts.push(await reader.text("#stage"));
    await reader.key("ArrowRight");
  }
  const place = { layer: 2, neuron: 4, sample };
  return { place, texts, last: (await reader.state()).stage, trace: await reader.trace(place) };
}

async function changes(reader, place) {
  const accuracy = () => reader.do("neurosim.accuracy()");
  await reader.changeNeuron();
  const before = await accuracy();
  await reader.press("ablate", "input");
  await wait(300);
  const ablated = { before, after: await accuracy(), said: await reader.text("#changes") };
  await reader.press("Undo");
  ablated.undone = await accuracy();
  const start = await reader.trace(place);
  await reader.type("The bias", "1.25");
  const bias = await reader.trace(place);
  await reader.press("Undo");
  const which = Number(await reader.do("document.querySelector('.tools select').value"));
  await reader.type("The weight", "0.75");
  const weight = await reader.trace(place);
  await reader.press("Undo");
  return { ablated, start, bias, which, weight, undone: await reader.trace(place) };
}

async function trains(reader) {
  const step = async () => (await reader.state()).step;
  const parameters = () => reader.do("neurosim.parameters()");
  const start = await parameters();
  const found = { first: await step() };
  await reader.press("Play");
  await wait(700);
  await reader.press("Pause");
  await wait(400);
  found.paused = await step();
  await reader.press("Undo training");
  found.back = await step();
  found.sameAfterBack = JSON.stringify(await parameters()) === JSON.stringify(start);
  await reader.focus('[role="slider"]');
  await reader.key("Home");
  found.home = await step();
  found.initial = await parameters();
  await reader.key("End");
  found.end = await step();
  await reader.press("1 epoch");
  await wait(1500);
  found.epoch = await step();
  await reader.press("Reset");
  await wait(200);
  found.reset = await step();
  found.sameAfterReset = JSON.stringify(await parameters()) === JSON.stringify(found.initial);
  await reader.key("End");
  await reader.press("Settings");
  await (await reader.find("select", "optimizer")).select("sgd");
  await reader.type("learning rate", "0.25");
  await reader.goto({ stage: "update", layer: 2, neuron: 4 });
  return { ...found, summary: await reader.text("#summary"), update: await reader.text("#stage") };
}

async function opensTables(reader) {
  await reader.press("Report card");
  await wait(600);
  const first = await reader.do(
    "(() => { const row = document.querySelector('.sheet tbody tr'); return { place: row.dataset.place, cells: [...row.cells].map((each) => each.textContent) }; })()",
  );
  const rows = await reader.do("document.querySelectorAll('.sheet tbody tr').length");
  await reader.page.click(".sheet tbody button");
  await reader.settle();
  const opened = await reader.state();
  await reader.press("Confusion matrix");
  await wait(400);
  await reader.page.click("#mistakes button");
  await reader.settle();
  return { first, rows, opened, mistake: (await reader.state()).sample };
}

async function predicts(reader) {
  const { sample } = await reader.state();
  const traces = [];
  for (let neuron = 0; neuron < 16; neuron++) traces.push(await reader.trace({ layer: 2, neuron, sample }));
  const neuron = traces.findIndex((each) => each.da_dz && Math.abs(each.bias) > 0.05 * Math.abs(each.z));
  const { z, bias } = traces[neuron];
  await reader.goto({ layer: 2, neuron, stage: "weighted_sum", tab: "network" });
  await reader.press("predict first", "input");
  const found = { neuron, sample, z, hidden: await reader.text("#stage") };
  const answer = async (value) => {
    const field = await reader.page.$(".quiz input");
    await field.evaluate((each) => each.select());
    await field.type(value.toPrecision(6));
    await reader.press("Check");
    return reader.text("#stage");
  };
  return { ...found, slip: await answer(z - bias), right: await answer(1.002 * z) };
}

async function leavesAndComesBack(browser, reader) {
  const place = async (each) => [await each.state(), await each.do("neurosim.parameters()")];
  await reader.goto({ layer: 2, neuron: 7, stage: "delta", step: 0, tab: "network" });
  await wait(400);
  const hash = await reader.do("location.hash");
  const linked = await Reader.open(browser, address + hash);
  const found = { hash, here: await place(reader), linked: await place(linked) };
  await linked.page.close();
  await reader.goto({ step: 1e9, layer: 1, neuron: 2 });
  await reader.changeNeuron();
  await reader.press("ablate", "input");
  await reader.press("Save page");
  for (let k = 0; k < 50 && !readdirSync(folder).some((name) => name.endsWith(".html")); k++) await wait(100);
  await wait(300);
  const name = readdirSync(folder).find((each) => each.endsWith(".html"));
  const saved = await Reader.open(browser, pathToFileURL(join(folder, name)).href);
  const all = "[neurosim.parameters(), neurosim.accuracy(), neurosim.state().step]";
  found.kept = [await reader.do(all), await saved.do(all)];
  await saved.goto({ layer: 1, neuron: 2 });
  found.ablated = await saved.text("#hovered");
  await saved.page.close();
  return found;
}

/** The grey levels that the pad shows of an image file. */
async function opensPicture(browser) {
  const reader = await Reader.open(browser, address);
  await (await reader.page.$("#input input[type=file]")).uploadFile(picture);
  await wait(1000);
  const levels = await reader.do(`(() => {
    const canvas = document.querySelector("#pad canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return Array.from({ length: data.length / 4 }, (_, k) => ((255 - data[4 * k]) / 245) * 255);
  })()`);
  const found = { levels, verdict: await reader.text("#verdict"), notice: await reader.text("#notice") };
  await reader.page.close();
  return found;
}

async function keys(browser) {
  const reader = await Reader.open(browser, address);
  const active = () => reader.do("document.activeElement.id");
  await reader.focus("#net");
  await reader.key("ArrowDown", "ArrowRight", "Enter");
  const found = { opened: await active() };
  await reader.key("ArrowRight");
  found.stage = (await reader.state()).stage;
  await reader.key("Escape");
  found.escaped = await active();
  await reader.focus("#pad");
  await reader.key("ArrowLeft");
  found.sample = (await reader.state()).sample;
  await reader.page.keyboard.type("?");
  await reader.settle();
  found.help = await reader.do("document.getElementById('help').checkVisibility()");
  await reader.page.close();
  return found;
}

/** By how much each view is wider than a phone. */
async function fitsAPhone(browser) {
  const reader = await Reader.open(browser, address, 390, 844);
  const found = {};
  for (const tab of ["network", "report", "confusion"]) {
    await reader.goto({ tab });
    await wait(400);
    found[tab] = await reader.do("document.documentElement.scrollWidth - innerWidth");
  }
  await reader.page.close();
  return found;
}

async function tracesOfMany(browser) {
  const reader = await Reader.open(browser, address);
  const found = [];
  for (const { source, place } of JSON.parse(readFileSync(casesFile, "utf8"))) {
    await reader.page.evaluate((each) => neurosim.load(each).then(() => true), source);
    found.push(await reader.trace(place));
  }
  await reader.page.close();
  return found;
}

async function isDark() {
  const browser = await launch({ "ui.systemUsesDarkTheme": 1, "layout.css.prefers-color-scheme.content-override": 0 });
  try {
    const reader = await Reader.open(browser, address);
    const brightness = (what) => reader.do(`getComputedStyle(document.body).${what}.match(/[\\d.]+/g).slice(0, 3).reduce((sum, each) => sum + Number(each), 0) / 3`);
    return { asked: await reader.do("matchMedia('(prefers-color-scheme: dark)').matches"), paper: await brightness("backgroundColor"), ink: await brightness("color") };
  } finally {
    await browser.close();
  }
}

const browser = await launch({});
try {
  const reader = await Reader.open(browser, address);
  told.ready = await reader.do("performance.getEntriesByName('ready')[0].startTime");
  told.offline = !(await reader.do("navigator.onLine"));
  told.drawing = await draws(reader);
  told.look = await looks(reader);
  told.walk = await walks(reader);
  told.changes = await changes(reader, told.walk.place);
  told.training = await trains(reader);
  await reader.page.close();
  const second = await Reader.open(browser, address); // who wanted no more hints gets none
  told.tables = await opensTables(second);
  told.predicted = await predicts(second);
  told.return = await leavesAndComesBack(browser, second);
  await second.page.close();
  told.picture = await opensPicture(browser);
  told.keys = await keys(browser);
  told.phone = await fitsAPhone(browser);
  told.traces = await tracesOfMany(browser);
} finally {
  await browser.close();
}
told.dark = await isDark();
writeFileSync(join(folder, "told.json"), JSON.stringify(told));
