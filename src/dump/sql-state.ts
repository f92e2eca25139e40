/** Where a lexer stands in its script. */
export type Place = 'sql' | 'single' | 'escaped' | 'double' | 'tag' | 'dollar' | 'line' | 'block' | 'command' | 'rows';

/** What a lexer remembers between two bytes. */
export interface State {
  place: Place;
  /** The last two bytes of SQL outside of strings and comments. */
  previous: number;
  beforePrevious: number;
  text: string;
  short: string;
  word: string;
  words: string[];
  parentheses: number;
  /** BEGIN ATOMIC … END of a function's body. */
  blocks: number;
  tuples: number;
  hasValues: boolean;
  /** The kind of the last string, as long as another quote would continue it. */
  continues: 'single' | 'escaped' | null;
  skip: boolean;
  tag: string;
  candidate: string | null;
  depth: number;
  last: number;
  rowsFollow: boolean;
  rowHead: string;
  rowBytes: number;
  rowTabs: number;
  /** The row has a tab behind a backslash. */
  rowEscapes: boolean;
  lastOfRow: number;
}

const FRESH = {
  place: 'sql' as Place,
  previous: 10,
  beforePrevious: 10,
  text: '',
  short: '',
  word: '',
  parentheses: 0,
  blocks: 0,
  tuples: 0,
  hasValues: false,
  continues: null,
  skip: false,
  tag: '',
  candidate: null,
  depth: 0,
  last: 0,
  rowsFollow: false,
  rowHead: '',
  rowBytes: 0,
  rowTabs: 0,
  rowEscapes: false,
  lastOfRow: 0,
};

/** The beginning of a script. */
export const freshState = (): State => ({ ...FRESH, words: [] });

/** Letters, digits, the underscore, the dollar sign within a name, and everything beyond ASCII. */
export function isWordByte(byte: number): boolean {
  return (
    (byte >= 97 && byte <= 122) ||
    (byte >= 65 && byte <= 90) ||
    (byte >= 48 && byte <= 57) ||
    byte === 95 ||
    byte >= 128
  );
}
