import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** A program with potctl's command line and the sample commands. */
export interface SampleCli {
  readonly file: string;
  readonly folder: string;
  run(args: readonly string[], options?: SampleOptions): Promise<SampleRun>;
  remove(): Promise<void>;
}

export interface SampleOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Called at the first output on stderr, to send signals. */
  readonly onStderr?: (kill: (signal: NodeJS.Signals) => void, seen: string) => void;
}

export interface SampleRun {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Builds the program into its own folder; call `remove` at the end. */
export async function buildSampleCli(): Promise<SampleCli> {
  const folder = mkdtempSync(path.join(tmpdir(), 'potctl-sample-'));
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const file = path.join(folder, 'sample.mjs');
  await build({
    stdin: {
      contents: `import { main } from './commands/main.ts'; import { sampleCommands } from './test/support/sample-commands.ts';
        process.exitCode = await main(process.argv.slice(2), process, sampleCommands);`,
      resolveDir: root,
      loader: 'ts',
    },
    outfile: file,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    define: { POTCTL_VERSION: '"0.0.0-sample"' },
    logLevel: 'warning',
  });
  await symlink(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  return { file, folder, remove, run: (args, options) => runProgram(file, args, options) };
}

async function runProgram(file: string, args: readonly string[], options: SampleOptions = {}): Promise<SampleRun> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...options.env };
  const child = spawn(process.execPath, [file, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
  child.stdin.on('error', () => {}).end(options.stdin ?? '');
  let seen = '';
  child.stderr.on('data', (chunk) => {
    seen += chunk;
    options.onStderr?.((signal) => void child.kill(signal), seen);
  });
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.on('close', (exitCode, signal) => resolve([exitCode, signal]));
  });
  const [stdout, [exitCode, signal]] = await Promise.all([text(child.stdout), ended]);
  clearTimeout(timer);
  return { exitCode, signal, stdout, stderr: seen };
}
