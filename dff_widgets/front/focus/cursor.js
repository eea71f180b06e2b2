// The brush's ring and the polygon in the making, drawn over everything, in screen pixels.

/**
 * @typedef {import("./view.js").View} View
 * @typedef {import("./painter.js").Painter} Painter
 */

/** A line that shows on any photo. @param {CanvasRenderingContext2D} context @param {number[]} dash */
function twice(context, dash = []) {
  context.setLineDash(dash);
  for (const [color, width] of /** @type {[string, number][]} */ ([
    ["#000b", 3],
    ["#fff", 1.25],
  ])) {
    [context.strokeStyle, context.lineWidth] = [color, width];
    context.stroke();
  }
  context.setLineDash([]);
}

/** @param {CanvasRenderingContext2D} context @param {View} view @param {Painter} painter @param {string} color of the part */
export function drawCorners(context, view, { corners, pointer }, color) {
  context.beginPath();
  for (const point of pointer ? [...corners, pointer] : corners) context.lineTo(...view.toScreen(point));
  twice(context);
  context.beginPath();
  corners
    .map((point) => view.toScreen(point))
    .forEach(([x, y], n) => {
      const radius = n ? 3 : 5;
      context.moveTo(x + radius, y);
      context.arc(x, y, radius, 0, 7);
    });
  context.fillStyle = color;
  context.fill();
  twice(context);
}

/** @param {CanvasRenderingContext2D} context @param {View} view @param {Painter} painter @param {number} radius in image pixels */
export function drawRing(context, view, painter, radius) {
  if (!painter.pointer) return;
  context.beginPath();
  context.arc(...view.toScreen(painter.pointer), Math.max(radius * view.scale, 1), 0, 7);
  twice(context, painter.erasing() ? [4, 4] : []);
}
