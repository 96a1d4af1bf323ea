// The drawing pad: the image as the network receives it, large, and a pen to draw on it.

import { Drawing } from "../raster.js";
import { readImage } from "../reading.js";
import { button, check, h } from "./dom.js";
import { paintInk } from "./paint.js";

const PEN = 1.35; // radius in pixels, for a picture with 28 pixels
const COLOUR = "#d55e00"; // of the pen, if pictures have colours
const LARGEST = 1024; // pixels: larger pictures are reduced to it when they are read

export class Pad {
  /** @param root its parent; store: of the page */
  constructor(root, store) {
    this.store = store;
    [this.height, this.width] = store.shape;
    this.isColour = store.shape[2] === 3;
    this.drawing = new Drawing(this.height, this.width, this.isColour ? store.pixels.paper() : [0]);
    this.pen = (PEN * Math.max(this.height, this.width)) / 28;
    this.erasing = false;
    this.image = h("canvas", { role: "img" });
    this.ghost = h("canvas", { class: "ghost", "aria-hidden": "true" });
    this.box = h(
      "div",
      {
        id: "pad", class: "drawable", tabindex: "0", role: "group",
        "aria-label": "Drawing pad. Draw with the pointer. Arrow keys move the drawing, Delete clears it.",
        style: { aspectRatio: `${this.width} / ${this.height}` },
      },
      this.image,
      this.ghost,
    );
    this.listen();
    this.clearButton = button("Clear", () => this.clear(), { title: "Clear the pad to draw your own" });
    this.eraser = button("Eraser", () => this.setErasing(!this.erasing), { "aria-pressed": "false" });
    this.centre = check("centre", true, (on) => this.setCentre(on), {
      title: "Scale the drawing and centre it by its mass, like the digits of MNIST",
    });
    this.colour = h("input", { type: "color", value: COLOUR, oninput: () => this.setErasing(false) });
    const file = h("input", { type: "file", accept: "image/*", hidden: true, "aria-label": "Picture to open", onchange: () => this.choose(file) });
    const move = (text, right, down, name) => button(text, () => this.shift(right, down), { "aria-label": `Move ${name}`, class: "quiet" });
    root.append(
      this.box,
      h("div", { class: "row" }, this.clearButton, this.eraser, this.isColour ? h("label", { class: "row" }, "pen", this.colour) : this.centre.label),
      h(
        "div",
        { class: "row" },
        h("span", {}, move("←", -1, 0, "left"), move("↑", 0, -1, "up"), move("↓", 0, 1, "down"), move("→", 1, 0, "right")),
        button("Open picture", () => file.click(), { title: "You can also drop or paste a picture anywhere on this page" }),
        file,
      ),
    );
  }

  listen() {
    const box = this.box;
    box.addEventListener("pointerdown", (event) => this.begin(event));
    box.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) box.addEventListener(name, (event) => this.end(event));
    box.addEventListener("keydown", (event) => this.key(event));
  }

  /** Whether the drawing is centred: a picture in colour stays unchanged. */
  get centres() {
    return this.store.state.centre && !this.isColour;
  }

  /** The ink of the pen: a level, or red, green and blue. */
  get ink() {
    if (this.erasing) return this.drawing.paper;
    return this.isColour ? [1, 3, 5].map((at) => parseInt(this.colour.value.slice(at, at + 2), 16) / 255) : [1];
  }

  /** Draw over the sample shown, or continue the learner's drawing. */
  takeOver() {
    const { state } = this.store;
    if (state.sample === null) return;
    const label = this.store.label;
    this.drawing.setPixels(this.store.pixels.of(this.store.raw));
    this.store.set({ centre: false, drawnLabel: label }); // a sample is already centred
  }

  point(event) {
    const box = this.image.getBoundingClientRect();
    const pressure = event.pointerType === "pen" && event.pressure ? 0.6 + 0.8 * event.pressure : 1;
    return {
      x: ((event.clientX - box.left) / box.width) * this.width,
      y: ((event.clientY - box.top) / box.height) * this.height,
      radius: this.pen * pressure * (this.erasing ? 1.5 : 1),
    };
  }

  begin(event) {
    if (event.button || this.last) return; // a second finger does not draw a line to the first
    event.preventDefault();
    this.box.focus({ preventScroll: true });
    this.box.setPointerCapture(event.pointerId);
    this.takeOver();
    const at = this.point(event);
    this.pointer = event.pointerId;
    this.last = this.middle = at;
    this.drawing.begin();
    this.drawing.stroke(at.x, at.y, at.x, at.y, at.radius, this.ink);
    this.store.set({ drawing: true });
    this.send();
  }

  move(event) {
    if (!this.last || event.pointerId !== this.pointer) return;
    if (!event.buttons) {
      this.end(event); // the pen was lifted outside of the page
      return;
    }
    event.preventDefault();
    const events = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const each of events.length ? events : [event]) this.curve(this.point(each));
    this.send();
  }

  /** Draw from the middle of the last two points to the middle of this one and the last, bent towards the last. */
  curve(at) {
    const [from, bend] = [this.middle, this.last];
    const to = { x: (bend.x + at.x) / 2, y: (bend.y + at.y) / 2 };
    const parts = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / 0.7));
    let [x0, y0] = [from.x, from.y];
    for (let k = 1; k <= parts; k++) {
      const t = k / parts;
      const x = (1 - t) ** 2 * from.x + 2 * t * (1 - t) * bend.x + t * t * to.x;
      const y = (1 - t) ** 2 * from.y + 2 * t * (1 - t) * bend.y + t * t * to.y;
      this.drawing.stroke(x0, y0, x, y, at.radius, this.ink);
      [x0, y0] = [x, y];
    }
    this.middle = { ...to, radius: at.radius };
    this.last = at;
  }

  end(event) {
    if (!this.last || event.pointerId !== this.pointer) return;
    this.drawing.stroke(this.middle.x, this.middle.y, this.last.x, this.last.y, this.last.radius, this.ink);
    this.last = this.middle = null;
    this.send();
    this.store.set({ drawing: false });
  }

  send() {
    this.store.draw(this.store.pixels.toRaw(this.drawing.pixels(this.centres)));
  }

  clear() {
    this.drawing.clear();
    this.setErasing(false);
    this.last = this.middle = null; // a pen that is down must start again
    this.store.set({ drawing: false, centre: true, drawnLabel: null });
    this.store.draw(this.store.pixels.toRaw(this.drawing.pixels(false)), null);
    this.box.focus({ preventScroll: true });
  }

  setErasing(on) {
    this.erasing = on;
    this.eraser.setAttribute("aria-pressed", String(on));
  }

  setCentre(on) {
    if (this.store.state.sample !== null) this.takeOver();
    this.store.set({ centre: on });
    this.send();
  }

  shift(right, down) {
    this.takeOver();
    // centring would undo the move: keep the centred drawing instead
    if (this.centres) {
      this.drawing.setPixels(this.drawing.pixels(true));
      this.store.set({ centre: false });
    }
    this.drawing.shift(right, down);
    this.send();
  }

  key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (moves[event.key]) this.shift(...moves[event.key]);
    else if (event.key === "Delete" || event.key === "Backspace") this.clear();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  choose(input) {
    if (input.files.length) this.take([...input.files]);
    input.value = ""; // so that the same file can be chosen again
  }

  /**
   * Read the first of the image files that were dropped, pasted or chosen. It is sent nowhere. If it is not a picture,
   * the drawing stays.
   */
  async take(files) {
    const [file] = files;
    const pixels = await this.read(file);
    if (!this.box.isConnected) return; // another network is shown now
    const note = pixels
      ? files.length > 1 ? `Only ${file.name} was used: choose one picture at a time.` : ""
      : `${file.name}: ${pixels === null ? "expected a drawing. Nothing in this picture stands out clearly from the background." : "expected a picture (PNG, JPEG, GIF, WebP), but the browser cannot read this file."}`;
    this.store.set({ note });
    if (!pixels) return;
    this.last = this.middle = null;
    this.drawing.setPixels(pixels);
    this.store.set({ drawing: false, centre: false, drawnLabel: null }); // it is already centred
    this.store.draw(this.store.pixels.toRaw(this.drawing.pixels(false)), null);
  }

  /** Return the pixels of a file for this network; null if nothing is drawn; undefined if it is not a picture. */
  async read(file) {
    let data;
    try {
      const picture = await createImageBitmap(file);
      const scale = Math.min(1, LARGEST / Math.max(picture.width, picture.height));
      const [width, height] = [picture.width, picture.height].map((each) => Math.max(1, Math.round(each * scale)));
      const context = h("canvas", { width, height }).getContext("2d");
      context.imageSmoothingQuality = "high";
      context.drawImage(picture, 0, 0, width, height);
      picture.close();
      data = context.getImageData(0, 0, width, height);
    } catch {
      return undefined;
    }
    return readImage(data, this.store.shape);
  }

  render() {
    const { store } = this;
    paintInk(this.image, store.pixels.of(store.raw), store.shape);
    this.image.setAttribute("aria-label", store.state.sample === null ? "your drawing, as the network receives it" : "the image, as the network receives it");
    const ghost = store.state.sample === null && this.centres && !this.drawing.isEmpty;
    this.ghost.hidden = !ghost;
    if (ghost) paintInk(this.ghost, this.drawing.ink, [this.drawing.rows, this.drawing.columns], 1);
    this.centre.box.checked = store.state.centre && store.state.sample === null;
  }
}
