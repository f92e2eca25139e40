// Bundles the command line into dist/: one entry, commands and heavy packages in chunks that load when they are needed.
import { readFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { build } from 'esbuild';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const building = `dist.building-${process.pid}`;

await build({
  entryPoints: { main: 'commands/main.ts', index: 'src/index.ts' },
  outdir: building,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  minifySyntax: true,
  legalComments: 'none',
  external: ['pg-native', 'pg-cloudflare'],
  define: {
    POTCTL_VERSION: JSON.stringify(version),
    // pg asks for it to find out whether it runs at Cloudflare; only naming it makes Node load its whole fetch, which nobody here uses.
    Response: 'undefined',
  },
  // CommonJS packages (pg, commander, cli-table3) ask for Node's modules with require.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
await rm('dist', { recursive: true, force: true });
await rename(building, 'dist');
