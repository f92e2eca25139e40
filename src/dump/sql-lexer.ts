const TEXT_LIMIT = 64 << 10;
const SHORT_LIMIT = 400;
const TAB = 9;
const [LF, QUOTE, DOUBLE, BACKSLASH, DOLLAR, SEMICOLON] = [10, 39, 34, 92, 36, 59];
const [OPEN, CLOSE, DASH, SLASH, STAR, UNDERSCORE] = [40, 41, 45, 47, 42, 95];

/**
 * Creates a lexer that understands strings, quoted names, dollar quotes, nested comments, function bodies and the rows of COPY, with
 * standard_conforming_strings on.
 */
export function createSqlLexer(listener: SqlListener): SqlLexer {
  const state = freshState();
  return {
    push(chunk) {
      const runs: Buffer[] = [];
      let from = state.place === 'command' ? -1 : 0;
      for (let at = 0; at < chunk.length; ) {
        if (state.place === 'rows') {
          at = takeRows(state, listener, chunk, at);
          continue;
        }
        const was = state.place;
        at = takeRun(state, chunk, at);
        if (at >= chunk.length) break;
        STEPS[was](state, chunk[at]!, listener);
        if (was !== 'command' && state.place === 'command') {
          if (at > from) runs.push(chunk.subarray(from, at));
          from = -1;
        } else if (was === 'command' && state.place !== 'command') from = at;
        at += 1;
      }
      if (from >= 0 && from < chunk.length) runs.push(chunk.subarray(from));
      return runs;
    },
    rest: () => Buffer.from(state.text, 'latin1').toString('utf8').trim(),
    isWhole: () => state.place === 'sql' && state.text.trim() === '' && state.parentheses === 0,
  };
}

type Step = (state: State, byte: number, listener: SqlListener) => void;

const STEPS: Readonly<Record<Exclude<Place, 'rows'>, Step>> = {
  sql: takeSql,
  single: (state, byte) => {
    keep(state, byte);
    if (byte === QUOTE) closeString(state, 'single');
  },
  escaped: (state, byte) => {
    keep(state, byte);
    if (state.skip) state.skip = false;
    else if (byte === BACKSLASH) state.skip = true;
    else if (byte === QUOTE) closeString(state, 'escaped');
  },
  double: (state, byte) => {
    keep(state, byte);
    if (byte === DOUBLE) state.place = 'sql';
  },
  tag: takeTag,
  dollar: takeDollar,
  line: (state, byte, listener) => {
    if (byte !== LF) return cut(state, byte);
    // CRLF line ends mean the same.
    listener.comment(state.short.replace(/\r$/, ''));
    state.place = 'sql';
    takeSql(state, byte, listener);
  },
  block: takeBlock,
  command: (state, byte, listener) => {
    if (byte !== LF) return cut(state, byte);
    listener.command(Buffer.from(state.short, 'latin1').toString('utf8'));
    state.place = 'sql';
    takeSql(state, byte, listener);
  },
};

function takeSql(state: State, byte: number, listener: SqlListener): void {
  const { previous } = state;
  if (isWordByte(byte)) state.word += String.fromCharCode(byte).toLowerCase();
  else if (state.word !== '') endWord(state);
  const opened = openedBy(state, byte, previous);
  if (opened !== null) {
    open(state, opened, byte);
    return;
  }
  if (byte === LF && state.rowsFollow) {
    Object.assign(state, { place: 'rows', rowsFollow: false, ...NO_ROW });
    return;
  }
  if (byte > 32 && state.continues !== null) state.continues = null;
  // A dollar sign inside a name belongs to it, and so does the next one.
  state.beforePrevious = previous;
  state.previous = byte === DOLLAR && isWordByte(previous) ? UNDERSCORE : byte;
  if (byte === OPEN) openParenthesis(state);
  if (byte === CLOSE && state.parentheses > 0) state.parentheses -= 1;
  if (byte === SEMICOLON && state.parentheses === 0 && state.blocks === 0) endStatement(state, listener);
  else keep(state, byte);
}

/** Returns what starts with this byte, or null. */
function openedBy(state: State, byte: number, previous: number): Place | null {
  if (byte === QUOTE) {
    const isEscaped = (previous === 69 || previous === 101) && !isWordByte(state.beforePrevious);
    return state.continues ?? (isEscaped ? 'escaped' : 'single');
  }
  if (byte === DOUBLE) return 'double';
  if (byte === BACKSLASH) return 'command';
  if (byte === DASH && previous === DASH) return 'line';
  if (byte === STAR && previous === SLASH) return 'block';
  return byte === DOLLAR && !isWordByte(previous) ? 'tag' : null;
}

function open(state: State, place: Place, byte: number): void {
  Object.assign(state, { place, short: '', skip: false, tag: '', candidate: null, continues: null });
  if (place === 'command') state.short = '\\';
  // The first half of the comment start is at the end of the text.
  if (place === 'line' || place === 'block')
    Object.assign(state, { text: `${state.text.slice(0, -1)} `, depth: 1, last: 0 });
  else if (place !== 'command') keep(state, byte);
  state.beforePrevious = LF;
  state.previous = LF;
}

function closeString(state: State, kind: 'single' | 'escaped'): void {
  state.place = 'sql';
  state.continues = kind;
}

function takeTag(state: State, byte: number, listener: SqlListener): void {
  if (byte === DOLLAR) {
    keep(state, byte);
    Object.assign(state, { place: 'dollar', candidate: null });
    return;
  }
  const isDigit = byte >= 48 && byte <= 57;
  if (isWordByte(byte) && !(isDigit && state.tag === '')) {
    state.tag += String.fromCharCode(byte);
    keep(state, byte);
    return;
  }
  state.place = 'sql';
  takeSql(state, byte, listener);
}

function takeDollar(state: State, byte: number): void {
  keep(state, byte);
  if (byte === DOLLAR) {
    if (state.candidate === state.tag) state.place = 'sql';
    state.candidate = '';
  } else if (state.candidate !== null) {
    const longer = state.candidate + String.fromCharCode(byte);
    state.candidate = longer.length > state.tag.length ? null : longer;
  }
}

function takeBlock(state: State, byte: number): void {
  if (state.last === SLASH && byte === STAR) state.depth += 1;
  else if (state.last === STAR && byte === SLASH) state.depth -= 1;
  else {
    state.last = byte;
    return;
  }
  state.last = 0;
  if (state.depth === 0) state.place = 'sql';
}

function openParenthesis(state: State): void {
  if (state.parentheses === 0 && state.hasValues) state.tuples += 1;
  state.parentheses += 1;
}

/** psql ends a statement at a semicolon, except inside BEGIN ATOMIC … END of CREATE FUNCTION or PROCEDURE. */
function endWord(state: State): void {
  const { word, words, parentheses } = state;
  state.word = '';
  if (parentheses > 0) return;
  if (words.length < 4) words.push(word);
  if (word === 'values') state.hasValues = true;
  const what = words.slice(1).find((name) => name !== 'or' && name !== 'replace');
  if (words[0] !== 'create' || (what !== 'function' && what !== 'procedure')) return;
  if (word === 'begin' || (word === 'case' && state.blocks > 0)) state.blocks += 1;
  else if (word === 'end' && state.blocks > 0) state.blocks -= 1;
}

function endStatement(state: State, listener: SqlListener): void {
  const text = Buffer.from(state.text, 'latin1').toString('utf8').trim();
  const { tuples } = state;
  Object.assign(state, {
    text: '',
    words: [],
    tuples: 0,
    hasValues: false,
    continues: null,
    beforePrevious: LF,
    previous: LF,
  });
  if (text !== '') state.rowsFollow = listener.statement(text, tuples);
}

/** Consumes a whole word or the rest of a string at once: byte by byte would take ten times as long. */
function takeRun(state: State, chunk: Buffer, from: number): number {
  if (state.place === 'single') {
    const end = chunk.indexOf(QUOTE, from);
    const stop = end < 0 ? chunk.length : end;
    keepRun(state, chunk, from, stop);
    return stop;
  }
  if (state.place !== 'sql') return from;
  let stop = from;
  while (stop < chunk.length && isWordByte(chunk[stop]!)) stop += 1;
  if (stop - from < 2) return from;
  keepRun(state, chunk, from, stop);
  if (state.word.length < SHORT_LIMIT) state.word += chunk.toString('latin1', from, stop).toLowerCase();
  state.beforePrevious = chunk[stop - 2]!;
  state.previous = chunk[stop - 1]!;
  state.continues = null;
  return stop;
}

function keepRun(state: State, chunk: Buffer, from: number, stop: number): void {
  const room = TEXT_LIMIT - state.text.length;
  if (room > 0) state.text += chunk.toString('latin1', from, Math.min(stop, from + room));
}

/** The start of a row that cannot be the end of the rows. */
const ORDINARY = 'row.';

function takeRows(state: State, listener: SqlListener, chunk: Buffer, start: number): number {
  const end = chunk.indexOf(LF, start);
  const stop = end < 0 ? chunk.length : end;
  if (state.rowHead === '' && chunk[start] !== BACKSLASH) state.rowHead = ORDINARY;
  if (state.rowHead.length < ORDINARY.length)
    state.rowHead += chunk.toString('latin1', start, Math.min(stop, start + 4));
  state.rowBytes += stop - start;
  countTabs(state, chunk, start, stop);
  if (end < 0) return stop;
  if (state.rowHead === '\\.' || state.rowHead === '\\.\r') state.place = 'sql';
  else listener.row(state.rowBytes + 1, state.rowEscapes ? null : state.rowTabs);
  Object.assign(state, NO_ROW);
  return end + 1;
}

const NO_ROW = { rowHead: '', rowBytes: 0, rowTabs: 0, rowEscapes: false, lastOfRow: 0 };

function countTabs(state: State, chunk: Buffer, start: number, stop: number): void {
  let last = state.lastOfRow;
  for (let at = start; at < stop; at += 1) {
    const byte = chunk[at]!;
    if (byte === TAB) {
      state.rowTabs += 1;
      if (last === BACKSLASH) state.rowEscapes = true;
    }
    last = byte;
  }
  state.lastOfRow = last;
}

function keep(state: State, byte: number): void {
  if (state.text.length < TEXT_LIMIT) state.text += String.fromCharCode(byte);
}

function cut(state: State, byte: number): void {
  if (state.short.length < SHORT_LIMIT) state.short += String.fromCharCode(byte);
}

/** The position of a lexer in the grammar. */
export type Place = 'sql' | 'single' | 'escaped' | 'double' | 'tag' | 'dollar' | 'line' | 'block' | 'command' | 'rows';

/** The state of a lexer between two bytes. */
export interface State {
  place: Place;
  /** The last two bytes of SQL outside strings and comments. */
  previous: number;
  beforePrevious: number;
  text: string;
  short: string;
  word: string;
  words: string[];
  parentheses: number;
  /** Depth of BEGIN ATOMIC … END in a function body. */
  blocks: number;
  tuples: number;
  hasValues: boolean;
  /** The kind of the last string, while another quote would continue it. */
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
  /** The row has a tab after a backslash. */
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

/** Returns the state at the start of a script. */
export const freshState = (): State => ({ ...FRESH, words: [] });

/** Returns whether a byte belongs to a word: letters, digits, the underscore, and everything beyond ASCII. */
export function isWordByte(byte: number): boolean {
  return (
    (byte >= 97 && byte <= 122) ||
    (byte >= 65 && byte <= 90) ||
    (byte >= 48 && byte <= 57) ||
    byte === 95 ||
    byte >= 128
  );
}

/** Receives the parts of an SQL script. An exception stops the reading. */
export interface SqlListener {
  /**
   * A statement is complete: its text without comments, truncated to 64 KiB; `tuples` is the number of top-level parentheses after VALUES.
   * Returns true if rows for COPY follow on the next lines.
   */
  statement(text: string, tuples: number): boolean;
  /**
   * A line of rows is complete, `bytes` long including its end; not called for the last line `\.`. `tabs` is the number of column
   * separators, null if escaped tabs make it uncertain.
   */
  row(bytes: number, tabs: number | null): void;
  /** A line comment, without its dashes, truncated. */
  comment(text: string): void;
  /** A backslash command of psql, up to the end of its line, truncated. */
  command(text: string): void;
}

/** Reads a script as psql does, with constant memory. */
export interface SqlLexer {
  /** Takes the next bytes, in pieces of any size, and returns those that are not backslash commands. */
  push(chunk: Buffer): Buffer[];
  /** Returns whether everything that was started is finished; otherwise the script was truncated. */
  isWhole(): boolean;
  /** Returns the text after the last complete statement, without comments. */
  rest(): string;
}
