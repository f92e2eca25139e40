import { randomUUID } from 'node:crypto';
import type { ChalkInstance } from 'chalk';
import { displayWidth, visible, wrapWords } from './visible.js';

export type Style = 'good' | 'warn' | 'bad' | 'dim' | 'strong' | 'production' | 'staging';

/** Turns marked text into what a stream gets: colours from our marks, everything else made visible. */
export type Draw = (text: string) => string;

/** Our marks carry a secret of this process, so that data cannot bring marks, or colours, of its own. */
let secret: string | undefined;
const nonce = (): string => {
  secret ??= randomUUID();
  return secret;
};

/** Marks `text` to be drawn in `style`, where the stream has colours. */
export function paint(style: Style, text: string): string {
  return `\u0001${nonce()}${style};${text}\u0002${nonce()}`;
}

/** Loads what draws: chalk only where there are colours. */
export async function createDraw(color: boolean): Promise<Draw> {
  const styles = color ? stylesOf(new (await import('chalk')).Chalk({ level: 1 })) : undefined;
  return (text) => drawMarks(text, (style, inner) => styles?.[style](inner) ?? inner);
}

/** The text without marks, made visible: for logs and for measuring. */
export const bare: Draw = (text) => drawMarks(text, (_style, inner) => inner);

/** The text with everything but our marks made visible: for cells, in which a line break is ours from then on. */
export const escaped: Draw = (text) => drawMarks(text, paint);

/** Breaks painted text between words into lines of at most `width` columns; each line is painted by itself. */
export function wrapPainted(text: string, width: number): string[] {
  if (secret === undefined || !text.includes(secret)) return wrapWords(text, width);
  const [begin, end] = [new RegExp(`\\u0001${secret}[a-z]+;`, 'g'), `\u0002${secret}`];
  const widthOf = (part: string): number => displayWidth(part.replace(begin, '').replaceAll(end, ''));
  let open = '';
  return wrapWords(text, width, widthOf).map((line) => {
    const whole = open + line;
    const last = [...whole.matchAll(begin)].at(-1);
    open = last !== undefined && whole.indexOf(end, last.index) < 0 ? last[0] : '';
    return open === '' ? whole : whole + end;
  });
}

function drawMarks(text: string, style: (name: Style, inner: string) => string): string {
  if (secret === undefined || !text.includes(secret)) return visible(text);
  let drawn = '';
  let end = 0;
  for (const match of text.matchAll(new RegExp(`\\u0001${secret}([a-z]+);(.*?)\\u0002${secret}`, 'gs'))) {
    drawn += visible(text.slice(end, match.index)) + style(match[1] as Style, visible(match[2]!));
    end = match.index + match[0].length;
  }
  return drawn + visible(text.slice(end));
}

function stylesOf(chalk: ChalkInstance): Record<Style, (text: string) => string> {
  return {
    good: chalk.green,
    warn: chalk.yellow,
    bad: chalk.red,
    dim: chalk.dim,
    strong: chalk.bold,
    production: chalk.whiteBright.bgRed.bold,
    staging: chalk.black.bgYellow,
  };
}
