import { randomUUID } from 'node:crypto';
import type { ChalkInstance } from 'chalk';
import { cut, displayWidth, visible, wrapWords } from './visible.js';

export type Style = 'good' | 'warn' | 'bad' | 'dim' | 'strong' | 'production' | 'staging';

/** Turns painted text into what a stream gets: our marks become colors, control characters are escaped. */
export type Draw = (text: string) => string;

/** Our marks carry a secret of this process, so that data cannot forge marks or colors. */
let secret: string | undefined;
const nonce = (): string => {
  secret ??= randomUUID();
  return secret;
};

/** Marks `text` to be drawn in `style` on a stream with colors. */
export function paint(style: Style, text: string): string {
  return `\u0001${nonce()}${style};${text}\u0002${nonce()}`;
}

/** Creates what draws painted text. Loads chalk only if the stream has colors. */
export async function createDraw(color: boolean): Promise<Draw> {
  const styles = color ? stylesOf(new (await import('chalk')).Chalk({ level: 1 })) : undefined;
  return (text) => drawMarks(text, (style, inner) => styles?.[style](inner) ?? inner);
}

/** Removes our marks and escapes control characters: for logs and for measuring. */
export const bare: Draw = (text) => drawMarks(text, (_style, inner) => inner);

/** Escapes control characters and keeps our marks. In an escaped cell, a line break can only be ours. */
export const escaped: Draw = (text) => drawMarks(text, paint);

/** Breaks painted text between words, like {@link wrapWords}. Each line carries its own marks. */
export function wrapPainted(text: string, width: number, indent = ''): string[] {
  if (secret === undefined || !text.includes(secret)) return wrapWords(text, width, displayWidth, indent);
  const [begin, end] = [new RegExp(`\\u0001${secret}[a-z]+;`, 'g'), `\u0002${secret}`];
  const widthOf = (part: string): number => displayWidth(part.replace(begin, '').replaceAll(end, ''));
  let open = '';
  return wrapWords(text, width, widthOf, indent).map((line) => {
    const whole = open + line;
    const last = [...whole.matchAll(begin)].at(-1);
    open = last !== undefined && whole.indexOf(end, last.index) < 0 ? last[0] : '';
    return open === '' ? whole : whole + end;
  });
}

/** Truncates painted text to `width` columns, the last of them `…`. Text that is painted as a whole stays so. */
export function cutPainted(text: string, width: number): string {
  const plain = bare(text);
  if (displayWidth(plain) <= width) return text;
  if (secret === undefined || !text.includes(secret)) return cut(text, width);
  const style = new RegExp(`^\\u0001${secret}([a-z]+);[^\\u0001]*\\u0002${secret}$`, 's').exec(text)?.[1];
  return style === undefined ? cut(plain, width) : paint(style as Style, cut(plain, width));
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
