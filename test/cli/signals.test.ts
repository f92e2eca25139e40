import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildSampleCli, type SampleCli, type SampleOptions } from './sample-cli.js';

let cli: SampleCli;
beforeAll(async () => {
  cli = await buildSampleCli();
});
afterAll(() => cli.remove());

/** Sends the signals one after another, each once its text appeared on stderr. */
function when(...steps: readonly (readonly [text: RegExp, signal: NodeJS.Signals])[]): SampleOptions {
  const left = [...steps];
  return {
    onStderr(kill, seen) {
      const [next] = left;
      if (next === undefined || !next[0].test(seen)) return;
      left.shift();
      kill(next[1]);
    },
  };
}

const started = /"event":"phase"/;
const log = ['--log-format', 'json'];

describe('a command that gets a signal', () => {
  test('Ctrl-C: says so at once, stops safely and exits with 130', async () => {
    const { exitCode, stdout, stderr } = await cli.run(['thing', 'work', ...log], when([started, 'SIGINT']));
    expect(exitCode).toBe(130);
    expect(stdout).toBe('');
    expect(stderr).toContain('Stopping safely. Press Ctrl-C again to stop immediately.');
    expect(JSON.parse(stderr.trimEnd().split('\n').at(-1)!).error).toMatchObject({
      code: 'E_INTERRUPTED',
      changed: 'unknown',
    });
  });

  test('SIGTERM: exits with 143 and reports what the failed step changed', async () => {
    const { exitCode, stderr } = await cli.run(['thing', 'work', '--says', ...log], when([started, 'SIGTERM']));
    expect(exitCode).toBe(143);
    const { error } = JSON.parse(stderr.trimEnd().split('\n').at(-1)!);
    expect(error).toMatchObject({
      code: 'E_TERMINATED',
      changed: 'partial',
      changed_detail: 'half is there.',
      why: 'the tool was killed',
    });
  });

  test('says that nothing was changed if the change is atomic', async () => {
    const { exitCode, stderr } = await cli.run(['thing', 'save', ...log], when([started, 'SIGINT']));
    expect(exitCode).toBe(130);
    expect(JSON.parse(stderr.trimEnd().split('\n').at(-1)!).error).toMatchObject({ changed: 'nothing' });
  });

  test('a second signal stops it at once, even if it does not react', async () => {
    const begin = performance.now();
    const steps = when([started, 'SIGINT'], [/Stopping safely/, 'SIGINT']);
    const { exitCode, stderr } = await cli.run(['thing', 'work', '--deaf', '--for', '25s', ...log], steps);
    expect(exitCode).toBe(130);
    expect(stderr).toContain('Stopped immediately. Unfinished work is not listed');
    expect(performance.now() - begin).toBeLessThan(15_000);
  });

  test('finishes a step that cannot be interrupted first, and says so', async () => {
    const mark = path.join(cli.folder, 'held');
    const args = ['thing', 'work', '--held', '--for', '1s', '--mark', mark, ...log];
    const { exitCode, stderr } = await cli.run(args, when([started, 'SIGINT']));
    expect(stderr).toContain('This step cannot be interrupted; potctl stops right after it.');
    expect(exitCode).toBe(130);
    expect(existsSync(mark)).toBe(false);
  });

  test('--timeout: exits with 16', async () => {
    const { exitCode, stderr } = await cli.run(['thing', 'work', '--timeout', '1s', '-q']);
    expect(exitCode).toBe(16);
    expect(stderr).toContain('E_TIMEOUT');
  });
});

test('an unhandled rejection is reported as a bug and ends the command', async () => {
  const { exitCode, stderr } = await cli.run(['thing', 'show', '--fail', 'late']);
  expect(exitCode).toBe(1);
  expect(stderr).toContain('nobody waits for me');
  expect(stderr).toContain('E_BUG');
});

test('a command that stops without finishing is a failure, not a success', async () => {
  const { exitCode, stdout } = await cli.run(['thing', 'show', '--fail', 'hang']);
  expect(exitCode).toBe(1);
  expect(stdout).toBe('');
});
