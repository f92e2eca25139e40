import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { isErrno } from '../../src/kernel/errors.js';
import type { ProgressEvent } from '../../src/kernel/progress.js';
import { temporaryFolder } from './tree.js';

/** Root may mount; in a container perhaps not even root. */
export const canMount =
  process.geteuid?.() === 0 && spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

/** A file system of its own that can be filled to the last byte and emptied again. */
export interface SmallDisk {
  readonly disk: string;
  /** Leaves so many bytes free, in whole pages of 4 KiB; default none. */
  fill(left?: number): void;
  empty(): void;
}

/** Mounts one; it goes when the test ends. */
export async function smallDisk(mebibytes = 64): Promise<SmallDisk> {
  const disk = await temporaryFolder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', disk]);
  onTestFinished(() => void execFileSync('umount', ['--lazy', disk]));
  const ballast = path.join(disk, 'ballast');
  return {
    disk,
    fill(left = 0) {
      fill(ballast);
      fs.truncateSync(ballast, Math.max(0, fs.statSync(ballast).size - left));
    },
    empty: () => fs.rmSync(ballast, { force: true }),
  };
}

function fill(file: string): void {
  const handle = fs.openSync(file, 'a');
  try {
    for (;;) fs.writeSync(handle, Buffer.alloc(4096));
  } catch (error) {
    if (!isErrno(error, 'ENOSPC')) throw error;
  } finally {
    fs.closeSync(handle);
  }
}

/** Calls `work` when the `nth` phase of that name begins. */
export function atPhase(name: string, nth: number, work: () => void) {
  let seen = 0;
  return (event: ProgressEvent): void => {
    if (event.kind !== 'phase' || event.name !== name) return;
    seen += 1;
    if (seen === nth) work();
  };
}

/** Names of unfinished work, locks and temporary files below a folder. */
export const unfinished = (folder: string): string[] =>
  fs
    .readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => /\.partial|\.tmp$|potctl\.lock|scratch|\.potctl-restore-/.test(name));
