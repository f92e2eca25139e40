import { isMap, isPair, isScalar, LineCounter, type ParsedNode, parseDocument } from 'yaml';
import { explainIssue } from './explain-issue.js';
import type { Problem } from './problems.js';
import { findSecrets, furtherProblems } from './rules.js';
import { type ConfigFile, configSchema } from './schema.js';

/** A parsed configuration file. `document` is null if it has mistakes. */
export interface ParsedConfig {
  readonly document: ConfigFile | null;
  /** All mistakes, in the order of the file. */
  readonly problems: readonly Problem[];
  /** Keys whose value is a secret written in the file itself. */
  readonly secrets: readonly string[];
  /** `file:line` of a key, or of its nearest parent that the file contains. */
  where(key: readonly PropertyKey[]): string;
}

/**
 * Parses YAML and checks it against the schema and its rules. Pure: text in, a value and every mistake out.
 *
 * @param mode permission bits of the file: a secret in a file that others can read is a mistake
 */
export function parseConfig(text: string, file: string, mode: number): ParsedConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, intAsBigInt: true, prettyErrors: false });
  const { where, problem } = locator(document, lines, file);
  const broken = syntaxProblems(document, lines, file);
  if (broken.length > 0) return { document: null, problems: broken, secrets: [], where };

  const plain = plainValue(document);
  if (typeof plain === 'string') return { document: null, problems: [problem([], plain)], secrets: [], where };
  const checked = configSchema.safeParse(plain.value ?? {});
  const found = checked.success
    ? furtherProblems(checked.data)
    : checked.error.issues.flatMap((issue) => explainIssue(issue, plain.value));
  const secrets = findSecrets(plain.value);
  const exposed = (mode & 0o077) === 0 ? [] : secrets;
  const problems = [
    ...found.map(({ key, text, suggestion }) => problem(key, text, suggestion)),
    ...exposed.map((key) => problem(key, 'this is a secret, and the file is readable by others', `chmod 0600 ${file}`)),
  ].sort((a, b) => a.line - b.line || a.column - b.column);
  return {
    document: checked.success && problems.length === 0 ? checked.data : null,
    problems,
    secrets: secrets.map((key) => key.join('.')),
    where,
  };
}

type Parsed = ReturnType<typeof parseDocument<ParsedNode>>;

/** Maps keys to positions in the file. */
function locator(document: Parsed, lines: LineCounter, file: string) {
  const place = (key: readonly PropertyKey[]): { line: number; column: number } => {
    const { line, col } = lines.linePos(offsetOf(document.contents, key));
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const where = (key: readonly PropertyKey[]): string => `${file}:${place(key).line}`;
  const problem = (key: readonly PropertyKey[], text: string, suggestion: string | null = null): Problem => ({
    file,
    ...place(key),
    key: key.map(String).join('.'),
    problem: text,
    suggestion,
  });
  return { where, problem };
}

function syntaxProblems(document: Parsed, lines: LineCounter, file: string): Problem[] {
  return [...document.errors, ...document.warnings].map((error) => {
    const { line, col } = lines.linePos(error.pos[0]);
    return { file, line, column: col, key: '', problem: error.message.split('\n')[0] ?? error.code, suggestion: null };
  });
}

/** The plain value, or why there is none. Integers too large for a number stay strings of digits: a system identifier has 19 digits. */
function plainValue(document: ReturnType<typeof parseDocument>): { value: unknown } | string {
  try {
    return { value: withoutBigInts(document.toJS({ maxAliasCount: 100 })) };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function withoutBigInts(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (Array.isArray(value)) return value.map(withoutBigInts);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutBigInts(inner)]));
}

/** The offset of a key in the text, or of its nearest parent that the file contains. */
function offsetOf(root: ParsedNode | null, key: readonly PropertyKey[]): number {
  let node: unknown = root;
  let offset = root?.range[0] ?? 0;
  for (const step of key) {
    const next = isMap(node)
      ? node.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step))
      : null;
    const inner = next ? next.value : itemAt(node, step);
    const at = next ? rangeOf(next.key) : rangeOf(inner);
    if (at === undefined) break;
    offset = at;
    node = inner;
  }
  return offset;
}

function itemAt(node: unknown, step: PropertyKey): unknown {
  if (typeof node !== 'object' || node === null || !('items' in node) || isMap(node)) return undefined;
  return (node as { items: unknown[] }).items[Number(step)];
}

function rangeOf(node: unknown): number | undefined {
  return typeof node === 'object' && node !== null && 'range' in node
    ? (node as { range?: readonly number[] }).range?.[0]
    : undefined;
}
