// Where each image is: rows that fill the width, all images of a row of one height, none cropped.

/**
 * @typedef {object} Box
 * @property {number} left @property {number} top @property {number} width @property {number} height  of the image, in px
 */
/** @typedef {{ first: number, end: number, top: number, height: number }} Row  images first..end-1 of the order */
/** @typedef {{ rows: Row[], boxes: Box[], total: number }} Layout  total: height of all */

/**
 * @typedef {object} Room
 * @property {number} width  to fill
 * @property {number} height  of a row, wished for
 * @property {number} gap  between images
 * @property {number} caption  height under each image
 * @property {number} most  the highest that a single row may become
 */

const NARROWEST = 0.3; // width : height of a tile; a narrower photo has room at its sides
const WIDEST = 4;

/** @param {number} ratio */
export const tileRatio = (ratio) => Math.min(Math.max(ratio || 1, NARROWEST), WIDEST);

/**
 * @param {number[]} ratios  width : height per image
 * @param {Room} room
 * @returns {Layout}
 */
export function justify(ratios, room) {
  const breaks = lineBreaks(ratios, room);
  const lone = breaks.length === 1;
  /** @type {Row[]} */
  const rows = [];
  /** @type {Box[]} */
  const boxes = [];
  let top = 0;
  let first = 0;
  for (const end of breaks) {
    const last = end === ratios.length;
    const fill = fillingHeight(ratios, first, end, room);
    const wished = lone ? Math.max(room.most, room.height) : rows.length ? rows[rows.length - 1].height : room.height;
    const height = last ? Math.min(fill, wished) : fill;
    let left = lone ? Math.max((room.width - rowWidth(ratios, first, end, height, room.gap)) / 2, 0) : 0;
    for (let i = first; i < end; i++) {
      const width = tileRatio(ratios[i]) * height;
      boxes.push({ left, top, width, height });
      left += width + room.gap;
    }
    rows.push({ first, end, top, height });
    top += height + room.caption + room.gap;
    first = end;
  }
  return { rows, boxes, total: Math.max(top - room.gap, 0) };
}

const USUAL = 140; // px of a row: three rows fit in the app on a usual screen
const TALLEST = 300;
const FEW = 100; // more images than this do not fit in one view anyhow

/**
 * The height of the rows when nobody has chosen one: the largest at which all images are in view, or the usual one.
 * @param {number[]} ratios
 * @param {Omit<Room, "height">} room
 * @param {number} view  height of the stage
 */
export function fittingHeight(ratios, room, view) {
  if (ratios.length > FEW) return USUAL;
  for (let height = TALLEST; height > USUAL; height -= 5) {
    if (justify(ratios, { ...room, height }).total <= view) return height;
  }
  return USUAL;
}

/** The height at which images first..end-1 fill the width. @param {number[]} ratios @param {number} first @param {number} end @param {Room} room */
function fillingHeight(ratios, first, end, { width, gap }) {
  let sum = 0;
  for (let i = first; i < end; i++) sum += tileRatio(ratios[i]);
  return Math.max((width - gap * (end - first - 1)) / sum, 1);
}

/** @param {number[]} ratios @param {number} first @param {number} end @param {number} height @param {number} gap */
function rowWidth(ratios, first, end, height, gap) {
  let sum = gap * (end - first - 1);
  for (let i = first; i < end; i++) sum += tileRatio(ratios[i]) * height;
  return sum;
}

/**
 * Where the rows end: each as near to the wished height as whole images allow.
 * @param {number[]} ratios @param {Room} room
 */
function lineBreaks(ratios, room) {
  /** @type {number[]} */
  const ends = [];
  let first = 0;
  for (let i = 0; i < ratios.length; i++) {
    const height = fillingHeight(ratios, first, i + 1, room);
    if (height > room.height) continue; // not full yet
    const before = i > first ? fillingHeight(ratios, first, i, room) : Number.POSITIVE_INFINITY;
    const end = before / room.height < room.height / height ? i : i + 1;
    ends.push(end);
    first = end;
    i = end - 1;
  }
  if (first < ratios.length) ends.push(ratios.length);
  return ends;
}

/**
 * The rows that meet top..bottom: from, and up to but without.
 * @param {Row[]} rows @param {number} top @param {number} bottom
 * @returns {[number, number]}
 */
export function rowsWithin(rows, top, bottom) {
  let from = 0;
  let to = rows.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((rows[middle + 1]?.top ?? Number.POSITIVE_INFINITY) <= top) from = middle + 1;
    else to = middle;
  }
  let end = from;
  while (end < rows.length && rows[end].top < bottom) end += 1;
  return [from, end];
}

/**
 * The image of the row above or below that is nearest across.
 * @param {Layout} layout @param {number} at @param {number} step  -1 or 1
 */
export function neighbour({ rows, boxes }, at, step) {
  const row = rows.findIndex(({ first, end }) => at >= first && at < end);
  const next = rows[row + step];
  if (!next) return at;
  const middle = boxes[at].left + boxes[at].width / 2;
  let best = next.first;
  for (let i = next.first; i < next.end; i++) {
    const away = (/** @type {number} */ j) => Math.abs(boxes[j].left + boxes[j].width / 2 - middle);
    if (away(i) < away(best)) best = i;
  }
  return best;
}

/**
 * A photo within its tile: as large as fits, in the middle.
 * @param {number} ratio  width : height of the photo @param {number} width @param {number} height  of the tile
 * @returns {Box}
 */
export function contain(ratio, width, height) {
  const fit = Math.min(width / ratio, height);
  const [w, h] = [fit * ratio, fit];
  return { left: (width - w) / 2, top: (height - h) / 2, width: w, height: h };
}
