import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { POTCTL } from '../support/run-cli.js';
import { buildSampleCli, type SampleCli } from './sample-cli.js';

let cli: SampleCli;
beforeAll(async () => {
  cli = await buildSampleCli();
});
afterAll(() => cli.remove());

/** A line of bash in which `$potctl` is the program with sample commands, and `$built` the real one. */
function bash(line: string): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const [potctl, built] = [`${process.execPath} ${cli.file}`, `${process.execPath} ${POTCTL}`];
  const env = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', potctl, built };
  return new Promise((resolve) => {
    execFile('bash', ['-c', line], { env, maxBuffer: 64 << 20 }, (_error, stdout, stderr) =>
      resolve({ stdout, stderr }),
    );
  });
}

describe('pipes', () => {
  test('3 MB arrive complete', async () => {
    const { stdout } = await bash('$potctl thing list --rows 40000 --limit 0 --json | cat');
    expect(stdout.length).toBeGreaterThan(3_000_000);
    expect(JSON.parse(stdout).items).toHaveLength(40_000);
    const slow = await bash('$potctl thing list --rows 50000 --limit 0 | (sleep 0.5; wc -l)');
    expect(slow.stdout.trim()).toBe('50000');
  });

  test.each(['table', 'plain', 'csv', 'ndjson', 'json'])(
    'a list piped into head ends with status 141 and no stack (%s)',
    async (format) => {
      const { stdout, stderr } = await bash(
        `$potctl thing list --rows 50000 --limit 0 -o ${format} | head -c 20 >/dev/null; echo "status \${PIPESTATUS[0]}"`,
      );
      expect(stderr).toBe('');
      expect(stdout).toBe('status 141\n');
    },
  );

  test('a change piped into head completes and keeps its own status', async () => {
    const mark = path.join(cli.folder, 'written');
    const { stdout, stderr } = await bash(
      `$potctl thing work --for 0s --lines 50000 --mark ${mark} -q | head -1 >/dev/null; echo "status \${PIPESTATUS[0]}"`,
    );
    expect(stdout).toBe('status 0\n');
    expect(stderr).toBe('Warning: one thing was odd\n');
    expect(readFileSync(mark, 'utf8')).toBe('done');
  });

  test('a change completes even if nobody reads stderr', async () => {
    const mark = path.join(cli.folder, 'unheard');
    const { stdout } = await bash(
      `{ sleep 0.2; $potctl thing work --for 0s --mark ${mark}; echo "status $?"; } 2> >(exec true)`,
    );
    expect(stdout).toContain('status 0\n');
    expect(existsSync(mark)).toBe(true);
  });

  test.runIf(existsSync('/dev/full'))('output that cannot be written is a failure', async () => {
    const { stdout, stderr } = await bash('$potctl thing list >/dev/full; echo "status $?"');
    expect(stdout).toBe('status 17\n');
    expect(stderr).toContain('could not write the output');
  });
});

describe('the runtime keeps quiet', () => {
  test('stderr is empty, also with both NO_COLOR and FORCE_COLOR set', async () => {
    const { stdout, stderr } = await bash(
      '$potctl thing list --rows 2; export NO_COLOR=1 FORCE_COLOR=1; $built --version; $built explain E_LOCKED',
    );
    expect(stderr).toBe('');
    expect(stdout.split('\n')[2]).toMatch(/^potctl \d/);
    expect(stdout).toContain('E_LOCKED  exit 11');
  });
});
