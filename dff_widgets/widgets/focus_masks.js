// The part masks in the browser: the kernel's, and what was painted since it sent them.

/** What `pack_mask` packed, one byte a pixel. */
async function unpack(packed, count) {
  const pixels = new Uint8Array(count);
  if (!packed.length) return pixels;
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bits = new Uint8Array(await new Response(stream).arrayBuffer());
  for (let p = 0; p < count; p++) pixels[p] = (bits[p >> 3] >> (7 - (p & 7))) & 1;
  return pixels;
}
const same = (a, b) => a.length === b.length && a.every((v, i) => v === b[i]);

/** The border of a mask, along the edges of its pixels. */
function outline(bits, h, w) {
  const path = new Path2D();
  const at = (y, x) => (y < 0 || x < 0 || y >= h || x >= w ? 0 : bits[y * w + x]);
  const since = new Int32Array(w + 1).fill(-1); // per column line, the row at which its present edge began
  const [first, last] = [bits.indexOf(1), bits.lastIndexOf(1)];
  const end = first < 0 ? -1 : Math.floor(last / w) + 1;
  for (let y = Math.floor(first / w); y <= end && y >= 0; y++) {
    let from = -1;
    for (let x = 0; x <= w; x++) {
      const here = at(y, x);
      if (x < w && here !== at(y - 1, x)) from = from < 0 ? x : from;
      else if (from >= 0) {
        path.moveTo(from, y);
        path.lineTo(x, y);
        from = -1;
      }
      if (y < h && here !== at(y, x - 1)) since[x] = since[x] < 0 ? y : since[x];
      else if (since[x] >= 0) {
        path.moveTo(x, since[x]);
        path.lineTo(x, y);
        since[x] = -1;
      }
    }
  }
  return path;
}

/** Draw a stroke, or fill a polygon, in image pixels; a stroke from one of its points on. */
function trace(context, { kind, points, radius }, from) {
  context.beginPath();
  points.slice(from).forEach(([x, y]) => context.lineTo(x, y));
  if (kind === "polygon") return context.fill("evenodd");
  context.lineTo(...points.at(-1)); // a single point is a line too
  [context.lineCap, context.lineJoin, context.lineWidth] = ["round", "round", 2 * radius];
  context.stroke();
}

class Masks {
  constructor(model) {
    this.model = model;
    this.height = this.width = 0;
    this.masks = new Map(); // part -> {raw as it came, bits, touched here, and where they are not stale: path, area}
    this.pending = []; //      shapes that are drawn here and not yet in the kernel's masks; the last may be in the making
    this.loading = 0;
    this.scratch = make("canvas");
    this.wash = make("canvas"); // the pixels of the selected part
    this.washOf = null;
  }

  color(part) {
    return this.model.get("part_colors")[this.model.get("parts").indexOf(part)] ?? "#999999";
  }

  /** Take what the kernel sent, and draw over it what it has not answered yet; false if something newer came. */
  async load() {
    const mine = ++this.loading;
    const [parts, packed, size, place, handled] = ["parts", "masks", "mask_size", "place", "handled"].map((n) => this.model.get(n));
    const [h, w] = [size[0] ?? 0, size[1] ?? 0];
    const known = this.pending.findIndex((shape) => shape.id && shape.id === handled);
    this.pending = this.pending.slice(known + 1).filter((shape) => shape.index === place[0]);
    const found = await Promise.all(parts.map(async (part, j) => {
      const raw = packed[j] ? bytes(packed[j]) : new Uint8Array(0);
      const old = this.masks.get(part); // most stay as they are
      if (old && !old.touched && this.height === h && this.width === w && same(old.raw, raw)) return old;
      return { raw, bits: await unpack(raw, h * w), path: null, area: null };
    }));
    if (mine !== this.loading) return false;
    this.masks = new Map(parts.map((part, j) => [part, found[j]]));
    if (this.height !== h || this.width !== w) {
      [this.height, this.width] = [h, w];
      for (const canvas of [this.scratch, this.wash]) [canvas.width, canvas.height] = [w, h];
    }
    this.pending.forEach((shape) => this.stamp(shape));
    this.repaint();
    return true;
  }

  /** Draw a shape, which the kernel is yet to be told of. */
  begin(shape) {
    this.pending.push(shape);
    this.stamp(shape);
    return shape;
  }

  /** Put a shape into the bits of its part, where it covers half a pixel; of a stroke, what follows a point. */
  stamp(shape, from = 0) {
    const mask = this.masks.get(shape.part);
    const [h, w] = this.model.get("size");
    if (!mask || !this.width || !h) return;
    const range = (axis, size, n) => {
      const values = shape.points.slice(from).map((p) => p[axis]);
      const [low, high] = [Math.min(...values) - shape.radius - 1, Math.max(...values) + shape.radius + 1];
      return [clamp(Math.floor((low * n) / size), 0, n), clamp(Math.ceil((high * n) / size), 0, n)];
    };
    const [[left, right], [top, bottom]] = [range(0, w, this.width), range(1, h, this.height)];
    if (left >= right || top >= bottom) return;
    const context = this.scratch.getContext("2d", { willReadFrequently: true });
    context.setTransform(this.width / w, 0, 0, this.height / h, 0, 0);
    trace(context, shape, from);
    const drawn = context.getImageData(left, top, right - left, bottom - top).data;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(left, top, right - left, bottom - top);
    const value = shape.erase ? 0 : 1;
    for (let y = top, p = 3; y < bottom; y++)
      for (let x = left; x < right; x++, p += 4) if (drawn[p] > 127) mask.bits[y * this.width + x] = value;
    [mask.path, mask.area, mask.touched] = [null, null, true];
    if (this.washOf === shape.part) this.washBox(left, top, right, bottom);
  }

  /** Draw all masks in their own pixels: the selected part's filled and last. `pixel` is a CSS pixel in theirs. */
  draw(context, pixel) {
    const selected = this.model.get("part");
    if (this.masks.has(selected)) {
      if (this.washOf !== selected) {
        this.washOf = selected;
        this.washBox(0, 0, this.width, this.height);
      }
      context.globalAlpha = 0.35;
      context.imageSmoothingEnabled = false;
      context.drawImage(this.wash, 0, 0);
      context.globalAlpha = 1;
    }
    [context.lineCap, context.lineJoin] = ["round", "round"];
    for (const [part, mask] of [...this.masks].sort(([a], [b]) => (a === selected) - (b === selected))) {
      mask.path ??= outline(mask.bits, this.height, this.width);
      const width = part === selected ? 2 : 1.25;
      for (const [color, extra] of [["#000a", 1.5], [this.color(part), 0]]) { // a dark seam, to be seen on any photo
        [context.strokeStyle, context.lineWidth] = [color, (width + extra) * pixel];
        context.stroke(mask.path);
      }
    }
  }

  repaint() {
    this.washOf = null;
  }

  washBox(left, top, right, bottom) {
    const pixels = new ImageData(right - left, bottom - top);
    const color = [...rgb(this.color(this.washOf)), 255];
    const { bits } = this.masks.get(this.washOf);
    for (let y = top, p = 0; y < bottom; y++)
      for (let x = left; x < right; x++, p += 4) if (bits[y * this.width + x]) pixels.data.set(color, p);
    this.wash.getContext("2d").putImageData(pixels, left, top);
  }

  /** The parts that have a pixel of the image. */
  under(x, y) {
    const [h, w] = this.model.get("size");
    const p = Math.floor((y * this.height) / h) * this.width + Math.floor((x * this.width) / w);
    return [...this.masks].filter(([, mask]) => mask.bits[p]).map(([part]) => part);
  }

  /** 0..1 of the image. */
  share(part) {
    const mask = this.masks.get(part);
    if (!mask?.bits.length) return 0;
    mask.area ??= mask.bits.reduce((sum, bit) => sum + bit, 0);
    return mask.area / mask.bits.length;
  }
}
