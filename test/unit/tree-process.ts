import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

/** The swap engine as one file that a separate process can import, also as another user. */
export async function bundleTree(folder: string): Promise<string> {
  const file = path.join(folder, 'tree.mjs');
  await build({
    entryPoints: ['src/runs/tree/tree.ts'],
    outfile: file,
    bundle: true,
    format: 'esm',
    platform: 'node',
    logLevel: 'error',
    banner: { js: "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);" },
  });
  fs.chmodSync(file, 0o644);
  return file;
}

/** A script that has every function of the engine in `tree`. */
const script = (bundle: string, body: string): string => `import * as tree from '${bundle}';\n${body}`;

export function startTreeProcess(bundle: string, body: string): ChildProcess {
  return spawn(process.execPath, ['--input-type=module', '-e', script(bundle, body)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** Runs it to the end. `wrap` is put before the command line, e.g. `unshare -m`. */
export function runTreeProcess(
  bundle: string,
  body: string,
  { wrap = [], uid }: { readonly wrap?: readonly string[]; readonly uid?: number } = {},
): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const [file = '', ...args] = [...wrap, process.execPath, '--input-type=module', '-e', script(bundle, body)];
  const identity = uid === undefined ? {} : { uid, gid: uid };
  return spawnSync(file, args, { encoding: 'utf8', cwd: '/', ...identity });
}
