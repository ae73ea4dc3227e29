'use strict';

// Writes the pages and pictures of the example; the same bytes at every run.

const fs = require('node:fs');
const path = require('node:path');
const { PNG } = require('pngjs');

let seed = 42;
const random = () => {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
  return seed / 2_147_483_648;
};
const WORDS = ('stage handler message state owner replica request answer socket timer cache session counter memory ' +
  'program machine thread queue latency throughput pipeline trace plan proof').split(' ');
const words = (count) => Array.from({ length: count }, () => WORDS[Math.floor(random() * WORDS.length)]).join(' ');

function page(sections) {
  let text = `# ${words(3)}\n\n${words(40)}.\n\n`;
  for (let i = 1; i <= sections; i += 1) {
    text += `## ${i}. ${words(3)}\n\n${words(60)} **${words(2)}** and *${words(2)}*, see [${words(1)}](/pages/${words(1)}).\n\n`;
    text += `* ${words(6)}\n* ${words(7)}\n* \`${words(1)}\`\n\n| ${words(1)} | ${words(1)} |\n| --- | --- |\n| ${words(2)} | ${Math.floor(random() * 1000)} |\n\n`;
    text += `\`\`\`js\nfunction ${words(1)}${i}(value) {\n  return value.map((item) => item * ${i});\n}\n\`\`\`\n\n`;
  }
  return text;
}

const content = path.join(__dirname, 'content');
fs.mkdirSync(content, { recursive: true });
for (const [name, sections] of [['about', 4], ['guide', 20], ['manual', 60]]) {
  fs.writeFileSync(path.join(content, `${name}.md`), page(sections));
}

const image = new PNG({ width: 320, height: 240 });
for (let y = 0; y < image.height; y += 1) {
  for (let x = 0; x < image.width; x += 1) {
    const at = (y * image.width + x) * 4;
    image.data[at] = (x * 255) / image.width;
    image.data[at + 1] = (y * 255) / image.height;
    image.data[at + 2] = ((x ^ y) & 63) * 4;
    image.data[at + 3] = 255;
  }
}
fs.mkdirSync(path.join(__dirname, 'images'), { recursive: true });
fs.writeFileSync(path.join(__dirname, 'images', 'photo.png'), PNG.sync.write(image));
