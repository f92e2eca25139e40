import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Command lines of running processes that mention `folder`, or work in it. */
export function processesAbout(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(
      (pid) =>
        `${read(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'))} in ${read(() => readlinkSync(`/proc/${pid}/cwd`))}`,
    )
    .filter((line) => line.includes(folder))
    .map((line) => line.replaceAll('\0', ' '));
}

/** Waits until no process is about `folder` any more, at most `forMs`; returns those that are left. */
export async function processesLeft(folder: string, forMs = 10_000): Promise<string[]> {
  const until = performance.now() + forMs;
  while (processesAbout(folder).length > 0 && performance.now() < until) await sleep(50);
  return processesAbout(folder);
}

/** A process may end while it is looked at. */
function read(look: () => string): string {
  try {
    return look();
  } catch {
    return '';
  }
}
