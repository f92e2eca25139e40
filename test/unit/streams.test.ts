import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { createOutputs, flushed, screenSize } from '../../commands/cli/run/streams.js';
import { createProgress } from '../../commands/ui/progress.js';
import { adviceText } from '../support/advice.js';

/** A terminal that takes nothing until `open` is called; `taken` has what it took, in the order of both streams. */
function heldTerminal(taken: string[]) {
  let release: (() => void)[] = [];
  let isOpen = false;
  const stream = new Writable({
    decodeStrings: false,
    write(text, _encoding, done) {
      const take = (): void => {
        if (text !== '') taken.push(String(text));
        done();
      };
      if (isOpen) take();
      else release.push(take);
    },
  });
  const open = (): void => {
    isOpen = true;
    for (const take of release.splice(0)) take();
    release = [];
  };
  return { stream: Object.assign(stream, { isTTY: true, columns: 80, rows: 24 }), open };
}

test('an unusable terminal size is treated as 80 × 24', () => {
  for (const columns of [0, 1, 5, Number.NaN, -1, undefined]) {
    const size = screenSize({ ...(columns === undefined ? {} : { columns }), rows: 0 });
    expect(size).toEqual({ columns: 80, rows: 24 });
  }
  expect(screenSize({ columns: 6, rows: 2 })).toEqual({ columns: 6, rows: 2 });
});

test('lines of stdout and stderr keep their order on a slow terminal', async () => {
  const taken: string[] = [];
  const [first, second] = [heldTerminal(taken), heldTerminal(taken)];
  const { output, errors } = createOutputs(first.stream, second.stream);
  output.write('1');
  errors.write('2');
  output.write('3');
  errors.write('4');
  second.open();
  first.open();
  await flushed([output, errors], Number.POSITIVE_INFINITY);
  expect(taken).toEqual(['1', '2', '3', '4']);
});

test('waiting for a blocked terminal ends after a timeout', async () => {
  const { stream } = heldTerminal([]);
  const { output, errors } = createOutputs(stream, heldTerminal([]).stream);
  output.write('unseen');
  expect(output.isIdle()).toBe(false);
  expect(await flushed([output, errors], 50)).toBe(false);
});

test('a closed terminal breaks nothing: EIO is recorded, not thrown', async () => {
  const gone = Object.assign(
    new Writable({ write: (_text, _encoding, done) => done(Object.assign(new Error('EIO'), { code: 'EIO' })) }),
    { isTTY: true, columns: 80, rows: 24 },
  );
  const { output, errors } = createOutputs(gone, heldTerminal([]).stream);
  output.write('lost');
  await output.flush();
  output.write('lost as well');
  expect(output.failure()?.code).toBe('EIO');
  expect(errors.failure()).toBeUndefined();
});

test('a failing progress display does not stop the work or lose a warning', () => {
  const broken = (): never => {
    throw new Error('the screen is on fire');
  };
  const diagnostics = {
    format: 'text',
    ...{ say: broken, note: broken, warn: broken, event: broken, object: broken },
    ...{ debug: () => {}, draw: (text: string) => text },
  } as const;
  const terminal = { columns: 80, write: broken, isIdle: () => true };
  const { report, warnings } = createProgress({
    diagnostics,
    quiet: false,
    terminal,
    spelled: adviceText,
    monotonicMs: () => 0,
  });
  report({ kind: 'phase', name: 'work' });
  report({ kind: 'warning', text: 'one thing was odd' });
  report({ kind: 'done', name: 'work', facts: {} });
  expect(warnings).toEqual(['one thing was odd']);
});
