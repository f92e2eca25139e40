// npm run bench -- NAME [flags]: builds potctl, then runs test/bench/NAME.ts. Prints ratios; ends badly only where a promise was broken, never on time.
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const here = path.dirname(fileURLToPath(import.meta.url));
const NAMES = ['backup', 'start', 'kill', 'faults', 'mfa', 'mutants'];
const [name = '', ...args] = process.argv.slice(2);

if (!NAMES.includes(name)) {
  process.stderr.write(`usage: npm run bench -- ${NAMES.join('|')} [flags]\n`);
  process.exitCode = 2;
} else {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'potctl-bench-'));
  try {
    process.chdir(path.join(here, '../..'));
    if (existsSync('commands/main.ts')) await import(pathToFileURL(path.resolve('.ci/build.mjs')).href);
    const outfile = path.join(folder, `${name}.mjs`);
    await build({
      entryPoints: [path.join(here, `${name}.ts`)],
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      external: ['pg-native', 'pg-cloudflare'],
      banner: { js: "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);" },
      logLevel: 'error',
    });
    const { main } = await import(pathToFileURL(outfile).href);
    process.exitCode = await main(args);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
