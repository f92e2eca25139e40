import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { codesScreen } from '../../commands/mfa/shared/codes-screen.js';
import { showOnce } from '../../commands/ui/show-once.js';

/** A keyboard and a screen: what is typed before `showOnce` waits in the keyboard, as in a terminal's queue. */
function terminal(typedAhead = '') {
  let queue = typedAhead;
  const input = Object.assign(new EventEmitter(), {
    isRaw: false,
    setRawMode: (on: boolean) => Object.assign(input, { isRaw: on }),
    resume() {
      const keys = queue;
      queue = '';
      if (keys !== '') setTimeout(() => input.emit('data', keys), 5);
      return input;
    },
    pause: () => input,
  });
  let screen = '';
  const output = Object.assign(new EventEmitter(), {
    ...{ columns: 80, rows: 24 },
    write: (text: string) => {
      screen += text;
    },
  });
  const [pressed, reasons] = [new AbortController(), [] as unknown[]];
  const parts = {
    input: input as unknown as NodeJS.ReadStream,
    output: output as unknown as NodeJS.WriteStream,
    interrupts: { pressed: pressed.signal, abort: (reason: unknown) => void reasons.push(reason) },
    wipes: true,
  };
  return { parts, pressed, reasons, type: (keys: string) => void input.emit('data', keys), screen: () => screen };
}

const draw = () => codesScreen(['1111-2222', '3333-4444'], 'each one works once.');
/** After this what was typed ahead is gone, and the lines stand there. */
const DRAWN_MS = 400;

test('input typed before the screen opened is discarded, even the closing word', async () => {
  const { parts, type, screen } = terminal('saved\rsaved\r');
  const shown = showOnce(draw, parts);
  await sleep(DRAWN_MS);
  expect(screen()).toContain('1111-2222');
  expect(await Promise.race([shown, sleep(100, 'open')])).toBe('open');
  expect(screen()).not.toContain('! Type saved, then Enter.');
  type('\r\r q\r');
  expect(await Promise.race([shown, sleep(100, 'open')])).toBe('open');
  expect(screen()).toContain('! Type saved, then Enter.');
  type('\u007f\u007fsavv\u007fed\r');
  expect(await shown).toBe('saved');
});

test('after the time limit the screen is wiped and the caller knows it; "more" extends the time', async () => {
  const first = terminal();
  expect(await showOnce(draw, { ...first.parts, shownMs: 500 })).toBe('time');
  expect(first.screen().endsWith('\u001b[?1049l')).toBe(true);

  const second = terminal();
  const shown = showOnce(draw, { ...second.parts, shownMs: 2_500 });
  await sleep(DRAWN_MS + 1_500);
  second.type('more\r');
  expect(await Promise.race([shown, sleep(1_500, 'open')])).toBe('open');
  second.type('saved\r');
  expect(await shown).toBe('saved');
});

test('a signal closes the screen at once, even while the work must not be interrupted', async () => {
  const { parts, pressed } = terminal();
  const shown = showOnce(draw, parts);
  await sleep(DRAWN_MS);
  pressed.abort();
  expect(await shown).toBe('interrupted');
});

test('Ctrl-C and a closed terminal are interruptions', async () => {
  for (const end of [
    (t: ReturnType<typeof terminal>) => t.type('\u0003'),
    (t: ReturnType<typeof terminal>) =>
      void t.parts.input.emit('error', Object.assign(new Error('EIO'), { code: 'EIO' })),
  ]) {
    const shown = terminal();
    const closed = showOnce(draw, shown.parts);
    await sleep(DRAWN_MS);
    end(shown);
    expect(await closed).toBe('interrupted');
    expect(shown.reasons).toEqual([expect.objectContaining({ code: 'E_INTERRUPTED' })]);
  }
});

test('without an alternate screen the scrollback is cleared, too', async () => {
  const { parts, type, screen } = terminal();
  const shown = showOnce(draw, { ...parts, wipes: false });
  await sleep(DRAWN_MS);
  type('saved\r');
  await shown;
  expect(screen().endsWith('\u001b[?1049l\u001b[3J')).toBe(true);
});
