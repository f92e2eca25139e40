import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const MEMORY = '/dev/shm';
/** A run with two workers holds a tenth of it. */
const ROOM_BYTES = 4 * 2 ** 30;

/**
 * Puts the temporary folders of the run into memory, clusters and all, where there is room: a test waits for no disk when potctl makes
 * its work durable. A TMPDIR of the caller stays. The workers inherit it.
 */
export default function setup(): void {
  if (process.env['TMPDIR'] !== undefined || !hasRoom()) return;
  const folder = fs.mkdtempSync(path.join(MEMORY, 'potctl-'));
  process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  if (!runsPrograms(folder)) return;
  // As in /tmp, everybody may write here.
  fs.chmodSync(folder, 0o1777);
  process.env['TMPDIR'] = folder;
}

function hasRoom(): boolean {
  try {
    const { bavail, bsize } = fs.statfsSync(MEMORY);
    fs.accessSync(MEMORY, fs.constants.W_OK);
    return bavail * bsize > ROOM_BYTES && os.freemem() > ROOM_BYTES;
  } catch {
    return false;
  }
}

/** Some mount it without. */
function runsPrograms(folder: string): boolean {
  const program = path.join(folder, 'program');
  fs.writeFileSync(program, '#!/bin/sh\n', { mode: 0o755 });
  const { status } = spawnSync(program);
  fs.rmSync(program);
  return status === 0;
}
