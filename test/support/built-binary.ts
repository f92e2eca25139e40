import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** bin/potctl.js of a copy that every user can run: a checkout in the home of root nobody else can enter. */
    installed: string;
    /** What potctl remembers outside of repositories; every user may write there. */
    state: string;
  }
}

/** Builds dist/ once per run, so that the tests meet the code as it stands. */
export default function setup(project: TestProject): () => void {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  if (process.env['POTCTL_TEST_BUILT'] !== '1' && existsSync('commands/main.ts')) {
    execFileSync(process.execPath, ['.ci/build.mjs'], { cwd: root, stdio: 'inherit' });
  }
  const copy = mkdtempSync(path.join(os.tmpdir(), 'potctl-installed-'));
  for (const name of ['bin', 'dist', 'package.json', 'templates']) {
    cpSync(path.join(root, name), path.join(copy, name), { recursive: true });
  }
  chmodSync(copy, 0o755);
  const state = path.join(copy, 'state');
  mkdirSync(state);
  chmodSync(state, 0o1777);
  project.provide('installed', path.join(copy, 'bin/potctl.js'));
  project.provide('state', state);
  return () => rmSync(copy, { recursive: true, force: true });
}
