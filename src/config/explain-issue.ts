import type { z } from 'zod';
import { closest } from '../kernel/closest.js';
import { keysAt } from './known-keys.js';
import { LIBPQ_KEYWORDS } from './libpq/keywords.js';

/** A mistake at a key of the configuration file. */
export interface Finding {
  readonly key: readonly PropertyKey[];
  readonly text: string;
  readonly suggestion: string | null;
}

/** Explains in plain words what the schema check found. `root` is the complete value that was checked. */
export function explainIssue(issue: z.core.$ZodIssue, root: unknown): Finding[] {
  const key = issue.path;
  const name = String(key.at(-1) ?? 'the file');
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((unknown) => unknownKey(key, unknown));
    case 'invalid_type':
      return [{ key, ...wrongType(name, issue.expected, valueAt(root, key)) }];
    case 'invalid_value': {
      const allowed = issue.values.map(String);
      const typed = valueAt(root, key);
      const guess = typeof typed === 'string' ? closest(typed, allowed) : undefined;
      const text = `${name} must be one of ${allowed.join(', ')}`;
      return [{ key, text, suggestion: guess === undefined ? null : `did you mean ${guess}?` }];
    }
    case 'invalid_union':
      return explainUnion(issue, name, root);
    case 'invalid_key':
      return [{ key, text: `the name '${name}' ${issue.issues[0]?.message ?? 'is not allowed'}`, suggestion: null }];
    case 'too_small':
      return [{ key, text: tooSmall(name, issue.origin, Number(issue.minimum)), suggestion: null }];
    case 'too_big':
      return [{ key, text: `${name} must be at most ${issue.maximum}`, suggestion: null }];
    default:
      return [{ key, text: `${name} ${issue.message}`, suggestion: hint(name, valueAt(root, key)) }];
  }
}

/** If a value may have several forms, picks the form of its kind and reports what is wrong with it. */
function explainUnion(issue: z.core.$ZodIssueInvalidUnion, name: string, root: unknown): Finding[] {
  const key = issue.path;
  const isOther = (one: z.core.$ZodIssue): boolean =>
    one.path.length === 0 && (one.code === 'invalid_type' || (one.code === 'invalid_value' && isBlock));
  const isBlock = typeof valueAt(root, key) === 'object';
  const meant = issue.errors.find((issues) => !issues.some(isOther));
  if (meant !== undefined) return meant.flatMap((one) => explainIssue({ ...one, path: [...key, ...one.path] }, root));
  const kinds = name === 'application' ? 'text or a block with name and schema' : 'text or a list of texts';
  return [{ key, text: `${name} must be ${kinds}`, suggestion: null }];
}

function unknownKey(parent: readonly PropertyKey[], unknown: string): Finding {
  const key = [...parent, unknown];
  const text = `unknown key '${unknown}'`;
  if (parent.at(-1) === 'database') {
    const told = inDatabase(unknown);
    if (told !== null) return { key, text, suggestion: told };
  }
  const known = keysAt(parent);
  const guess = closest(unknown, known);
  const suggestion = guess === undefined ? `known here: ${known.join(', ')}` : `did you mean '${guess}'?`;
  return { key, text, suggestion };
}

function inDatabase(unknown: string): string | null {
  if (unknown === 'dbname' || unknown === 'database') return "libpq's dbname is called 'name' here";
  if (unknown === 'password' || unknown === 'pass')
    return 'a password does not belong here: use password_file, password_command or .pgpass';
  if (unknown === 'username') return "did you mean 'user'?";
  return unknown in LIBPQ_KEYWORDS ? `libpq knows '${unknown}', but potctl does not support it` : null;
}

function wrongType(name: string, expected: string, actual: unknown): { text: string; suggestion: string | null } {
  const words: Record<string, string> = {
    string: 'text',
    int: 'a whole number',
    number: 'a whole number',
    object: 'a block of keys',
    record: 'a block of names',
    array: 'a list',
    boolean: 'true or false',
  };
  if (actual === undefined) return { text: `${name} is missing`, suggestion: null };
  const text = `${name} must be ${words[expected] ?? expected}`;
  if (actual === null) return { text: `${text}, but it is empty`, suggestion: null };
  if (expected === 'string' && ['number', 'boolean'].includes(typeof actual))
    return { text, suggestion: 'put it in quotes' };
  if (typeof actual === 'string' && /^\d+$/.test(actual)) return { text, suggestion: 'write it without quotes' };
  return { text, suggestion: null };
}

function tooSmall(name: string, origin: string, minimum: number): string {
  if (origin === 'string' || origin === 'array') return `${name} must not be empty`;
  return `${name} must be at least ${minimum}`;
}

function hint(name: string, value: unknown): string | null {
  if (typeof value !== 'string') return null;
  if (value.startsWith('AGE-SECRET-KEY-')) return 'this is a private key; only the public key, age1…, belongs here';
  if (name === 'within' || name === 'keep_old') return /^\d+$/.test(value) ? 'add a unit, e.g. h or d' : null;
  return null;
}

function valueAt(root: unknown, key: readonly PropertyKey[]): unknown {
  let value: unknown = root;
  for (const step of key) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[step];
  }
  return value;
}
