import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Builds dist/ once per run, so that the tests meet the code as it stands. */
export default function setup(): void {
  if (process.env['POTCTL_TEST_BUILT'] === '1' || !existsSync('commands/main.ts')) return;
  execFileSync(process.execPath, ['.ci/build.mjs'], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: 'inherit',
  });
}
