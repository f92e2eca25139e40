import type { Grid } from './grid.js';
import { wrapGrid } from './grid.js';
import { bare, type Draw, escaped, paint } from './paint.js';
import { wrapProse } from './prose.js';
import { tableLines } from './table.js';
import type { Formats, View } from './view.js';

/** Where the lines of a view go. */
export interface ViewTarget {
  /** The result. */
  data(line: string): void;
  /** Hints, on stderr. */
  note(line: string): void;
  readonly again: View['again'];
  readonly spelled: View['spelled'];
  readonly draw: Draw;
  readonly width: number;
  /** Columns at which lines, tables and fields wrap. undefined = not a terminal: nothing is wrapped. */
  readonly wrapAt?: number | undefined;
}

/** A view that says when everything was written. */
export interface Screen extends View {
  readonly draw: Draw;
  /** Resolves when everything is written. The first table waits until cli-table3 is loaded. */
  written(): Promise<void>;
}

/**
 * Creates a view. It writes lines at once and in order, escapes control characters in data, and draws colors if the target has them.
 */
export function createView(target: ViewTarget, formats: Formats): Screen {
  const { again, spelled, draw, width, wrapAt } = target;
  const { write, written } = inOrder();
  const emit = (lines: readonly string[]): void => {
    for (const one of lines) target.data(draw(one));
  };
  const raw = (text: string): void => write(() => emit([text]));
  const line = (text = ''): void => write(() => emit(wrapProse(text, wrapAt)));
  const grid = (cells: Grid, longWords: 'whole' | 'cut'): void =>
    write(() => {
      const lines = tableLines(wrapAt === undefined ? cells : wrapGrid(cells, wrapAt, longWords));
      return Array.isArray(lines) ? emit(lines) : lines.then(emit);
    });
  return {
    ...formats,
    ...{ width, again, spelled, draw, paint, line, raw, written },
    note: (text) => write(() => target.note(spelled(text))),
    heading: (text) => line(paint('strong', text)),
    fields: (pairs) => grid(fieldsGrid(pairs), 'whole'),
    table: (header, rows) => grid(tableGrid(header, rows), 'cut'),
  };
}

function fieldsGrid(pairs: readonly (readonly [label: string, value: string])[]): Grid {
  return {
    header: null,
    rows: pairs.map(([label, value]) => [`  ${escaped(label)}`, escaped(value)]),
    align: ['left', 'left'],
  };
}

/** Aligns columns of amounts to the right. */
function tableGrid(header: readonly string[], rows: readonly (readonly string[])[]): Grid {
  const isRight = header.map((_, at) => rows.length > 0 && rows.every((row) => isAmount(bare(row[at] ?? '').trim())));
  return {
    header: header.map((name) => paint('dim', name)),
    rows: rows.map((row) => header.map((_, at) => escaped(row[at] ?? ''))),
    align: isRight.map((right) => (right ? 'right' : 'left')),
  };
}

function isAmount(cell: string): boolean {
  return cell === '' || cell === '–' || /^[+-]?\d[\d,]*(\.\d+)?( ?([KMGTP]i)?B|%)?$/.test(cell);
}

/** Runs work at once, or after earlier work that has not finished. */
function inOrder(): { write(work: () => void | Promise<void>): void; written(): Promise<void> } {
  let pending: Promise<void> | undefined;
  const track = (work: Promise<void>): void => {
    const mine = work.then(() => {
      if (pending === mine) pending = undefined;
    });
    pending = mine;
  };
  return {
    write(work) {
      const started = pending === undefined ? work() : pending.then(work);
      if (started !== undefined) track(started);
    },
    written: () => pending ?? Promise.resolve(),
  };
}
