import { flag, median, say, timed } from './measure.js';

const COMMANDS = [['--version'], ['--help'], ['backup', '--help'], ['explain', 'E_LOCKED']];

/** Cold start: every round runs `node -e 0` and each command in turn, so that a busy moment hits all of them. */
export async function main(args: readonly string[]): Promise<number> {
  const rounds = Number(flag(args, 'rounds') ?? 21);
  // With this variable each Node process reads a certificate file first: 80 ms that belong to nobody.
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const lines = [['-e', '0'], ...COMMANDS.map((command) => ['bin/potctl.js', ...command])];
  const times: number[][] = lines.map(() => []);
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, line] of lines.entries()) {
      const { wallMs, exitCode, stderr } = await timed(process.execPath, line, { env });
      if (exitCode !== 0) throw new Error(`${line.join(' ')} ended with ${exitCode}: ${stderr}`);
      if (round > 0) times[index]?.push(wallMs);
    }
  }
  const [bare = 0, ...ours] = times.map(median);
  say(`node -e 0              ${bare.toFixed(0)} ms (median of ${rounds}, Node ${process.version})`);
  for (const [index, ms] of ours.entries()) {
    const name = `potctl ${COMMANDS[index]?.join(' ')}`;
    say(`${name.padEnd(22)} ${ms.toFixed(0)} ms = +${(ms - bare).toFixed(0)} ms`);
  }
  return 0;
}
