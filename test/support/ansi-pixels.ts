import { PNG } from 'pngjs';

type Color = readonly [number, number, number];

/** What a terminal shows if no color is set. */
export interface Theme {
  readonly text: Color;
  readonly background: Color;
  /** Pixels of background between two lines, as fonts leave them. Default 0. */
  readonly lineGap?: number;
}

/** Pixels of half a cell: a cell is as wide as its half is high. */
const HALF = 4;
/** Cells around the text that show the theme. */
const MARGIN = 2;

const PALETTE: Readonly<Record<string, Color>> = { '16': [0, 0, 0], '231': [255, 255, 255] };

/** Draws lines as a terminal does: half blocks, SGR 38;5, 48;5, 39, 49 and 0. Anything else is an error, so that nothing is left to a theme unseen. */
export function pixelsOf(lines: readonly string[], theme: Theme): Buffer {
  const rows = lines.map((line) => cellsOf(line, theme));
  const columns = Math.max(...rows.map((cells) => cells.length)) + 2 * MARGIN;
  const lineHeight = 2 * HALF + (theme.lineGap ?? 0);
  const image = new PNG({ width: columns * HALF, height: (rows.length + 2 * MARGIN) * lineHeight });
  for (let y = 0; y < image.height; y += 1) {
    const [row, part] = [Math.floor(y / lineHeight) - MARGIN, Math.floor((y % lineHeight) / HALF)];
    for (let x = 0; x < image.width; x += 1) {
      const cell = rows[row]?.[Math.floor(x / HALF) - MARGIN];
      const color = cell?.[part] ?? theme.background;
      image.data.writeUInt32BE(
        ((color[0] << 24) | (color[1] << 16) | (color[2] << 8) | 255) >>> 0,
        (y * image.width + x) * 4,
      );
    }
  }
  return PNG.sync.write(image);
}

/** Upper half, lower half, and the gap below. */
type Cell = readonly [Color, Color, Color];

function cellsOf(line: string, theme: Theme): Cell[] {
  let { text, background } = theme;
  const cells: Cell[] = [];
  for (const [whole, codes] of line.matchAll(/\u001b\[([0-9;]*)m|[\s\S]/gu)) {
    if (codes === undefined) cells.push([...halvesOf(whole, text, background), background]);
    else if (/^0?$/.test(codes)) ({ text, background } = theme);
    else {
      for (const [code, ink, paper] of codes.matchAll(/38;5;(\d+)|48;5;(\d+)|\d+/g)) {
        if (ink !== undefined) text = chosen(ink, codes);
        else if (paper !== undefined) background = chosen(paper, codes);
        else if (code === '39') text = theme.text;
        else if (code === '49') background = theme.background;
        else throw new RangeError(`SGR ${codes} is not known`);
      }
    }
  }
  return cells;
}

function chosen(number: string, codes: string): Color {
  const color = PALETTE[number];
  if (color === undefined) throw new RangeError(`SGR ${codes} depends on the theme`);
  return color;
}

function halvesOf(character: string, text: Color, background: Color): [Color, Color] {
  const halves: Readonly<Record<string, [Color, Color]>> = {
    ' ': [background, background],
    '▀': [text, background],
    '▄': [background, text],
    '█': [text, text],
  };
  const found = halves[character];
  if (found === undefined) throw new RangeError(`'${character}' is no half block`);
  return found;
}
