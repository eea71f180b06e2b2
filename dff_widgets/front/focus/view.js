// Where an image is on the screen: screen pixels (CSS) = image pixels * scale + (x, y).

/** @param {number} v @param {number} low @param {number} high */
export const clamp = (v, low, high) => Math.min(Math.max(v, low), high);

const MARGIN = 8; //   around a fitted image
const PIECE = 40; //   of the image that stays in sight, in screen pixels
const NEAREST = 40; // screen pixels an image pixel at most
const FARTHEST = 0.02;

/** @typedef {[number, number]} Point */

export class View {
  constructor() {
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.fitted = true;
    /** of the image, in its own pixels @type {{h: number, w: number}} */
    this.image = { h: 0, w: 0 };
    /** of the stage, in screen pixels @type {{h: number, w: number}} */
    this.stage = { h: 0, w: 0 };
  }

  /** Another image, which is fitted; the same one stays where it is. @param {number} h @param {number} w */
  show(h, w) {
    const { h: before, w: wide } = this.image;
    this.image = { h, w };
    if (!h || !w) return;
    if (this.fitted || before * w !== h * wide) this.fit();
    else this.scale *= before / h; // the same image, in more pixels or fewer
  }

  /** Another size of the stage. @param {number} h @param {number} w */
  resize(h, w) {
    this.stage = { h, w };
    if (this.fitted) this.fit();
    else this.keep();
  }

  fit() {
    const { stage, image } = this;
    if (!image.h || !stage.w) return;
    this.scale = Math.max(FARTHEST, Math.min((stage.w - 2 * MARGIN) / image.w, (stage.h - 2 * MARGIN) / image.h));
    this.x = (stage.w - image.w * this.scale) / 2;
    this.y = (stage.h - image.h * this.scale) / 2;
    this.fitted = true;
  }

  /** @param {number} by @param {Point} [around] a point of the screen that stays where it is */
  zoom(by, [x, y] = [this.stage.w / 2, this.stage.h / 2]) {
    const scale = clamp(this.scale * by, Math.min(this.scale, FARTHEST), NEAREST);
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.fitted = false;
    this.keep();
  }

  /** @param {number} dx @param {number} dy */
  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.fitted = false;
    this.keep();
  }

  keep() {
    const { stage, image, scale } = this;
    this.x = clamp(this.x, PIECE - image.w * scale, stage.w - PIECE);
    this.y = clamp(this.y, PIECE - image.h * scale, stage.h - PIECE);
  }

  /** @param {Point} screen @returns {Point} */
  toImage([x, y]) {
    return [(x - this.x) / this.scale, (y - this.y) / this.scale];
  }

  /** @param {Point} image @returns {Point} */
  toScreen([x, y]) {
    return [x * this.scale + this.x, y * this.scale + this.y];
  }

  /** Whether a point of the image is inside it. @param {Point} image */
  holds([x, y]) {
    return x >= 0 && y >= 0 && x < this.image.w && y < this.image.h;
  }
}
