import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/** What makes file-system calls fail, built for this machine. */
export interface Shim {
  readonly library: string;
}

/**
 * Compiles the preloaded library. Node's own calls are reached where Node and its C library are linked dynamically, as on every
 * distribution with glibc.
 *
 * @returns the reason in words where that cannot be done
 */
export function buildShim(source: string, folder: string): Shim | string {
  if (process.platform !== 'linux') return 'file-system calls are made to fail on Linux only';
  const library = path.join(folder, 'shim.so');
  try {
    execFileSync('cc', ['-O1', '-shared', '-fPIC', '-o', library, source, '-ldl'], { stdio: 'pipe' });
    fs.chmodSync(library, 0o755);
    return { library };
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    return `no C compiler builds what makes file-system calls fail: ${why}`;
  }
}
