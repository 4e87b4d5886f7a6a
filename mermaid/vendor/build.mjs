// Builds parser.js.xz (Mermaid without anything that draws, for V8 without a browser) and mermaid.js.xz (all of it, for
// Chromium) beside this file, and LICENSES.md with the licence of every package inside. Needs Node ≥ 18 and xz.
//   npm install && node build.mjs
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
// What the parsers never call: layout, drawing, mathematics.
const unused = [
  'elkjs', 'elkjs/lib/elk.bundled.js', 'cytoscape', 'cytoscape-fcose', 'cytoscape-cose-bilkent', 'katex', 'roughjs',
  'layout-base', 'cose-base', '@upsetjs/venn.js', '@iconify/utils', 'stylis',
];
// Mermaid copies its whole configuration, some 900 settings, whenever a parser asks for one of them and several times
// before and after: nine tenths of the time of a parse. Parsers only read it, so what they get here is the original,
// and a copy into an empty object is made by plain assignments.
const COPY = 'return assignWithDepth_default({}, currentConfig);';
const MERGE = 'if (src !== void 0 && src !== null && typeof dst === "object" && typeof src === "object") {';
const PLAINLY = `${MERGE}
  if (Object.getPrototypeOf(dst) === Object.prototype && !Object.keys(dst).length && !Object.hasOwn(src, "__proto__")) {
    for (const key of Object.keys(src)) {
      const value = src[key];
      if (typeof value !== "object") dst[key] = value;
      else if (value) dst[key] = assignWithDepth(Array.isArray(value) ? [] : {}, value, { depth: depth - 1 });
    }
    return dst;
  }`;
let mended = 0;
const cheapConfig = {
  name: 'cheap-config',
  setup(hooks) {
    hooks.onLoad({ filter: /mermaid\.core\/chunk-.*\.mjs$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      for (const part of [COPY, MERGE]) mended += text.split(part).length - 1;
      return { contents: text.replace(COPY, 'return currentConfig;').replace(MERGE, PLAINLY), loader: 'js' };
    });
  },
};
const aliases = Object.fromEntries(unused.map((name) => [name, './stub.cjs']));
const bundles = {
  'parser.js': { alias: { ...aliases, dompurify: './dompurify.cjs' }, plugins: [cheapConfig] },
  'mermaid.js': {},
};
const packages = new Map();
for (const [name, extra] of Object.entries(bundles)) {
  const result = await build({
    absWorkingDir: here, entryPoints: ['entry.mjs'], bundle: true, minify: true, format: 'iife', target: 'es2022',
    logLevel: 'warning', charset: 'utf8', outfile: name, metafile: true, ...extra,
  });
  for (const input of Object.keys(result.metafile.outputs[name].inputs)) {
    const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match) packages.set(match[1], JSON.parse(readFileSync(join(here, match[1], 'package.json'), 'utf8')));
  }
  rmSync(join(here, `${name}.xz`), { force: true });
  execFileSync('xz', ['-9e', name], { cwd: here });
}
if (mended !== 2) throw new Error(`${mended} of the 2 places where the configuration is copied were found`);
let notices = '# Licences of the packages inside parser.js.xz and mermaid.js.xz\n\nBuilt by `build.mjs` from the '
  + 'published npm packages, unchanged but for the two places of Mermaid in parser.js that `build.mjs` tells of. The '
  + 'source of each is at the address given (elkjs, EPL-2.0, included).\n';
for (const [folder, info] of [...packages].sort((a, b) => a[1].name.localeCompare(b[1].name))) {
  const file = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license', 'LICENCE', 'license.md'].map((f) => join(here, folder, f)).find(existsSync);
  const url = typeof info.repository === 'string' ? info.repository : info.repository?.url ?? info.homepage ?? '';
  notices += `\n## ${info.name} ${info.version}, ${info.license ?? 'see below'}\n\n${url}\n`;
  // The whole text of the EPL is at https://www.eclipse.org/legal/epl-2.0/; the others are short.
  if (file && !/^EPL/.test(info.license ?? '')) notices += `\n\`\`\`\n${readFileSync(file, 'utf8').trim()}\n\`\`\`\n`;
  if (/^EPL/.test(info.license ?? '')) notices += '\nText: https://www.eclipse.org/legal/epl-2.0/\n';
}
writeFileSync(join(here, 'LICENSES.md'), notices);
