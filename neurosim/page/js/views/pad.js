// The drawing pad: the picture as the network gets it, large, and a pen to draw on it.

import { Drawing } from "../raster.js";
import { button, check, h } from "./dom.js";
import { paintInk } from "./paint.js";

const PEN = 1.35; // radius in pixels of a picture of 28

export class Pad {
  /** @param root where it stands; store: of the page */
  constructor(root, store) {
    this.store = store;
    [this.height, this.width] = store.shape;
    this.drawing = new Drawing(this.height, this.width);
    this.pen = (PEN * Math.max(this.height, this.width)) / 28;
    this.erasing = false;
    this.image = h("canvas", { role: "img" });
    this.ghost = h("canvas", { class: "ghost", "aria-hidden": "true" });
    this.box = h(
      "div",
      {
        id: "pad", class: "drawable", tabindex: "0", role: "group",
        "aria-label": "Drawing pad. Draw with the pointer; arrow keys move the picture, Delete clears it.",
        style: { aspectRatio: `${this.width} / ${this.height}` },
      },
      this.image,
      this.ghost,
    );
    this.listen();
    this.clearButton = button("Clear", () => this.clear(), { title: "Empty the pad to draw your own" });
    this.eraser = button("Eraser", () => this.setErasing(!this.erasing), { "aria-pressed": "false" });
    this.centre = check("centre", true, (on) => this.setCentre(on), {
      title: "Scale and centre the drawing by its mass, as MNIST's digits are",
    });
    const file = h("input", { type: "file", accept: "image/*", hidden: true, onchange: () => this.take(file.files[0]) });
    const move = (text, right, down, name) => button(text, () => this.shift(right, down), { "aria-label": `Move ${name}`, class: "quiet" });
    root.append(
      this.box,
      h("div", { class: "row" }, this.clearButton, this.eraser, this.centre.label),
      h(
        "div",
        { class: "row" },
        h("span", {}, move("←", -1, 0, "left"), move("↑", 0, -1, "up"), move("↓", 0, 1, "down"), move("→", 1, 0, "right")),
        button("Open picture", () => file.click(), { title: "Or drop an image file on the pad" }),
        file,
      ),
    );
  }

  listen() {
    const box = this.box;
    box.addEventListener("pointerdown", (event) => this.begin(event));
    box.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) box.addEventListener(name, () => this.end());
    box.addEventListener("keydown", (event) => this.key(event));
    box.addEventListener("dragover", (event) => event.preventDefault());
    box.addEventListener("drop", (event) => {
      event.preventDefault();
      this.take(event.dataTransfer.files[0]);
    });
  }

  /** Draw over the sample that is shown, or go on with the own drawing. */
  takeOver() {
    const { state } = this.store;
    if (state.sample === null) return;
    const label = this.store.label;
    this.drawing.setPixels(this.store.raw);
    this.store.set({ centre: false, drawnLabel: label }); // a sample is centred as it is
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
    if (event.button) return;
    event.preventDefault();
    this.box.focus({ preventScroll: true });
    this.box.setPointerCapture(event.pointerId);
    this.takeOver();
    const at = this.point(event);
    this.last = this.middle = at;
    this.drawing.stroke(at.x, at.y, at.x, at.y, at.radius, this.erasing);
    this.store.set({ drawing: true });
    this.send();
  }

  move(event) {
    if (!this.last) return;
    event.preventDefault();
    const events = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const each of events.length ? events : [event]) this.curve(this.point(each));
    this.send();
  }

  /** From the middle of the last two points to the middle of this one and the last, bent towards the last. */
  curve(at) {
    const [from, bend] = [this.middle, this.last];
    const to = { x: (bend.x + at.x) / 2, y: (bend.y + at.y) / 2 };
    const parts = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / 0.7));
    let [x0, y0] = [from.x, from.y];
    for (let k = 1; k <= parts; k++) {
      const t = k / parts;
      const x = (1 - t) ** 2 * from.x + 2 * t * (1 - t) * bend.x + t * t * to.x;
      const y = (1 - t) ** 2 * from.y + 2 * t * (1 - t) * bend.y + t * t * to.y;
      this.drawing.stroke(x0, y0, x, y, at.radius, this.erasing);
      [x0, y0] = [x, y];
    }
    this.middle = { ...to, radius: at.radius };
    this.last = at;
  }

  end() {
    if (!this.last) return;
    this.drawing.stroke(this.middle.x, this.middle.y, this.last.x, this.last.y, this.last.radius, this.erasing);
    this.last = this.middle = null;
    this.send();
    this.store.set({ drawing: false });
  }

  send() {
    this.store.draw(this.drawing.pixels(this.store.state.centre));
  }

  clear() {
    this.drawing.clear();
    this.setErasing(false);
    this.store.set({ centre: true, drawnLabel: null });
    this.store.draw(this.drawing.pixels(false), null);
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
    // what is centred would be moved back at once: the move keeps what centring made
    if (this.store.state.centre) {
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

  /** An image file, dropped or chosen: read here, sent nowhere. */
  async take(file) {
    if (!file) return;
    let picture;
    try {
      picture = await createImageBitmap(file);
    } catch {
      this.store.set({ note: `${file.name}: expected a picture (PNG, JPEG, GIF, WebP); this could not be read as one.` });
      return;
    }
    const scale = Math.min(1, 512 / Math.max(picture.width, picture.height));
    const [width, height] = [picture.width, picture.height].map((each) => Math.max(1, Math.round(each * scale)));
    const context = h("canvas", { width, height }).getContext("2d");
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    context.drawImage(picture, 0, 0, width, height);
    const { data } = context.getImageData(0, 0, width, height);
    const grey = Float32Array.from({ length: width * height }, (_, i) => 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2]);
    this.drawing.setPicture(grey, height, width);
    this.store.set({ centre: true, drawnLabel: null });
    this.store.draw(this.drawing.pixels(true), null);
  }

  render() {
    const { store } = this;
    const raw = store.raw;
    paintInk(this.image, raw, store.shape);
    this.image.setAttribute("aria-label", store.state.sample === null ? "your drawing, as the network gets it" : "the picture, as the network gets it");
    const ghost = store.state.sample === null && store.state.centre && !this.drawing.isEmpty;
    this.ghost.hidden = !ghost;
    if (ghost) paintInk(this.ghost, this.drawing.ink, [this.drawing.rows, this.drawing.columns], 1);
    this.centre.box.checked = store.state.centre && store.state.sample === null;
  }
}
