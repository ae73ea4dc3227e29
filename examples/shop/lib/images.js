'use strict';

// Thumbnails of PNG files, made in JavaScript.

const fs = require('node:fs');
const path = require('node:path');
const express = require('express');
const { PNG } = require('pngjs');

const router = express.Router();

/** Shrinks an image by averaging the pixels that fall on one pixel of the result. */
function shrink(source, width) {
  const height = Math.max(1, Math.round((source.height * width) / source.width));
  const target = new PNG({ width, height });
  for (let y = 0; y < height; y += 1) {
    const top = Math.floor((y * source.height) / height);
    const bottom = Math.max(top + 1, Math.floor(((y + 1) * source.height) / height));
    for (let x = 0; x < width; x += 1) {
      const left = Math.floor((x * source.width) / width);
      const right = Math.max(left + 1, Math.floor(((x + 1) * source.width) / width));
      const sum = [0, 0, 0, 0];
      for (let sy = top; sy < bottom; sy += 1) {
        for (let sx = left; sx < right; sx += 1) {
          const at = (sy * source.width + sx) * 4;
          for (let channel = 0; channel < 4; channel += 1) sum[channel] += source.data[at + channel];
        }
      }
      const pixels = (bottom - top) * (right - left);
      for (let channel = 0; channel < 4; channel += 1) {
        target.data[(y * width + x) * 4 + channel] = Math.round(sum[channel] / pixels);
      }
    }
  }
  return target;
}

router.get('/images/:name', (req, res, next) => {
  const width = Math.min(256, Math.max(16, Number(req.query.width ?? 96)));
  const file = path.join(req.app.get('images'), `${path.basename(req.params.name)}.png`);
  fs.readFile(file, (err, data) => {
    if (err) {
      next();
      return;
    }
    const thumbnail = shrink(PNG.sync.read(data), width);
    res.type('png').send(PNG.sync.write(thumbnail));
  });
});

module.exports = { router };
