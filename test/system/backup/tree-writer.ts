import type { Progress } from '../../../src/kernel/progress.js';

/**
 * A progress that does something to the tree while it is being read: `work` once every time `bytes` more have passed. It runs between two
 * pieces of the stream, so tar is somewhere in the middle of what it reads at that moment.
 */
export function whileReading(bytes: number, work: (time: number) => void): Progress {
  let times = 0;
  return (event) => {
    if (event.kind !== 'bytes') return;
    while (event.done >= bytes * (times + 1)) work(++times);
  };
}
