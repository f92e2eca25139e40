import { gridLines } from './columns.js';
import { bare, type Draw, paint } from './paint.js';
import type { Formats, View } from './view.js';
import { displayWidth } from './visible.js';

/** Where the lines of a view go. */
export interface ViewTarget {
  /** The result. */
  data(line: string): void;
  /** Hints beside it, on stderr. */
  note(line: string): void;
  readonly again: View['again'];
  readonly spelled: View['spelled'];
  readonly draw: Draw;
  readonly width: number;
}

/** A view whose lines appear at once; control characters from data are made visible, colours are drawn where the target has them. */
export function createView(target: ViewTarget, formats: Formats): View {
  const line = (text = ''): void => target.data(target.draw(text));
  return {
    ...formats,
    width: target.width,
    again: target.again,
    spelled: target.spelled,
    paint,
    line,
    note: (text) => target.note(target.spelled(text)),
    heading: (text) => line(paint('strong', text)),
    fields(pairs) {
      const widest = Math.max(0, ...pairs.map(([label]) => displayWidth(label)));
      for (const [label, value] of pairs) line(`  ${label}${' '.repeat(widest - displayWidth(label))}  ${value}`);
    },
    table(header, rows) {
      for (const drawn of tableLines(header, rows, target.draw)) target.data(drawn);
    },
  };
}

/** Cells may be painted: the colours are put in after the widths were measured without them. */
function tableLines(header: readonly string[], rows: readonly (readonly string[])[], draw: Draw): string[] {
  const all = [header, ...rows];
  const measured = all.map((row) => header.map((_, at) => bare(row[at] ?? '').trim()));
  const right = header.map((_, at) => rows.length > 0 && measured.slice(1).every((row) => isAmount(row[at]!)));
  const align = right.map((isRight) => (isRight ? ('right' as const) : ('left' as const)));
  const lines = gridLines({ header: measured[0]!, rows: measured.slice(1), align });
  return lines.map((drawn, row) => colored(drawn, all[row]!, measured[row]!, draw));
}

function colored(drawn: string, cells: readonly string[], measured: readonly string[], draw: Draw): string {
  let rest = drawn;
  let line = '';
  measured.forEach((plain, at) => {
    if (plain === '') return;
    const start = rest.indexOf(plain);
    line += rest.slice(0, start) + draw(cells[at]!);
    rest = rest.slice(start + plain.length);
  });
  return line + rest;
}

function isAmount(cell: string): boolean {
  return cell === '' || cell === '–' || /^[+-]?\d[\d ]*(\.\d+)?( ?([KMGTP]i)?B|%)?$/.test(cell);
}
