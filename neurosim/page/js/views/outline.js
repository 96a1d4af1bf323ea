// An outline on a picture: the part of the input that a unit depends on.

import { fieldsPointedAt } from "../pointing.js";
import { s } from "./dom.js";

export class Outline {
  /** @param box holds only the picture */
  constructor(box, store) {
    this.store = store;
    const [height, width] = store.shape;
    this.svg = s("svg", { class: "fields", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    box.append(this.svg);
  }

  render() {
    const field = fieldsPointedAt(this.store)?.get(0);
    if (!field) {
      this.svg.replaceChildren();
      return;
    }
    const rectangle = { x: field.left, y: field.top, width: field.width, height: field.height };
    this.svg.replaceChildren(s("rect", { ...rectangle, class: "halo" }), s("rect", { ...rectangle, class: this.store.state.hover ? "hover" : "" }));
  }
}
